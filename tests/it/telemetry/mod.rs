//! What the receiver tells of itself: lines that a machine can read, and that are found by what one looks for.

mod callers;
mod journal;
mod lines;
