//! From bytes to an [`Envelope`]: by media type, else by the first character.
//!
//! Each encoding is a file of its own with two functions: one that proves the whole body well-formed
//! and reads its envelope in one pass without building a tree, and one that makes the JSON a handler
//! gets. The first runs before an answer is given, the second when the event is delivered.

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

pub mod json;

/// (skeleton)
pub fn envelope(_content_type: Option<&str>, _body: &Bytes) -> Result<Envelope, DecodeError> {
    unimplemented!()
}

/// (skeleton)
pub fn to_json(_format: Format, _body: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, DecodeError> {
    unimplemented!()
}
