//! `events export --output`: a file for its owner, whole or not there, that replaces nothing unasked.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::faults::FailingStart;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::store::Store;

/// A receiver that has an event.
async fn receiver_with_an_event() -> Receiver {
    let receiver = Receiver::start();
    assert_eq!(receiver.sender().send(order_event("order-1")).await.status, Some(202));
    receiver
}

/// Names in its folder that are or were to become the export.
fn exports(receiver: &Receiver) -> Vec<String> {
    let names = receiver.folder().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("export") || name.starts_with('.')).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_for_its_owner_only() {
    let receiver = receiver_with_an_event().await;

    let output = receiver.run(&["events", "export", "-o", "export.jsonl"]);

    assert!(output.status.success(), "{output:?}");
    let mode = receiver.path("export.jsonl").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    assert_eq!(std::fs::read_to_string(receiver.path("export.jsonl")).unwrap().lines().count(), 1);
    assert_eq!(exports(&receiver), ["export.jsonl"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dash_is_standard_output_and_no_file() {
    let receiver = receiver_with_an_event().await;

    let output = receiver.run(&["events", "export", "-o", "-"]);

    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
    assert!(!receiver.path("-").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_there_is_replaced_only_by_force() {
    let receiver = receiver_with_an_event().await;
    let file = receiver.path("export.jsonl");
    std::fs::write(&file, "what matters").unwrap();

    let asked = receiver.run(&["events", "export", "--output", "export.jsonl"]);
    let kept = std::fs::read_to_string(&file).unwrap();
    let forced = receiver.run(&["events", "export", "--output", "export.jsonl", "--force"]);

    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert_eq!(asked.status.code(), Some(1), "{said}");
    assert!(said.contains("export.jsonl is there already") && said.contains("--force"), "{said}");
    assert_eq!(kept, "what matters");
    assert!(forced.status.success(), "{forced:?}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("order-1"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_fails_leaves_nothing_and_the_old_file_as_it_was() {
    let mut receiver = receiver_with_an_event().await;
    let file = receiver.path("export.jsonl");

    receiver.run_inside(FailingStart::one("fsync", "EIO", 1).inside());
    let new = receiver.run(&["events", "export", "-o", "export.jsonl"]);
    let left = exports(&receiver);
    std::fs::write(&file, "of yesterday").unwrap();
    receiver.run_inside(FailingStart::one("fsync", "EIO", 1).inside());
    let forced = receiver.run(&["events", "export", "-o", "export.jsonl", "--force"]);

    assert_eq!((new.status.code(), forced.status.code()), (Some(1), Some(1)), "{new:?} {forced:?}");
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "of yesterday");
    assert_eq!(exports(&receiver), ["export.jsonl"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_written_to_without_force() {
    let receiver = receiver_with_an_event().await;

    let output = receiver.run(&["events", "export", "-o", "/dev/stdout"]);

    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("order-1"));
}

/// A damaged page, as far as one event goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_read_keeps_nobody_from_the_others() {
    let mut receiver = Receiver::start();
    for order in ["1", "2", "3"] {
        assert_eq!(receiver.sender().send(order_event(order)).await.status, Some(202));
    }
    let events = receiver.inbox();
    receiver.end().await;
    let sequence = events[1]["sequence"].as_i64().unwrap();
    Store::Sqlite.sql(&receiver, &format!("UPDATE events SET path = x'FF' WHERE number = {sequence}"));

    let listed = receiver.run(&["events", "list", "--json"]);
    let exported = receiver.run(&["events", "export"]);
    let to_file = receiver.run(&["events", "export", "-o", "export.jsonl"]);

    let ids = |lines: &[u8]| -> Vec<Value> {
        let lines = std::str::from_utf8(lines).unwrap().lines();
        lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect()
    };
    let (first, third) = (events[0]["id"].clone(), events[2]["id"].clone());
    assert_eq!(ids(&exported.stdout), [first.clone(), third.clone()]);
    assert_eq!(ids(&std::fs::read(receiver.path("export.jsonl")).unwrap()), [first.clone(), third.clone()]);
    assert_eq!(ids(&listed.stdout), [third, first]);
    for output in [listed, exported, to_file] {
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.starts_with(&format!("sequence {sequence} cannot be read")), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

/// Of such an event all but the body can be shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_cannot_be_read_keeps_nobody_from_the_others() {
    let mut receiver = Receiver::start();
    for order in ["1", "2", "3"] {
        let mut event = order_event(order);
        event["remarks"] = "x".repeat(if order == "2" { 30_000 } else { 1 }).into();
        assert_eq!(receiver.sender().send(event).await.status, Some(202));
    }
    let events = receiver.inbox();
    receiver.end().await;
    Store::Sqlite.sql(&receiver, "PRAGMA wal_checkpoint(TRUNCATE)");
    let path = receiver.path("data/inbox.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let is_of_the_body = |page: &&mut [u8]| page[4..4000].iter().all(|byte| *byte == b'x');
    // Where the body goes on is not known any more.
    bytes.chunks_mut(4096).find(is_of_the_body).unwrap()[..4].fill(0);
    std::fs::write(&path, bytes).unwrap();

    let listed = receiver.events(&["list", "--json"]);
    let exported = receiver.run(&["events", "export"]);

    assert_eq!(listed.len(), 3);
    let lines = String::from_utf8(exported.stdout).unwrap();
    let ids: Vec<_> = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    assert_eq!(ids, [events[0]["id"].clone(), events[2]["id"].clone()]);
    let complaint = String::from_utf8(exported.stderr).unwrap();
    assert_eq!(exported.status.code(), Some(1), "{complaint}");
    assert!(complaint.starts_with(&format!("sequence {} cannot be read", events[1]["sequence"])), "{complaint}");
}
