//! From bytes to an [`Envelope`]: by media type, else by the first character.
//!
//! Each encoding is a file of its own with two functions: one that proves the whole body well-formed
//! and reads its envelope in one pass without building a tree, and one that makes the JSON a handler
//! gets. The first runs before an answer is given, the second when the event is delivered. `found` is what both
//! encodings look for, by the table in `model/kinds.rs`, and `position` says where in a body a fault is. `message`
//! reads the whole body as types, and `content` tells whether two bodies say the same.

use std::borrow::Cow;

use bytes::Bytes;

use crate::model::{Envelope, Format};

/// Why a body is no Tradecloud event. The text says where and what, and never repeats the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Neither JSON nor XML, by media type and by first character.
    #[error("{0}")]
    UnknownEncoding(String),
    /// Not well-formed, at a line and column (both from 1; the column counts characters).
    #[error("line {line}, column {column}: {what}")]
    Malformed {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in characters, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// Well-formed, but none of Tradecloud's events.
    #[error("{0}")]
    NoEvent(String),
}

pub(crate) mod json;

mod content;
mod found;
mod message;
mod position;
mod txml;

pub(crate) use content::{Body, Content, say_the_same};

/// Reads what routing needs to know of a body, and proves all of it well-formed.
///
/// The encoding is told by the first character; the media type decides only where that says nothing,
/// because a wrong header is no reason to turn an event away. Beside the body it takes a small constant
/// amount of memory, whatever the body holds.
///
/// # Errors
/// The caller refuses the body for good: the same body would fail again. [`DecodeError::UnknownEncoding`]
/// if it is neither JSON nor XML, [`DecodeError::Malformed`] if it is not well-formed,
/// [`DecodeError::NoEvent`] if it is none of Tradecloud's events.
///
/// ```
/// use bytes::Bytes;
/// use tradecloud_webhook::decode::envelope;
/// use tradecloud_webhook::model::Format;
///
/// let body = Bytes::from_static(b"<OrderWebhook><orderEvent><orderId>a334</orderId></orderEvent></OrderWebhook>");
/// let envelope = envelope(Some("application/xml; charset=utf-8"), &body)?;
/// assert_eq!(envelope.format, Format::Txml);
/// assert_eq!(envelope.subject.as_deref(), Some("a334"));
/// # Ok::<(), tradecloud_webhook::decode::DecodeError>(())
/// ```
pub fn envelope(content_type: Option<&str>, body: &Bytes) -> Result<Envelope, DecodeError> {
    match format(content_type, body)? {
        Format::Json => json::envelope(body),
        Format::Txml => txml::envelope(body),
    }
}

/// The JSON of a body: that of a JSON body is the text itself, without byte order mark and white
/// space around it; that of a tXML body is what Tradecloud would have sent as JSON.
///
/// # Errors
/// Only for a body that [`envelope`] did not accept. (A JSON body is not looked at again.)
pub fn to_json(format: Format, body: &[u8]) -> Result<Cow<'_, [u8]>, DecodeError> {
    match format {
        Format::Json => Ok(Cow::Borrowed(json::strip(body))),
        Format::Txml => txml::to_json(body).map(Cow::Owned),
    }
}

/// Whether an event says which state of its order or shipment it brings: by `lastUpdatedAt` or `version`, of a
/// shipment also in its `meta`. If so, the same body is the same event.
pub(crate) fn names_its_state(format: Format, body: &[u8]) -> bool {
    to_json(format, body).is_ok_and(|json| json::names_its_state(&json))
}

/// The most memory that a body of that size takes while it is delivered: itself, the JSON that is made of it, and a
/// copy of that on its way. The JSON of tXML can be twice as long.
///
/// To make that JSON takes up to four times the body besides, for a moment. Of small bodies that is in here; the
/// large ones take turns, so for them it is needed once, however many there are.
pub(crate) fn memory(format: Format, size: usize) -> usize {
    let times = match format {
        Format::Json => 3,
        Format::Txml if size > txml::LARGE => 5,
        Format::Txml => 7,
    };
    size.saturating_mul(times)
}

/// Which encoding a body is in.
fn format(content_type: Option<&str>, body: &[u8]) -> Result<Format, DecodeError> {
    let body = position::without_mark(body);
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => return Ok(Format::Json),
        Some(b'<') => return Ok(Format::Txml),
        _ => {}
    }
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    let is = |subtype: &str| {
        ["application", "text"].iter().any(|kind| essence.strip_prefix(kind) == Some(&format!("/{subtype}")))
            || (essence.contains('/') && essence.ends_with(&format!("+{subtype}")))
    };
    if is("json") {
        Ok(Format::Json)
    } else if is("xml") {
        Ok(Format::Txml)
    } else if body.is_empty() {
        Err(DecodeError::UnknownEncoding("the body is empty: expected a JSON object or an XML document".to_owned()))
    } else {
        Err(DecodeError::UnknownEncoding(
            "the body is neither JSON nor XML: it begins with neither { nor <, and its media type does not tell"
                .to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_character_wins_over_the_media_type() {
        for media in [None, Some("application/json"), Some("text/plain"), Some("application/xml")] {
            assert_eq!(format(media, b" \n{").unwrap(), Format::Json);
            assert_eq!(format(media, b"\xEF\xBB\xBF<a/>").unwrap(), Format::Txml);
        }
    }

    #[test]
    fn the_media_type_decides_where_the_first_character_does_not() {
        for media in ["application/json", "Text/JSON", "application/vnd.tradecloud+json; charset=utf-8"] {
            assert_eq!(format(Some(media), b"null"), Ok(Format::Json), "{media}");
        }
        for media in ["application/xml", "TEXT/XML;charset=utf-8", "image/svg+xml"] {
            assert_eq!(format(Some(media), b""), Ok(Format::Txml), "{media}");
        }
        for media in ["application/jsonx", "application/x-json", "json", "+json", ""] {
            assert!(matches!(format(Some(media), b"null"), Err(DecodeError::UnknownEncoding(_))), "{media}");
        }
    }
}
