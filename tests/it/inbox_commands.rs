//! `events`, `send` and `replay` as somebody at a terminal uses them, against the real receiver.

mod deliver;
mod look;
mod play;

use std::process::Output;

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}
