//! `inbox backup`, `inbox verify` and `inbox restore`: a copy of one moment while the receiver works, that shows damage,
//! and from which everything is delivered that was acknowledged before.

#[cfg(target_os = "linux")]
mod backup;
mod damage;
mod page;
mod restore;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

/// A receiver that has so many events, and has ended: its log is in its database.
async fn stopped_with(events: usize) -> Receiver {
    let mut receiver = Receiver::start();
    for number in 0..events {
        assert_eq!(receiver.sender().send(order_event(&number.to_string())).await.status, Some(202));
    }
    receiver.terminate();
    receiver
}

/// Runs `inbox …`, which must succeed, and returns its JSON object.
fn inbox(receiver: &Receiver, arguments: &[&str]) -> Value {
    let output = receiver.run(&[&["inbox"], arguments, &["--json"]].concat());
    assert!(output.status.success(), "inbox {arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs `inbox …`, which must fail, and returns all that it said.
fn refused(receiver: &Receiver, arguments: &[&str]) -> String {
    let output = receiver.run(&[&["inbox"], arguments].concat());
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert_eq!(output.status.code(), Some(1), "inbox {arguments:?}: {said}");
    said
}

/// Id and body of every event in the inbox.
fn exported(receiver: &Receiver) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    receiver.events(&["export"]).iter().map(|event| (text(&event["id"]), text(&event["body"]))).collect()
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The permission bits of a file or folder.
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// Which file it is, and how many names it has.
fn file_and_names(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = path.metadata().unwrap();
    (metadata.ino(), metadata.nlink())
}

#[tokio::test]
async fn a_backup_says_what_is_in_it_and_is_for_its_owner_only() {
    let receiver = stopped_with(2).await;
    let last = receiver.inbox().pop().unwrap();

    let said = inbox(&receiver, &["backup", "copies/monday"]);
    let told = receiver.run(&["inbox", "backup", "copies/tuesday"]);

    let file = receiver.path("copies/monday/inbox.db");
    assert_eq!(said["events"], 2);
    assert_eq!((&said["last"]["sequence"], &said["last"]["received"]), (&last["sequence"], &last["received"]));
    assert_eq!(said["size"], file.metadata().unwrap().len());
    assert_eq!((&said["file"], &said["linked"]), (&"copies/monday/inbox.db".into(), &false.into()));
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.starts_with("copies/tuesday/inbox.db: 2 events, up to sequence "), "{told}");
    assert_eq!(names(&receiver.path("copies/monday")), ["inbox.db"]);
    assert_eq!((mode(&file), mode(&receiver.path("copies/monday"))), (0o600, 0o700));
    assert_eq!(mode(&receiver.path("copies")), 0o700);
}

/// Fails if the copy is made page by page: the room that something has left is copied, too.
#[tokio::test]
async fn what_was_erased_before_a_backup_is_not_in_it() {
    let text = "nobody but this order says so ".repeat(500);
    let mut receiver = Receiver::start();
    let mut event = order_event("1");
    event["orderEvent"]["reason"] = text.as_str().into();
    assert_eq!(receiver.sender().send(event.clone()).await.status, Some(202));
    receiver.terminate();
    let holds = |folder: &str| {
        let bytes = std::fs::read(receiver.path(folder).join("inbox.db")).unwrap();
        bytes.windows(30).any(|part| part == &text.as_bytes()[..30])
    };

    inbox(&receiver, &["backup", "before"]);
    let erased = receiver.run(&["events", "erase", &message_id(&event), "--reason", "asked for"]);
    inbox(&receiver, &["backup", "after", "--link", "before"]);

    assert!(erased.status.success(), "{erased:?}");
    assert!(holds("before"));
    assert!(!holds("after"));
}

#[tokio::test]
async fn a_backup_that_is_there_is_not_replaced() {
    let receiver = stopped_with(1).await;
    inbox(&receiver, &["backup", "copies"]);
    let before = std::fs::read(receiver.path("copies/inbox.db")).unwrap();

    let said = refused(&receiver, &["backup", "copies"]);

    assert!(said.contains("copies/inbox.db is there already") && said.contains("another folder"), "{said}");
    assert!(std::fs::read(receiver.path("copies/inbox.db")).unwrap() == before);
    assert_eq!(names(&receiver.path("copies")), ["inbox.db"]);
}

#[tokio::test]
async fn what_has_not_changed_since_the_earlier_backup_is_linked_to_it_and_the_rest_is_copied() {
    let mut receiver = stopped_with(1).await;
    let first = inbox(&receiver, &["backup", "copies/1", "--link", "copies/0"]);
    let linked = inbox(&receiver, &["backup", "copies/2", "--link", "copies/1"]);
    receiver.restart();
    let event = order_event("later");
    assert_eq!(receiver.sender().send(event.clone()).await.status, Some(202));
    receiver.terminate();

    let copied = inbox(&receiver, &["backup", "copies/3", "--link", "copies/2"]);

    let at = |number: u8| file_and_names(&receiver.path(&format!("copies/{number}/inbox.db")));
    assert!(first["notLinked"].as_str().unwrap().contains("no earlier backup in copies/0"), "{first}");
    assert_eq!((&linked["linked"], &linked["events"]), (&true.into(), &1.into()));
    assert_eq!((at(1), at(1).1), (at(2), 2));
    assert!(copied["notLinked"].as_str().unwrap().contains("was written to since"), "{copied}");
    assert_eq!((&copied["events"], at(3).1), (&2.into(), 1));
    assert!(exported(&receiver).contains_key(&message_id(&event)));
}

#[test]
fn without_an_inbox_there_is_nothing_to_copy() {
    let receiver = Receiver::prepared("");

    let said = refused(&receiver, &["backup", "copies"]);

    assert!(said.contains("there is no inbox at data/inbox.db"), "{said}");
    assert!(!receiver.path("copies").exists() && !receiver.path("data").exists());
}

#[test]
fn where_nothing_is_kept_there_is_nothing_to_copy() {
    let receiver = Receiver::prepared("inbox.store = 'none'");

    for arguments in [&["backup", "copies"][..], &["restore", "copies"], &["verify"]] {
        let said = refused(&receiver, arguments);
        assert!(said.contains("inbox.store = \"none\""), "{said}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn an_inbox_in_postgresql_is_left_to_pg_dump() {
    let receiver = Receiver::prepared("").inbox_at("postgresql://nobody@127.0.0.1:1/nothing");

    for arguments in [&["backup", "copies"][..], &["restore", "copies"], &["verify", "copies"]] {
        let said = refused(&receiver, arguments);
        assert!(said.contains("pg_dump --schema=tradecloud_inbox"), "{said}");
        assert!(said.contains("pg_restore"), "{said}");
    }
    assert!(!receiver.path("copies").exists());
}
