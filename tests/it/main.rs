//! The tests of the receiver from the outside, one module per stage.

#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no, in its helpers too")]

mod decode;
mod model;
mod support;
