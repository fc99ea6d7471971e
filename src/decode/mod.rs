//! From bytes to an [`Envelope`]: by the first character, else by media type.
//!
//! `encoding` makes text of the bytes. Of JSON and of tXML, a file or folder has two functions: one that proves the
//! whole text well-formed and reads its envelope in one pass without building a tree, and one that makes the JSON a
//! handler gets. The first runs before an answer is given, the second when the event is delivered. `found` is what both
//! look for, by the table in `model/kinds.rs`, `named` are the references they find on their way, and `position` says
//! where in a body a fault is. `message` reads the whole body as types, and `content` tells whether two bodies say the
//! same. `fetched` reads what Tradecloud's API answers, `state` when an order or shipment and its lines were changed
//! last, and `echo` whether that is news. `attached` are the documents of an event, and `inside` its partners and items.

use std::borrow::Cow;

use bytes::Bytes;

use self::encoding::Written;
use crate::model::{Envelope, Format, Reference};

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

mod attached;
mod content;
mod echo;
mod encoding;
mod fetched;
mod found;
mod inside;
mod message;
mod named;
mod position;
mod state;
mod txml;

pub(crate) use attached::{Attachment, Place, attached};
pub(crate) use content::{Body, Content, say_the_same};
pub(crate) use echo::is_echo;
pub(crate) use fetched::fetched;
pub(crate) use inside::{Told, told};
pub(crate) use state::{StateOf, state_of};

/// What is known of an event once its body has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) envelope: Envelope,
    /// What people look for it by, each once, in the order in which it stands in the body.
    pub(crate) references: Vec<Reference>,
}

/// Reads what routing needs to know of a body, and proves all of it well-formed.
///
/// Whether it is JSON or XML is told by the first character; the media type decides only where that says nothing,
/// because a wrong header is no reason to turn an event away. XML may be in any encoding: that of its byte order mark,
/// else of the charset of the media type, else of its declaration (RFC 7303); a charset over what is UTF-8 by all its
/// bytes is not believed unless the declaration agrees. JSON is UTF-8, or UTF-16 that shows.
///
/// Beside the body it takes a small bounded amount of memory, whatever the body holds. If it is not UTF-8, it takes
/// its text as well, up to three times as long; of those above 256 KiB one at a time, for which the others wait.
///
/// # Errors
/// The caller refuses the body for good: the same body would fail again. [`DecodeError::UnknownEncoding`]
/// if it is neither JSON nor XML, [`DecodeError::Malformed`] if it is not well-formed, or not in the encoding that it
/// should be in, [`DecodeError::NoEvent`] if it is none of Tradecloud's events.
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
    event(content_type, body).map(|decoded| decoded.envelope)
}

/// The same with the references by which people look for the event.
///
/// # Errors
/// As [`envelope`].
pub(crate) fn event(content_type: Option<&str>, body: &Bytes) -> Result<Decoded, DecodeError> {
    let format = format(content_type, body)?;
    let text = encoding::text(format, content_type, body)?;
    match format {
        Format::Json => json::event(&text),
        Format::Txml => txml::event(&text),
    }
}

/// The references in a body, as far as it can be read: also in one that is refused, because somebody looks for just
/// that. What stands before a fault counts, and so does what stands at the top of a body that is no event.
pub(crate) fn references(content_type: Option<&str>, body: &Bytes) -> Vec<Reference> {
    let Ok(format) = format(content_type, body) else { return Vec::new() };
    let text = encoding::readable(format, content_type, body);
    match format {
        Format::Json => json::references(&text),
        Format::Txml => txml::references(&text),
    }
}

/// The same of a request to that target: the path, with its query if it came by a method that brings no events. Where
/// there is no body, what was asked for stands in there.
pub(crate) fn references_of(target: &str, content_type: Option<&str>, body: &Bytes) -> Vec<Reference> {
    if body.is_empty() { named::in_target(target) } else { references(content_type, body) }
}

/// The JSON of a body that came with that media type, as UTF-8: that of a JSON body is the text itself, without byte
/// order mark and white space around it; that of a tXML body is what Tradecloud would have sent as JSON.
///
/// # Errors
/// Only for a body that [`envelope`] did not accept. (A JSON body is not looked at again.)
pub fn to_json<'a>(format: Format, content_type: Option<&str>, body: &'a [u8]) -> Result<Cow<'a, [u8]>, DecodeError> {
    match format {
        Format::Json => encoding::json(content_type, body),
        Format::Txml => txml::to_json(&encoding::text(format, content_type, body)?).map(Cow::Owned),
    }
}

/// The text of a body, or of its beginning, as far as it can be read, for people.
pub(crate) fn readable(content_type: Option<&str>, body: &[u8]) -> String {
    let is_txml = encoding::readable(Format::Json, content_type, body).trim_start().starts_with('<');
    let format = if is_txml { Format::Txml } else { Format::Json };
    encoding::readable(format, content_type, body).to_owned()
}

/// The bytes of a body of which somebody has kept only the text, in the encoding that it says it is in; none if that is
/// UTF-8.
pub(crate) fn bytes_of(content_type: Option<&str>, text: &str) -> Option<Vec<u8>> {
    encoding::bytes(format(content_type, text.as_bytes()).ok()?, content_type, text)
}

/// Whether an event says which state of its order or shipment it brings: by `lastUpdatedAt` or `version`, of a
/// shipment also in its `meta`. If so, the same body is the same event.
pub(crate) fn names_its_state(body: &Body) -> bool {
    body.json().is_ok_and(|json| json::names_its_state(&json))
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

/// The same of a body that is at hand: its text may take more bytes as UTF-8 than it came with. Never less than
/// [`memory`].
pub(crate) fn memory_of(format: Format, content_type: Option<&str>, body: &[u8]) -> usize {
    let longest = Written::of(format, content_type, body).map_or(body.len(), |written| written.longest(body.len()));
    body.len() + memory(format, longest).saturating_sub(longest).max(memory(format, body.len()) - body.len())
}

/// Whether a body is JSON or tXML.
fn format(content_type: Option<&str>, body: &[u8]) -> Result<Format, DecodeError> {
    let shown = Written::shown(body)?;
    match Written::first(shown, body) {
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
    } else if body.len() == shown.map_or(0, Written::mark) {
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
            assert_eq!(format(media, b"\xFF\xFE\n\0[\0").unwrap(), Format::Json);
            assert_eq!(format(media, b"\0\r\0<").unwrap(), Format::Txml);
        }
    }

    #[test]
    fn a_text_that_may_be_longer_as_utf_8_counts_for_more() {
        let of = |content_type, body: &[u8]| memory_of(Format::Txml, content_type, body);
        let (small, large) = (vec![b'<'; 1000], vec![b'<'; 2 << 20]);
        assert_eq!((of(None, &small), of(None, &large)), (7 * small.len(), 5 * large.len()));
        let latin = Some("text/xml; charset=iso-8859-15");
        assert_eq!((of(latin, &small), of(latin, &large)), (19 * small.len(), 13 * large.len()));
        let utf_16 = b"{\0".repeat(500);
        assert_eq!((memory_of(Format::Json, None, &utf_16), memory_of(Format::Json, None, &small)), (4000, 3000));
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
