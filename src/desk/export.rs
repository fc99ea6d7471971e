//! Events as JSON lines that `replay` and any script can read.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::inbox::EventView;

/// One line: the event with its deliveries, and its body as text, or in Base64 if it is no UTF-8.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    #[serde(flatten)]
    event: &'a EventView,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl<'a> Line<'a> {
    /// The line of an event that has that body.
    pub fn new(event: &'a EventView, body: &'a [u8]) -> Self {
        let text = std::str::from_utf8(body);
        Self { event, body: text.ok(), body_base64: text.is_err().then(|| STANDARD.encode(body)) }
    }

    /// Writes it, with the end of the line.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}
