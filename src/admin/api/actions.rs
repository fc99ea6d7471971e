//! What people did, from wherever; and how far it is, where it goes on.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::acts::id_of;
use super::events::Key;
use super::once::Ids;
use super::plans::Nothing;
use super::query::Asked;
use super::sent::Sent;
use super::{Api, Refused, answer};
use crate::admin::access::{Visitor, Way};
use crate::respond::{self, Declined, Done};

/// What a cursor begins with.
const CURSOR: &str = "a1:";

/// The newest first.
pub(super) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let read = || {
        let asked = Asked::only(&uri, &["limit", "after"])?;
        let before = asked.get("after").map(|text| place(text).ok_or("after is no `next` of a page before".to_owned()));
        Ok((before.transpose()?, asked.limit()?))
    };
    let (before, limit) = read().map_err(|what: String| Refused::because(&what))?;
    let (deeds, next) = desk.deeds(before, limit).await?;
    Ok(answer(&json!({"items": deeds, "next": next.map(|(at, id)| cursor(at, id))})))
}

/// One.
pub(super) async fn one(State(api): State<Arc<Api>>, key: Key) -> Result<Response, Refused> {
    let (desk, id) = (api.desk()?, id_of(&key, "action")?);
    let deed = desk.deed(id).await?;
    deed.map(|deed| answer(&json!(deed))).ok_or_else(not_there)
}

/// Stops what goes on. What was done stays.
pub(super) async fn stop(
    State(api): State<Arc<Api>>,
    Extension(visitor): Extension<Visitor>,
    Extension(way): Extension<Way>,
    key: Key,
    request: Request,
) -> Result<Response, Refused> {
    let Sent { body: Nothing {}, once, .. } = Sent::read(&visitor, way, request).await?;
    let (desk, id) = (api.desk()?, id_of(&key, "action")?);
    let work = async |_: Ids| {
        if desk.stop(id).await? {
            return Ok((Done::Begun, json!({"action": id})));
        }
        Err(match desk.deed(id).await? {
            None => not_there(),
            Some(_) => Refused::new(respond::declined(Declined::Conflict, "it has come to its end")),
        })
    };
    api.answers.once(once, work).await
}

fn not_there() -> Refused {
    Refused::new(respond::declined(Declined::NotThere, "there is no action of that id"))
}

/// The `next` of a page that ends with that one.
pub(in crate::admin) fn cursor(at: Timestamp, id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(format!("{CURSOR}{}:{id}", at.as_microsecond()))
}

/// Where a page begins that has that as its `after`.
pub(in crate::admin) fn place(cursor: &str) -> Option<(Timestamp, Uuid)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at, id) = text.strip_prefix(CURSOR)?.split_once(':')?;
    Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_where_the_page_ended() {
        let (at, id) = (Timestamp::from_microsecond(1_700_000_000_123_456).unwrap(), Uuid::from_u128(7));

        assert_eq!(place(&cursor(at, id)), Some((at, id)));
        assert_eq!([place(""), place("YTE6"), place("czE6MQ"), place("ä")], [None; 4]);
    }
}
