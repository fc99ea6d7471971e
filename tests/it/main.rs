//! The integration tests: one binary, a module for each stage, real programs and servers around it.

#![expect(unreachable_pub, reason = "nobody can use a program of tests; `pub` says what its modules share")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod handlers;
mod support;
