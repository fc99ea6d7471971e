//! What the program tells of itself.
//!
//! `events` has a function for each thing that happens; whoever sees it happen calls it, and nobody else writes lines
//! above `debug`. `log` says where the lines go, `line` what one looks like, and `sparing` keeps those few that anybody
//! can cause as often as they like.

pub(crate) mod events;
mod line;
mod log;
mod sparing;

pub(crate) use log::{Settings, priority_of_errors, priority_of_warnings, read_time_zone, time_zone};
pub(crate) use sparing::Sparing;
