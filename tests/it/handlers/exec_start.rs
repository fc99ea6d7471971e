//! Scripts that cannot be started: `check` and the reason of each attempt name the cause with its cure, before anybody
//! has to ask why the kernel says that a file which is there is not.

use std::path::Path;
use std::process::Command;

use rstest::rstest;
use serde_json::Value;
use tradecloud_webhook::handlers::{Fault, Outcome};

use super::{event, handler, unavailable};
use crate::configuration::problems;
use crate::support::receiver::Receiver;

/// Another process writes it: a file that this one has open, if only in a child that another test has just started,
/// cannot be run.
fn write_script(path: &Path, content: &[u8], mode: u32) {
    let source = path.with_extension("source");
    std::fs::write(&source, content).unwrap();
    let installed = Command::new("install").arg(format!("--mode={mode:o}")).args([&source, path]).status().unwrap();
    assert!(installed.success());
}

#[rstest]
#[case::line_breaks_of_windows(b"#!/bin/sh\r\ncat\r\n", 0o755, "ends with a carriage return", "sed -i 's/\\r$//'")]
#[case::the_same_behind_an_argument(b"#!/bin/sh -e\r\ncat\r\n", 0o755, "ends with a carriage return", "sed -i")]
#[case::the_same_behind_env(b"#!/usr/bin/env sh\r\ncat\r\n", 0o755, "ends with a carriage return", "sed -i")]
#[case::a_byte_order_mark(b"\xef\xbb\xbf#!/bin/sh\ncat\n", 0o755, "byte order mark", "Save it as UTF-8 without")]
#[case::no_interpreter(
    b"#!/no/such/python\n",
    0o755,
    "/no/such/python, which its first line names, is not there",
    "Install it"
)]
#[case::none_for_env(
    b"#!/usr/bin/env no-such-python\n",
    0o755,
    "no-such-python, which its first line names, is in no",
    "Install it"
)]
#[case::an_interpreter_of_windows(b"#!C:\\Python\\python.exe\nx\n", 0o755, "a path of Windows", "#!/usr/bin/env")]
#[case::an_interpreter_that_is_none(
    b"#!/etc/passwd\nx\n",
    0o755,
    "/etc/passwd, which its first line names, may not be run",
    ""
)]
#[case::an_interpreter_without_a_name(b"#!\ncat\n", 0o755, "names no interpreter", "#!/bin/sh")]
#[case::a_text_without_a_first_line(b"cat >/dev/null\n", 0o755, "does not begin with `#!`", "#!/bin/sh")]
#[case::an_empty_file(b"", 0o755, "is empty", "")]
#[case::no_right_to_run_it(b"#!/bin/sh\ncat\n", 0o644, "may not be run", "chmod +x")]
#[tokio::test]
async fn a_script_that_cannot_be_started_is_named_with_its_cause_and_its_cure(
    #[case] content: &[u8],
    #[case] mode: u32,
    #[case] cause: &str,
    #[case] cure: &str,
) {
    let receiver = Receiver::prepared("handlers.script = { type = 'exec', command = ['./import-order'] }");
    let script = receiver.path("import-order");
    write_script(&script, content, mode);

    let warnings = problems(&receiver);
    let online = receiver.run(&["check", "--online", "--json"]);
    let attempt = handler(&format!("type = 'exec'\ncommand = ['{}']", script.display())).deliver(&event("m-1")).await;

    let online: Value = serde_json::from_slice(&online.stdout).unwrap();
    let tried = online["online"].as_array().unwrap().iter().find(|tried| tried["what"] == "handler script").unwrap();
    let attempt = unavailable(attempt);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(tried["works"], false, "{tried}");
    let said = [warnings[0]["what"].as_str().unwrap(), tried["detail"].as_str().unwrap(), &attempt.reason];
    for said in said {
        assert!(said.contains("import-order") && said.contains(cause) && said.contains(cure), "{said}");
        assert!(!said.contains(['\r', '\u{feff}']), "{said:?}");
    }
    assert_eq!(attempt.fault, Fault::Unreachable, "{}", attempt.reason);
}

#[tokio::test]
async fn scripts_and_programs_that_can_be_started_are_no_problem() {
    let home = tempfile::tempdir().unwrap();
    let long = format!("#!/bin/sh\n# {}\n", "x".repeat(5000));
    let others: [&[u8]; 7] = [
        b"#!/bin/sh\ncat >/dev/null\n",
        b"#! /bin/sh -eu\ncat >/dev/null\n",
        b"#!\t/usr/bin/env sh\n# a word of Windows\r\n",
        b"#!/usr/bin/env -S sh -eu\ncat >/dev/null\n",
        b"#!/usr/bin/env -S LANG=C sh\ncat >/dev/null\n",
        b"#!/bin/sh",
        long.as_bytes(),
    ];
    for content in others.into_iter().chain([&*std::fs::read("/bin/true").unwrap()]) {
        let script = home.path().join("script");
        write_script(&script, content, 0o755);
        let handler = handler(&format!("type = 'exec'\ncommand = ['{}']", script.display()));

        assert_eq!(handler.probe().await, Ok(format!("found {}", script.display())));
        assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done, "{:?}", String::from_utf8_lossy(content));
    }
}

#[test]
fn a_script_that_is_found_by_its_name_is_looked_at_as_well() {
    let receiver = Receiver::prepared("handlers.script = { type = 'exec', command = ['import-order'] }");
    std::fs::create_dir(receiver.path("bin")).unwrap();
    let path = format!("{}:/bin", receiver.path("bin").display());
    for (mode, what) in [(0o755, "ends with a carriage return"), (0o644, "may not be run: make it executable")] {
        write_script(&receiver.path("bin/import-order"), b"#!/bin/sh\r\ncat\r\n", mode);

        let output = receiver.command(&["check"]).env("PATH", &path).output().unwrap();

        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("/bin/import-order") && said.contains(what), "{said}");
    }
}

#[test]
fn a_command_with_a_path_of_windows_is_told_so() {
    for command in [r"C:\scripts\import.bat", r"\\server\share\import.exe", r"scripts\import"] {
        let receiver = Receiver::prepared(&format!("handlers.script = {{ type = 'exec', command = ['{command}'] }}"));

        let problems = problems(&receiver);

        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0]["what"].as_str().unwrap().contains("a path of Windows"), "{problems:?}");
    }
}

/// That a program needs something which is not there is found at its start only: the kernel says the same of both.
#[tokio::test]
async fn a_program_for_another_system_is_told_so() {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("program");
    let mut content = std::fs::read("/bin/true").unwrap();
    // Another loader, and then another processor (e_machine).
    let loader = content.windows(9).position(|part| part == b"/ld-linux").expect("the loader is named in it");
    content[loader + 4] = b'X';
    write_script(&program, &content, 0o755);
    let handler = handler(&format!("type = 'exec'\ncommand = ['{}']", program.display()));

    let no_loader = unavailable(handler.deliver(&event("m-1")).await);
    content[18] = 0xff;
    write_script(&program, &content, 0o755);
    let other_processor = unavailable(handler.deliver(&event("m-1")).await);

    assert!(no_loader.reason.contains("is there, but something that it needs is not"), "{}", no_loader.reason);
    assert!(other_processor.reason.contains("for another processor or system"), "{}", other_processor.reason);
    assert_eq!([no_loader.fault, other_processor.fault], [Fault::Unreachable; 2]);
}
