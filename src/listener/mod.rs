//! The public side, in two rooms: [`connections`], from an address to bytes that somebody may send, and
//! [`requests`], from a request to its answer. Read `requests/receive.rs` first.

pub mod connections;

pub mod requests;
