//! Change without loss: what a reload takes over, what it refuses, and that nobody notices it.

mod authorities;
#[cfg(target_os = "linux")]
mod beside;
mod broken;
mod certificates;
mod grace;
mod handlers;
mod losses;
mod settings;
mod whole;
