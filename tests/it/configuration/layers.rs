//! Defaults, file, environment, and what stands in where there is no file.

use serde_json::Value;

use super::{contents, problems, with_file};
use crate::support::certificates::issue_for_client;
use crate::support::receiver::{Receiver, write_private};
use crate::support::sender::{Message, order_event};

/// The keys of the problems that `check --json` reports.
fn keys(receiver: &Receiver) -> Vec<String> {
    problems(receiver).iter().map(|problem| problem["key"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let mut receiver = Receiver::prepared("inbox.path = \"of-the-file.db\"")
        .setting("INBOX__PATH", "elsewhere/inbox.db")
        .setting("SERVER__LIMITS__BODY", "1 KiB")
        .setting("HANDLERS__DISK__TYPE", "file")
        .setting("HANDLERS__DISK__DIRECTORY", "events")
        .setting("HANDLERS__DISK__KINDS", "shipment, order");
    receiver.restart();

    let answer = receiver.sender().send(order_event("1")).await;
    let too_large = receiver.sender().send(Message::json(" ".repeat(1025))).await;

    assert_eq!((answer.status, too_large.status), (Some(202), Some(413)));
    assert!(receiver.path("elsewhere/inbox.db").exists() && !receiver.path("of-the-file.db").exists());
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    assert_eq!(std::fs::read_dir(receiver.path("events")).unwrap().count(), 1);
}

#[test]
fn what_is_wrong_in_the_environment_is_told_by_the_name_of_the_variable() {
    let receiver = Receiver::prepared("").setting("SERVER__ANSWER_WITHIN", "soon").setting("LOG__LEVL", "debug");

    let found: Vec<_> =
        problems(&receiver).iter().map(|problem| problem["place"].as_str().map(str::to_owned)).collect();

    assert!(found.contains(&Some("TRADECLOUD_WEBHOOK__SERVER__ANSWER_WITHIN".to_owned())), "{found:?}");
    assert!(found.contains(&Some("TRADECLOUD_WEBHOOK__LOG__LEVL".to_owned())), "{found:?}");
}

#[test]
fn a_file_that_was_named_but_is_not_there_is_an_error_for_every_command() {
    let receiver = Receiver::bare();
    let commands: [&[&str]; 4] = [&["serve"], &[], &["check"], &["events", "list"]];

    for command in commands {
        let named: &[&str] = &["--config", "no/such.toml"];
        for arguments in [[command, named].concat(), [named, command].concat()] {
            let output = receiver.run(&arguments);

            assert_eq!(output.status.code(), Some(78), "{arguments:?}: {output:?}");
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(said.contains("no/such.toml"), "{arguments:?}: {said}");
        }
    }
    assert_eq!(contents(receiver.folder()), [""; 0], "nothing is made up for it");
}

#[test]
fn the_file_is_named_before_the_command_or_after_it() {
    let receiver = Receiver::prepared("");
    std::fs::rename(receiver.path("config/receiver.toml"), receiver.path("other.toml")).unwrap();
    std::fs::write(receiver.path("config/receiver.toml"), "nonsense").unwrap();
    let commands: [&[&str]; 3] = [&["check"], &["events", "list"], &["secret", "made"]];

    for command in commands {
        for before in 0..=command.len().min(2) {
            let (left, right) = command.split_at(before);
            let arguments = [left, &["--config", "other.toml"], right].concat();
            let output = receiver.run(&arguments);

            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(!said.contains("receiver.toml"), "{arguments:?}: {said}");
            assert_eq!(output.status.success(), !said.contains("no inbox"), "{arguments:?}: {said}");
            let _ = std::fs::remove_file(receiver.path("made"));
        }
    }
}

#[test]
fn with_a_file_nothing_is_made_up() {
    let receiver = Receiver::prepared("");
    std::fs::remove_dir_all(receiver.path("certs")).unwrap();

    let output = receiver.run(&["serve"]);

    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(said.contains("`server.tls.certificate` certs/fullchain.pem"), "{said}");
    assert!(said.contains("`server.tls.private_key` certs/privkey.pem"), "{said}");
    assert!(!receiver.path("certs").exists() && !receiver.path("data").exists());
}

#[test]
fn check_writes_nothing() {
    let bare = Receiver::bare();
    let prepared = Receiver::prepared("handlers.disk = { type = \"file\", directory = \"events\" }");
    let before = contents(prepared.folder());

    let outputs = [bare.run(&["check"]), prepared.run(&["check"])];

    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    assert_eq!(contents(bare.folder()), [""; 0]);
    assert_eq!(contents(prepared.folder()), before);
}

#[test]
fn the_defaults_are_complete_but_for_certificate_and_credentials() {
    let receiver = with_file("");
    assert_eq!(keys(&receiver), ["endpoints[0].auth", "handlers"]);

    std::fs::remove_dir_all(receiver.path("certs")).unwrap();
    assert_eq!(keys(&receiver), ["server.tls.certificate", "server.tls.private_key", "endpoints[0].auth", "handlers"]);
}

#[test]
fn the_examples_in_the_shipped_file_are_valid() {
    let shipped = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml")).unwrap();
    let is_toml =
        |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let uncommented: String = shipped
        .lines()
        // Certificate and key, in whose place the example of ACME stands.
        .filter(|line| !line.ends_with("     # the default"))
        .map(|line| line.strip_prefix("# ").filter(|line| is_toml(line)).unwrap_or(line).to_owned() + "\n")
        .collect();
    // What an operator fills in.
    let filled_in = uncommented.replace("<tenant>", "tenant").replace("<application id>", "application");
    let filled_in = filled_in.replace("<own company id>", "company");
    let filled_in = filled_in.replace("/usr/local/bin/import-order", "/bin/cat");
    let receiver = with_file(&filled_in.replace("/run/secrets/", "secrets/"));
    std::fs::create_dir(receiver.path("secrets")).unwrap();
    for secret in ["portal", "clerk", "token", "erp", "erp-key", "kafka", "nats", "tradecloud", "tradecloud-legacy"] {
        write_private(&receiver.path("secrets").join(secret), "secret\n");
    }
    let url = "postgresql://user:password@db.example/erp?sslmode=verify-full\n";
    write_private(&receiver.path("secrets/pg"), url);
    write_private(&receiver.path("secrets/eab"), "c2VjcmV0\n");
    write_private(&receiver.path("secrets/amqp"), "amqps://user:password@rabbit.example:5671/%2f\n");
    let client = issue_for_client(&receiver.path(""), false);
    std::fs::write(receiver.path("certs/erp-client.pem"), client.chain).unwrap();
    write_private(&receiver.path("certs/erp-client-key.pem"), &client.key);
    for ca in ["company-ca.pem", "gateway-ca.pem", "erp-ca.pem", "kafka-ca.pem", "nats-ca.pem", "rabbit-ca.pem"] {
        std::fs::write(receiver.path("certs").join(ca), receiver.ca()).unwrap();
    }

    assert!(uncommented.matches("\n[").count() > 10, "the examples were not found: {uncommented}");
    let mut problems = problems(&receiver);
    if !cfg!(feature = "kafka") {
        // Its keys are checked all the same.
        let without = problems.pop().unwrap();
        assert_eq!(without["key"], "handlers.log.type");
        assert!(without["what"].as_str().unwrap().contains("cargo build --release --features kafka"), "{without}");
    }
    assert_eq!(problems, Vec::<Value>::new());
}
