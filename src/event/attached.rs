//! The documents of an event, as a handler is told of them.

use std::path::PathBuf;

use serde::Serialize;

/// A document that is attached to an event, or to a line of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// Its id in Tradecloud's object storage,
    #[serde(rename = "objectId", skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// or where the other party has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The sender's code of it, as in the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The sender's name of it, as in the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The position of the line it belongs to; `None` if it belongs to the whole order or shipment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Where it is, or why it is not to be had.
    #[serde(flatten)]
    pub held: Held,
}

/// Whether a document is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Held {
    /// It is, whole.
    Here {
        /// Where: an absolute path.
        file: PathBuf,
        /// In bytes.
        size: u64,
        /// Of its content, in lower-case hexadecimal.
        sha256: String,
        /// The media type that its sender has given it.
        #[serde(rename = "contentType", skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
    },
    /// It is gone for good, too large, or not to be had by the rules.
    Missing {
        /// Why, for people.
        missing: String,
    },
}

/// The list as text, for an attribute.
pub(super) fn to_json(documents: &[Attached]) -> String {
    serde_json::to_string(documents).unwrap_or_else(|_| "[]".to_owned())
}
