//! What has changed since somebody looked: for pages that are kept up to date. What he has seen is in the token that he
//! was given, so that nothing has to be remembered of him here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::query::Asked;
use super::{Api, Refused, answer};
use crate::inbox::{EventView, Filter};

/// Events that are asked for at once.
const KEYS: usize = 100;
/// More new ones are not counted.
const NEWER: usize = 100;

/// The form of a token, its length without events, and how much there is of each of those.
const FORM: u8 = 1;
const HEAD: usize = 9;
const EACH: usize = 12;

/// How many events are newer that match, and those of `keys` that are not as they were.
pub(super) async fn changes(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let read = || {
        let asked = Asked::read(&uri, &["after", "keys"])?;
        let seen = asked.get("after").map(|text| Seen::read(text).ok_or("after is no `token` of an answer before"));
        Ok((asked.filter(NEWER + 1)?, seen.transpose()?, keys(asked.get("keys").unwrap_or_default())?))
    };
    let (filter, seen, keys) = read().map_err(|what: String| Refused::because(&what))?;
    let newest = desk.newest(&Filter { limit: if seen.is_some() { NEWER + 1 } else { 1 }, ..filter }).await?;
    let mut now = Seen { newest: newest.first().copied().unwrap_or_default(), events: Vec::new() };
    let mut changed: Vec<EventView> = Vec::new();
    for key in keys {
        let event = desk.show(&key.to_string()).await?;
        let digest = event.as_ref().map_or(0, |event| xxh3_64(json!(event).to_string().as_bytes()));
        now.events.push((short(key), digest));
        let known = seen.as_ref().and_then(|seen| seen.of(key));
        // What was not asked for before is known from elsewhere.
        if known.is_some_and(|known| known != digest) {
            changed.extend(event);
        }
    }
    // What was removed since is not to make others look new.
    now.newest = now.newest.max(seen.as_ref().map_or(i64::MIN, |seen| seen.newest));
    let newer = newest.iter().filter(|sequence| seen.as_ref().is_some_and(|seen| **sequence > seen.newest)).count();
    Ok(answer(&json!({
        "token": now.token(),
        "newer": newer.min(NEWER),
        "more": newer > NEWER,
        "events": changed,
    })))
}

fn keys(text: &str) -> Result<Vec<Uuid>, String> {
    let keys = text.split(',').filter(|key| !key.is_empty());
    let keys: Option<Vec<_>> = keys.take(KEYS + 1).map(|key| Uuid::try_parse(key).ok()).collect();
    let keys = keys.ok_or("keys is no list of keys of events, with commas")?;
    if keys.len() > KEYS { Err(format!("keys has more than {KEYS}")) } else { Ok(keys) }
}

/// What somebody has seen.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// The newest event of all.
    newest: i64,
    /// Beginnings of keys, each with a digest of what there was of it.
    events: Vec<([u8; 4], u64)>,
}

impl Seen {
    fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (head, events) = bytes.split_at_checked(HEAD)?;
        let (form, newest) = head.split_first()?;
        if *form != FORM || events.len() % EACH != 0 || events.len() > KEYS * EACH {
            return None;
        }
        let each = events.chunks(EACH).map(|each| {
            let (key, digest) = each.split_at(4);
            Some((key.try_into().ok()?, u64::from_be_bytes(digest.try_into().ok()?)))
        });
        Some(Self { newest: i64::from_be_bytes(newest.try_into().ok()?), events: each.collect::<Option<_>>()? })
    }

    fn token(&self) -> String {
        let mut bytes = vec![FORM];
        bytes.extend(self.newest.to_be_bytes());
        for (key, digest) in &self.events {
            bytes.extend(key);
            bytes.extend(digest.to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn of(&self, key: Uuid) -> Option<u64> {
        self.events.iter().find(|(known, _)| *known == short(key)).map(|(_, digest)| *digest)
    }
}

/// Enough to tell a hundred events apart. Ids that people make up may begin alike.
fn short(key: Uuid) -> [u8; 4] {
    let digest = xxh3_64(key.as_bytes()).to_be_bytes();
    [digest[0], digest[1], digest[2], digest[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_was_seen_and_nothing_else_is_one() {
        let events = (0..100).map(|number| (short(Uuid::from_u128(number)), 7)).collect();
        let seen = Seen { newest: -5, events };

        assert_eq!(Seen::read(&seen.token()), Some(seen));
        for text in ["", "AQ", "AAAAAAAAAAAA", "AQAAAAAAAAAAAA", "ä"] {
            assert_eq!(Seen::read(text), None, "{text}");
        }
    }
}
