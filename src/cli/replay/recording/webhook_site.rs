//! What webhook.site has in its lists: web requests, and beside them e-mails and DNS look-ups (docs.webhook.site,
//! "Requests").

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::Recorded;
use super::order::{Time, timestamp};
use super::request::{Body, Headers, Request, text};

/// What tells the order, and that two are the same.
#[derive(Deserialize, Default)]
struct Known {
    #[serde(default)]
    uuid: Value,
    #[serde(default)]
    created_at: Value,
    /// A number that grows within a second. Of newer exports.
    #[serde(default)]
    sorting: Value,
}

/// When an entry came, and its id; each if it says so.
pub(super) fn time_and_id(entry: &str) -> (Option<Time>, Option<Uuid>) {
    let known: Known = serde_json::from_str(entry).unwrap_or_default();
    let time = known.created_at.as_str().and_then(timestamp);
    let time = time.map(|time| Time(time, known.sorting.as_u64().unwrap_or_default()));
    (time, known.uuid.as_str().and_then(|id| id.parse().ok()))
}

/// Whose URL an entry was sent to.
pub(super) fn token(entry: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Sent {
        token_id: String,
    }
    let sent: Sent = serde_json::from_str(entry).ok()?;
    Some(sent.token_id.parse::<Uuid>().ok()?.to_string())
}

/// Reads an entry.
///
/// # Errors
/// If it cannot be sent: why, and what to do.
pub(super) fn read(entry: &[u8]) -> Result<Recorded, String> {
    let entry: Value = serde_json::from_slice(entry).unwrap_or_default();
    match text(&entry, "type")?.as_deref() {
        Some("web") | None => {}
        Some("email") => return Ok(Recorded::Skip("an e-mail, no web request".to_owned())),
        Some("dns") => return Ok(Recorded::Skip("a DNS look-up, no web request".to_owned())),
        Some(_) => return Ok(Recorded::Skip("no web request".to_owned())),
    }
    let Some(method) = text(&entry, "method")? else {
        return Err("has no `method`, so it is no web request: get the recording again".to_owned());
    };
    let mut headers = Headers::default();
    // An object of lists; an empty list if there is none.
    for (name, value) in entry.get("headers").and_then(Value::as_object).into_iter().flatten() {
        headers.take(name, value);
    }
    let body = Body::Text(text(&entry, "content")?.unwrap_or_default());
    Request { method, headers, media_type: None, size: entry.get("size").and_then(Value::as_u64), body }.recorded()
}
