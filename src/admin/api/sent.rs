//! What somebody sends who wants something done: who he is and whether he may, found out before anything is read; then
//! JSON, small, and nothing in it that is not known.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::timeout;

use super::Refused;
use super::once::Once;
use crate::admin::access::{Role, Visitor, Way};
use crate::desk::{LONGEST_REASON, Person, reason};
use crate::respond::{self, Declined};
use crate::shown;

/// Nothing that is sent is larger, nor takes longer to come.
const LARGEST: usize = 64 << 10;
const WHILE: Duration = Duration::from_secs(10);

/// What somebody wants done.
pub(super) struct Sent<T> {
    /// Who that is.
    pub(super) person: Person,
    /// What he has sent.
    pub(super) body: T,
    /// What he is recognised by if he sends it again.
    pub(super) once: Option<Once>,
}

impl<T: DeserializeOwned + std::fmt::Debug> Sent<T> {
    /// Reads a request of somebody who has come that way.
    pub(super) async fn read(visitor: &Visitor, way: Way, request: Request) -> Result<Self, Refused> {
        let person = operator(visitor, way)?;
        let (parts, body) = request.into_parts();
        let named = parts.headers.get(CONTENT_TYPE).map(|named| named.to_str().unwrap_or_default().to_owned());
        let whole = match timeout(WHILE, to_bytes(body, LARGEST)).await {
            Ok(Ok(whole)) => whole,
            Ok(Err(error)) if is_too_large(&error) => {
                let detail = "what is sent here has 64 KiB at the most";
                return Err(Refused::new(respond::declined(Declined::TooLarge, detail)));
            }
            Ok(Err(_)) | Err(_) => return Err(Refused::because("the body has not come whole")),
        };
        if named.as_deref().map_or(!whole.is_empty(), |named| !is_json(named)) {
            let detail = "only JSON is taken here, as content-type: application/json";
            return Err(Refused::new(respond::declined(Declined::MediaType, detail)));
        }
        let text: &[u8] = if whole.is_empty() { b"{}" } else { &whole };
        if !is_object(text) && serde_json::from_slice::<IgnoredAny>(text).is_ok() {
            return Err(Refused::unfit("an object is expected, with the fields by their names"));
        }
        let body = serde_json::from_slice(text).map_err(|error| {
            let what = shown::line(&error.to_string());
            if error.is_data() {
                Refused::unfit(&what)
            } else {
                Refused::because(&format!("the body is no JSON: {what}"))
            }
        })?;
        let once = match idempotency_key(&parts.headers)? {
            Some(key) => Some(Once::new(&person.who, key, &format!("{} {body:?}", parts.uri.path()))),
            None => None,
        };
        Ok(Self { person, body, once })
    }
}

/// Fields without names would do for some readers.
fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}

fn is_json(named: &str) -> bool {
    named.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Who acts, for what is kept of it, if he may.
fn operator(visitor: &Visitor, way: Way) -> Result<Person, Refused> {
    if visitor.role != Role::Operator {
        let detail = "whoever changes something here is to be an operator; you may look";
        return Err(Refused::new(respond::declined(Declined::NotAllowed, detail)));
    }
    Ok(Person { who: visitor.name.clone(), via: "api", address: Some(way.client().to_string()) })
}

/// What the sender recognises his request by, if he wants it done once however often he sends it.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let text = std::str::from_utf8(key.as_bytes()).unwrap_or_default();
    let is_one = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_one || keys.next().is_some() {
        return Err(Refused::because("Idempotency-Key is one value of 1 to 255 visible ASCII characters"));
    }
    Ok(Some(text))
}

/// A reason as it is kept. What is blank is none.
pub(super) fn given(text: Option<&str>) -> Result<Option<String>, Refused> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    if text.contains('\0') {
        return Err(Refused::unfit("the reason has a NUL in it"));
    }
    let kept = reason(text);
    kept.map(Some).ok_or_else(|| Refused::unfit(&format!("the reason has more than {LONGEST_REASON} characters")))
}

/// A reason where there has to be one.
pub(super) fn required(text: Option<&str>) -> Result<String, Refused> {
    given(text)?.ok_or_else(|| Refused::unfit("reason is missing: why this is not to be delivered"))
}
