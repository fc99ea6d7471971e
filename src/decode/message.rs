//! From JSON to a [`Message`]: the whole body as types, for whoever computes with it.

use serde::Deserialize;

use super::{DecodeError, encoding, json};
use crate::model::{Format, Kind, Message};

impl Message {
    /// Reads the JSON of a body, as [`Event::data`](crate::event::Event::data) gives it.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] if the text is no JSON or a known field holds something of another
    /// type than documented, or twice; the text names the field by its path and does not repeat its
    /// value.
    /// [`DecodeError::NoEvent`] if the body is no event, or one of another kind than `kind`.
    pub fn from_json(kind: Kind, json: &[u8]) -> Result<Self, DecodeError> {
        let (found, is_bare) = json::kind(&encoding::text(Format::Json, None, json)?)?;
        if found != kind {
            return Err(DecodeError::NoEvent(format!(
                "expected an event of kind {kind}, the body is one of kind {found}"
            )));
        }
        match (is_bare, kind) {
            (false, _) => read(json).map(Self::Webhook),
            (true, Kind::Shipment) => read(json).map(Self::Shipment),
            (true, Kind::Order | Kind::OrderDocuments) => read(json).map(Self::Order),
        }
    }
}

/// Reads one type from the JSON; an error names the field.
fn read<T: for<'de> Deserialize<'de>>(json: &[u8]) -> Result<T, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        json::refused(json, &path, error.inner())
    })
}
