//! What Tradecloud says, as types: the [`Envelope`] of every event, and the full message for handlers
//! that want to compute with it.

mod envelope;

pub use envelope::{Actor, Envelope, Format, Kind};

/// (skeleton)
#[derive(Debug)]
pub struct Message;
impl Message {
    /// (skeleton)
    pub fn from_json(_kind: Kind, _json: &[u8]) -> Result<Self, crate::decode::DecodeError> {
        unimplemented!()
    }
}
