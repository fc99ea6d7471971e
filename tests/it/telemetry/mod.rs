//! What the receiver tells of itself: lines that a machine can read, and that are found by what one looks for.

mod callers;
mod filters;
mod journal;
mod lines;
