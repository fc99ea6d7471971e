//! The public side, in two rooms: [`connections`], from an address to bytes that somebody may send, and
//! [`requests`], from a request to its answer. Read `requests/receive.rs` first.

// `[server]`, and what stands in for it and for credentials on a first run.
pub mod settings;

pub mod development;

// From an address to answers, through both rooms.
pub(crate) mod serve;

pub mod connections;

pub mod requests;
