//! `check --online`: what is behind the configuration is tried, as far as a start and the first delivery would go, and
//! nothing is left behind.

use std::net::TcpListener;

use serde_json::Value;

use super::{contents, said};
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::server::free_address;

#[tokio::test]
async fn check_online_tries_what_is_behind_and_delivers_nothing() {
    let mut erp = Erp::start();
    let receiver = Receiver::prepared(&format!(
        "handlers.erp = {{ type = \"http\", url = \"{}\" }}\nhandlers.disk = {{ type = \"file\", directory = \"events\" }}",
        erp.url("/")
    ));
    erp.answer([Answer::status(405)]);

    let up = receiver.run(&["check", "--online"]);
    let requests = erp.received();
    erp.stop();
    let down = receiver.run(&["check", "--online"]);
    let down_for_scripts = receiver.run(&["check", "--online", "--json"]);

    assert!(up.status.success(), "{up:?}");
    for what in ["works: inbox: ", "works: handler erp: ", "works: handler disk: "] {
        assert!(said(&up).contains(what), "{what}: {}", said(&up));
    }
    assert!(requests.iter().all(|request| request.method == "OPTIONS" && request.body.is_empty()), "{requests:?}");
    assert!(!receiver.path("data").exists(), "the inbox was made");
    assert_eq!(down.status.code(), Some(1), "the configuration is valid, but something does not work");
    assert!(said(&down).contains("FAILS: handler erp: cannot connect to "), "{}", said(&down));
    assert!(said(&down).ends_with("valid, but 1 of 5 that were tried failed.\n"), "{}", said(&down));
    let down: Value = serde_json::from_slice(&down_for_scripts.stdout).unwrap();
    assert_eq!((down["valid"].as_bool(), down["online"].as_array().map(Vec::len)), (Some(true), Some(5)));
}

#[test]
fn check_online_works_beside_a_running_receiver() {
    let receiver = Receiver::start();

    let output = receiver.run(&["check", "--online"]);

    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("works: inbox: can be written"), "{}", said(&output));
}

/// An event that nobody of the ERP can read is no use to it, and counts as done all the same.
#[test]
fn check_online_says_who_can_read_the_files() {
    let whom = |mode: &str, folder: u32| {
        let receiver =
            Receiver::prepared(&format!("handlers.disk = {{ type = 'file', directory = 'events', mode = '{mode}' }}"));
        std::fs::create_dir(receiver.path("events")).unwrap();
        let rights = std::os::unix::fs::PermissionsExt::from_mode(folder);
        std::fs::set_permissions(receiver.path("events"), rights).unwrap();
        said(&receiver.run(&["check", "--online"]))
    };
    let id = |what| {
        let output = std::process::Command::new("id").args(["-n", what]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (user, group) = (id("-u"), id("-g"));

    for (mode, folder, words) in [
        ("0600", 0o755, format!("rw------- (0600): only the user {user} can read them")),
        ("0640", 0o750, format!("rw-r----- (0640): the user {user} and the group {group} can read them")),
        ("0644", 0o755, "rw-r--r-- (0644): everybody can read them".to_owned()),
        ("0604", 0o755, format!("rw----r-- (0604): everybody but the group {group} can read them")),
        (
            "0640",
            0o700,
            format!("rw-r----- (0640): only the user {user} can read them, because the folder is rwx------ (0700)"),
        ),
        (
            "0644",
            0o750,
            format!("the user {user} and the group {group} can read them, because the folder is rwxr-x---"),
        ),
    ] {
        let said = whom(mode, folder);
        assert!(said.contains(&words), "{mode} {folder:o} {words}: {said}");
    }
}

#[test]
fn an_inbox_that_cannot_be_made_is_told_before_the_start_fails() {
    for path in ["/proc/inbox.db", "/proc/new/inbox.db", "config/receiver.toml/inbox.db"] {
        let receiver = Receiver::prepared(&format!("inbox.path = \"{path}\""));

        let output = receiver.run(&["check", "--online"]);
        let start = receiver.run(&["serve"]);

        assert_eq!((output.status.code(), start.status.code()), (Some(1), Some(1)), "{path}: {output:?}");
        assert!(said(&output).contains("FAILS: inbox: cannot make the inbox "), "{path}: {}", said(&output));
    }
}

#[test]
fn an_inbox_that_is_to_be_made_is_tried_without_a_trace() {
    let receiver = Receiver::prepared("inbox.path = \"new/folder/inbox.db\"");
    let before = contents(receiver.folder());

    let output = receiver.run(&["check", "--online"]);

    assert!(said(&output).contains("works: inbox: is not there yet; `serve` makes it\n"), "{}", said(&output));
    assert_eq!(contents(receiver.folder()), before);
}

#[test]
fn an_address_that_another_program_has_is_told_before_the_start_fails() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();

    for (setting, key) in [("SERVER__LISTEN", "server.listen"), ("ADMIN__LISTEN", "admin.listen")] {
        let receiver = Receiver::prepared("").setting(setting, &taken);

        let output = receiver.run(&["check", "--online"]);
        let start = receiver.run(&["serve"]);

        let reason = format!("cannot listen on {taken}: Address already in use");
        assert_eq!((output.status.code(), start.status.code()), (Some(1), Some(1)));
        assert!(said(&output).contains(&format!("FAILS: {key}: {reason}")), "{}", said(&output));
        assert!(String::from_utf8_lossy(&start.stderr).contains(&reason), "{start:?}");
    }
}

#[test]
fn one_address_is_not_enough_for_both() {
    let address = free_address().to_string();
    let receiver = Receiver::prepared("").setting("SERVER__LISTEN", &address).setting("ADMIN__LISTEN", &address);

    let output = receiver.run(&["check", "--online"]);

    assert!(said(&output).contains(&format!("works: server.listen: {address} is free")), "{}", said(&output));
    assert!(said(&output).contains("FAILS: admin.listen: cannot listen"), "{}", said(&output));
}

#[test]
fn the_addresses_of_a_receiver_that_runs_are_its_own() {
    let free = || free_address().to_string();
    let mut receiver = Receiver::prepared("").setting("SERVER__LISTEN", &free()).setting("ADMIN__LISTEN", &free());
    receiver.restart();

    let output = receiver.run(&["check", "--online"]);

    assert!(output.status.success(), "{}", said(&output));
    for key in ["server.listen", "admin.listen"] {
        assert!(said(&output).contains(&format!("works: {key}: 127.0.0.1:")), "{}", said(&output));
        assert!(said(&output).contains("is taken, and a receiver runs"), "{}", said(&output));
    }
}
