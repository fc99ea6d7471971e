//! `check` and the layers of the configuration: every problem at once, each with its place and a hint.

mod certificates;
mod found;
mod layers;
mod names;
mod online;
mod paths;
mod placeholders;
mod problems;
mod programs;
mod self_signed;
mod syntax;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::receiver::Receiver;

/// What Tradecloud has against the certificate of a receiver that nothing is said about.
pub(crate) const OF_THE_TESTS: &str = "is of a private CA, CA of the tests: ";

/// A folder whose configuration is this text alone.
fn with_file(text: &str) -> Receiver {
    let receiver = Receiver::prepared("");
    std::fs::write(receiver.path("config/receiver.toml"), text).unwrap();
    receiver
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What `check --json` reports, but for what holds for every receiver of these tests: their CA is a private one.
pub(crate) fn problems(receiver: &Receiver) -> Vec<Value> {
    let mut problems = every_problem(receiver);
    problems.retain(|problem| !problem["what"].as_str().unwrap().starts_with(OF_THE_TESTS));
    problems
}

/// All that it reports.
pub(crate) fn every_problem(receiver: &Receiver) -> Vec<Value> {
    let output = receiver.run(&["check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(report["valid"], output.status.success(), "{report}");
    report["problems"].as_array().unwrap().clone()
}

/// Every file and folder below, relative and sorted.
fn contents(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            }
            found.push(name);
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}
