//! Entries of HAR files (HTTP Archive 1.2), as browsers and proxies write them: no two of them quite alike.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::Value;

use super::Recorded;
use super::order::{Time, timestamp};
use super::request::{Body, Headers, Request, has, text};

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An entry; the response and the timings are of no use here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<Value>,
    #[serde(default)]
    request: Value,
}

/// When an entry was made, if it says so.
pub(super) fn time(entry: &str) -> Option<Time> {
    let entry: Entry = serde_json::from_str(entry).ok()?;
    Some(Time(timestamp(entry.started_date_time?.as_str()?)?, 0))
}

/// Reads an entry.
///
/// # Errors
/// If it cannot be sent: why, and what to do.
pub(super) fn read(entry: &[u8]) -> Result<Recorded, String> {
    let request = serde_json::from_slice(entry).map_or(Value::Null, |entry: Entry| entry.request);
    let Some(method) = text(&request, "method")? else {
        return Err("has no `request` with a `method`, so it is no entry of a HAR file: get the recording again".into());
    };
    let mut headers = Headers::default();
    for header in request.get("headers").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(name), Some(value)) = (header.get("name").and_then(Value::as_str), header.get("value")) {
            headers.take(name, value);
        }
    }
    let recorded = request.get("postData").unwrap_or(&Value::Null);
    Request {
        method,
        headers,
        media_type: text(recorded, "mimeType").ok().flatten(),
        // -1 if it is not known.
        size: request.get("bodySize").and_then(Value::as_u64),
        body: body(recorded)?,
    }
    .recorded()
}

/// The body. HAR 1.2 has text only; for others, recorders have come to write Base64, and say so by one of two names.
fn body(recorded: &Value) -> Result<Body, String> {
    let text_of = |key: &str| text(recorded, key).map(Option::unwrap_or_default);
    let text = text_of("text")?;
    if text.is_empty() && has(recorded, "params") {
        return Err("was recorded as form fields (`params`), and not as it was sent: \
                    record it with another program, or put the body into a file and use `send`"
            .to_owned());
    }
    let encoding = [text_of("encoding")?, text_of("_encoding")?].concat();
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => {
            let base64: String = text.split_ascii_whitespace().collect();
            let bytes = BASE64.decode(base64);
            bytes
                .map(Body::Bytes)
                .map_err(|_| "`postData` is said to be Base64, and is not: get the recording again".into())
        }
        "" | "utf-8" | "utf8" | "plain" | "text" => Ok(Body::Text(text)),
        _ => Err("`postData` has an encoding other than Base64, which is not known here: \
                  record it with another program, or put the body into a file and use `send`"
            .to_owned()),
    }
}
