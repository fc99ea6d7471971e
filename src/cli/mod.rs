//! (skeleton: the command line comes here)

pub mod replay;
pub mod send;
mod sender;
