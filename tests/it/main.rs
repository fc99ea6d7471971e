//! The tests of the receiver from the outside, one module per stage.

#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no, in its helpers too")]

mod decode;
mod documented;
mod malformed;
mod model;
mod render;
mod round_trip;
mod support;
mod txml;
