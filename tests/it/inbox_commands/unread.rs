//! Commands whose output nobody reads to its end, as with `| head`.

use rstest::rstest;

use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

#[rstest]
#[tokio::test]
async fn a_command_that_looks_ends_silently_when_nobody_reads_on(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let mut event = order_event("1");
    // More than is written at once.
    event["remarks"] = "x".repeat(100_000).into();
    receiver.sender().send(event.clone()).await;
    let id = &message_id(&event);

    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["show", id],
        &["show", id, "--json"],
        &["show", id, "--body"],
        &["export"],
    ] {
        let output = receiver.run_unread(&[&["events"], arguments].concat());

        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[tokio::test]
async fn a_command_that_does_something_ends_silently_too_but_not_as_if_all_was_done() {
    let receiver = Receiver::start();
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    let (id, url) = (&message_id(&event), receiver.url("/webhooks/tradecloud"));
    receiver.events(&["export", "--output", "export.jsonl"]);

    for arguments in [
        &["events", "deliver", id][..],
        &["events", "discard", id, "--reason", "settled by hand"],
        &["check"],
        &["check", "--json"],
        &["secret"],
        &["send", "--sample", "order", "--url", &url],
        &["replay", "export.jsonl", "--url", &url],
    ] {
        let output = receiver.run_unread(arguments);

        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    for arguments in [&["--help"][..], &["events", "list", "--help"], &["--version"]] {
        let output = receiver.run_unread(arguments);

        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[cfg(target_os = "linux")]
/// Somebody has to know whether it was done to some of them, or to all.
#[tokio::test]
async fn what_is_done_to_many_says_how_far_it_is_when_nobody_reads_on() {
    let receiver = Receiver::with("[handlers.off]\ntype = \"file\"\ndirectory = \"out\"\npaused = true");
    for order in ["1", "2", "3"] {
        receiver.sender().send(order_event(order)).await;
    }

    let output = receiver.run_unread(&[
        "events",
        "discard",
        "--all",
        "--state",
        "pending",
        "--yes",
        "--reason",
        "settled by hand",
    ]);

    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.ends_with("It ended early: 3 of 3 events discarded. The same command goes on.\n"), "{said}");
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error() {
    let receiver = Receiver::start();
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    let program = env!("CARGO_BIN_EXE_tradecloud-webhook");

    // Less than a line, so that it is written only at the end.
    let output = receiver.shell(&format!("{program} events show {} --body >/dev/full", message_id(&event)));

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: "));
}
