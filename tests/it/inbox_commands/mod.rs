//! `events`, `send` and `replay` as somebody at a terminal uses them, against the real receiver.

mod asked;
mod deliver;
mod discard;
mod export;
mod found;
mod history;
mod inside;
mod look;
mod numbers;
mod pending;
mod play;
#[cfg(target_os = "linux")]
mod terminal;
mod time_zone;
mod unread;
mod unwanted;
mod watched;

use std::process::Output;

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}
