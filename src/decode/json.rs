//! (skeleton)
use super::DecodeError;

/// (skeleton)
pub(crate) fn malformed(_error: &serde_json::Error) -> DecodeError {
    unimplemented!()
}
