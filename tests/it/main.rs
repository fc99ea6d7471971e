//! The promises, stage by stage, tested from outside.
#![expect(clippy::unwrap_used, reason = "clippy takes only `#[test]` functions for tests, not their helpers")]

mod replay;
mod scripted;
mod send;
