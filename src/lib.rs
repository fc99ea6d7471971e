//! (skeleton: the map comes here)

pub mod cli;
pub mod config;
pub mod decode;
pub mod event;
pub mod handlers;
pub mod model;
pub mod respond;
