//! `events`, `send` and `replay` as somebody at a terminal uses them, against the real receiver.

mod asked;
mod deliver;
mod discard;
mod export;
mod history;
mod look;
mod numbers;
mod pending;
mod play;
mod time_zone;
mod unread;
mod unwanted;

use std::process::Output;

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}
