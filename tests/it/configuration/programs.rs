//! The program of an `exec` handler that is not there yet: somebody should know, and nothing is lost meanwhile.

use std::os::unix::fs::PermissionsExt as _;

use super::problems;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

fn with_command(command: &str) -> Receiver {
    Receiver::prepared(&format!(
        "delivery.first_retry = \"50ms\"\nhandlers.script = {{ type = \"exec\", command = [\"{command}\"] }}"
    ))
}

#[test]
fn a_program_that_cannot_be_started_is_a_warning_with_its_reason() {
    for (command, reason) in [
        ("/no/such/program", "/no/such/program is not found"),
        ("./import-order", "./import-order is not found, seen from the working directory"),
        ("no-such-program", "no-such-program is not found in any folder of PATH"),
        ("config/receiver.toml", "config/receiver.toml may not be run: make it executable (chmod +x)"),
        ("/etc", "/etc is a folder. Name the program in it"),
        ("./config", "./config is a folder"),
        ("/bin/sh -c true", "Write it like command = [\"/bin/sh\", \"-c\", \"true\"]"),
        ("no-such-program -c", "no-such-program -c is not found in any folder of PATH"),
    ] {
        let problems = problems(&with_command(command));

        assert_eq!(problems.len(), 1, "{command}: {problems:?}");
        assert_eq!(
            (&problems[0]["severity"], &problems[0]["key"]),
            (&"warning".into(), &"handlers.script.command".into())
        );
        assert!(problems[0]["what"].as_str().unwrap().contains(reason), "{command}: {problems:?}");
        assert!(problems[0]["place"].is_string(), "{problems:?}");
    }
}

#[test]
fn a_program_that_is_there_is_no_problem() {
    let receiver = with_command("./import-order");
    let program = receiver.path("import-order");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();

    for receiver in [receiver, with_command("sh"), with_command("/bin/sh")] {
        assert_eq!(problems(&receiver), Vec::<serde_json::Value>::new());
    }
}

#[tokio::test]
async fn the_receiver_starts_without_the_program_and_delivers_once_it_is_there() {
    let mut receiver = with_command("./import-order");
    receiver.restart();

    let line = receiver.logged("`handlers.script.command` names a program that cannot be started").await;
    assert_eq!(line["level"], "WARN");
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    let line = receiver.logged("not delivered; it is tried again").await;
    assert!(!line["next"].as_str().unwrap().contains('.'), "nobody wants the parts of a second: {line}");
    let (program, aside) = (receiver.path("import-order"), receiver.path("aside"));
    std::fs::write(&aside, "#!/bin/sh\ncat >taken\n").unwrap();
    std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(aside, program).unwrap();

    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    assert!(receiver.path("taken").exists());
}
