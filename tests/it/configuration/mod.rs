//! `check` and the layers of the configuration: every problem at once, each with its place and a hint.

mod certificates;
mod layers;
mod online;
mod placeholders;
mod problems;
mod programs;

use std::process::Output;

use serde_json::Value;

use crate::support::receiver::Receiver;

/// A folder whose configuration is this text alone.
fn with_file(text: &str) -> Receiver {
    let receiver = Receiver::prepared("");
    std::fs::write(receiver.path("config/receiver.toml"), text).unwrap();
    receiver
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What `check --json` reports.
pub(crate) fn problems(receiver: &Receiver) -> Vec<Value> {
    let output = receiver.run(&["check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(report["valid"], output.status.success(), "{report}");
    report["problems"].as_array().unwrap().clone()
}
