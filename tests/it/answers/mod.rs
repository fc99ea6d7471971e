//! The answers of the webhook endpoint, row by row: what is said, and what is kept.
//!
//! The sender fails a test whose answer has a status that the receiver must never send.

mod accepted;
mod connections;
mod early;
mod handled;
mod limits;
mod refused;
mod refused_often;
mod turned_away;
mod unforeseen;
