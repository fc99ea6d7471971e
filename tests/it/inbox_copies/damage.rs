//! What is damaged is found, with its sequence or in words, in a backup as in the inbox.

use std::path::Path;

use super::{inbox, refused, stopped_with};
use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::store::Store;
use crate::upgrade::left_behind;

/// Stands in the body of one event, and nowhere else.
const TEXT: &str = "nobody else writes this into an order";

/// A receiver that has ended, with three events, of which the second has [`TEXT`]; and the sequence of that.
async fn with_text() -> (Receiver, i64) {
    let mut receiver = Receiver::start();
    for reason in ["first", TEXT, "third"] {
        let mut event = order_event(reason);
        event["orderEvent"]["reason"] = reason.into();
        assert_eq!(receiver.sender().send(event).await.status, Some(202));
    }
    let sequence = receiver.inbox()[1]["sequence"].as_i64().unwrap();
    receiver.terminate();
    (receiver, sequence)
}

/// Changes a bit of the text in that file. It may also stand where a page has been before.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let at: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(TEXT.as_bytes())).collect();
    assert!(!at.is_empty(), "in {}", file.display());
    for at in at {
        bytes[at] ^= 1;
    }
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn an_inbox_is_found_whole_while_its_receiver_runs() {
    let (mut receiver, _) = with_text().await;
    receiver.restart();

    let output = receiver.run(&["inbox", "verify"]);
    let said = inbox(&receiver, &["verify"]);

    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "3 events, all as they were received.\n");
    assert_eq!((&said["whole"], &said["events"], &said["withoutChecksum"]), (&true.into(), &3.into(), &0.into()));
    assert_eq!(receiver.sender().send(order_event("later")).await.status, Some(202));
}

#[tokio::test]
async fn a_bit_that_has_changed_in_the_inbox_is_found_with_the_event_it_is_in() {
    let (receiver, sequence) = with_text().await;
    let id = receiver.inbox()[1]["id"].as_str().unwrap().to_owned();
    damage(&receiver.path("data/inbox.db"));

    let said = refused(&receiver, &["verify"]);
    let output = receiver.run(&["inbox", "verify", "--json"]);

    assert!(said.contains(&format!("damaged: sequence {sequence} (id {id})")), "{said}");
    assert!(said.contains("3 events read, 1 of them damaged.") && said.contains("inbox restore"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["damaged"][0]["sequence"], sequence);
    assert_eq!((json["damaged"].as_array().unwrap().len(), &json["whole"]), (1, &false.into()));
}

/// By its id somebody finds out whether the ERP has it.
#[tokio::test]
async fn what_cannot_be_read_at_all_takes_no_id_from_the_others_that_are_damaged() {
    let (receiver, sequence) = with_text().await;
    let id = receiver.inbox()[1]["id"].as_str().unwrap().to_owned();
    let first = format!("UPDATE events SET content_type = x'FF' WHERE number < {sequence}");
    Store::Sqlite.sql(&receiver, &format!("{first}; PRAGMA wal_checkpoint(TRUNCATE)"));
    damage(&receiver.path("data/inbox.db"));

    let said = refused(&receiver, &["verify"]);

    assert!(said.contains("3 events read, 2 of them damaged."), "{said}");
    assert!(said.contains(&format!("damaged: sequence {sequence} (id {id})")), "{said}");
}

/// `inbox restore` does nothing there.
#[tokio::test]
async fn of_an_inbox_in_postgresql_the_way_back_is_that_of_postgresql() {
    let receiver = Store::Postgres.with("");
    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202));
    Store::Postgres.sql(&receiver, "UPDATE events SET body = 'something else'");

    let said = refused(&receiver, &["verify"]);

    assert!(said.contains("1 event read, 1 of them damaged.") && said.contains("pg_restore"), "{said}");
    assert!(!said.contains("inbox restore"), "{said}");
}

#[tokio::test]
async fn and_so_is_one_in_a_backup_while_the_inbox_is_whole() {
    let (receiver, sequence) = with_text().await;
    inbox(&receiver, &["backup", "copies"]);
    assert_eq!(inbox(&receiver, &["verify", "copies"])["whole"], true);
    damage(&receiver.path("copies/inbox.db"));

    let said = refused(&receiver, &["verify", "copies"]);

    assert!(said.contains(&format!("damaged: sequence {sequence}: ")), "{said}");
    assert!(said.contains("Use an earlier backup"), "{said}");
    assert_eq!(super::names(&receiver.path("copies")), ["inbox.db"], "who looks leaves no trace");
    assert_eq!(inbox(&receiver, &["verify"])["whole"], true);
}

/// A disk may have gone bad since: what is linked to it is no second backup.
#[tokio::test]
async fn a_backup_that_is_damaged_is_linked_to_by_none_and_the_next_is_copied_whole() {
    let (receiver, _) = with_text().await;
    inbox(&receiver, &["backup", "copies/1"]);
    assert_eq!(inbox(&receiver, &["backup", "copies/2", "--link", "copies/1"])["linked"], true);
    damage(&receiver.path("copies/1/inbox.db"));

    let copied = inbox(&receiver, &["backup", "copies/3", "--link", "copies/1"]);

    assert_eq!(copied["linked"], false);
    assert!(copied["notLinked"].as_str().unwrap().contains("copies/1 is damaged"), "{copied}");
    assert_eq!(inbox(&receiver, &["verify", "copies/3"])["whole"], true);
}

/// Before an upgrade is when a backup is made, and after it is when somebody looks at it.
#[tokio::test]
async fn a_backup_of_an_earlier_version_is_read_as_far_as_it_can_be_and_not_called_damaged() {
    let erp = Erp::start();
    let receiver = left_behind(Store::Sqlite, &erp, None);
    inbox(&receiver, &["backup", "copies"]);

    let output = receiver.run(&["inbox", "verify", "copies"]);
    let json = inbox(&receiver, &["verify", "copies"]);

    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("It is of an earlier version (1) of the inbox, which has no checksums"), "{said}");
    assert!(said.contains("taken over by the next start") && !said.contains("damaged"), "{said}");
    assert_eq!((&json["whole"], &json["earlierVersion"]), (&true.into(), &1.into()));
    assert_eq!(json["events"], json["withoutChecksum"]);
    let copied = inbox(&receiver, &["backup", "again", "--link", "copies"]);
    assert_eq!(copied["linked"], false, "nobody knows whether it is whole");
}

/// All of it is read for the take-over, so that damage shows then which nobody has noticed before.
#[tokio::test]
async fn an_inbox_of_an_earlier_version_that_is_damaged_is_left_as_it_is_with_what_to_do() {
    let erp = Erp::start();
    let receiver = left_behind(Store::Sqlite, &erp, None);
    let path = receiver.path("data/inbox.db");
    let leaf: i64 = {
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let leaf = "SELECT max(pageno) FROM dbstat WHERE name = 'events' AND pagetype = 'leaf'";
        db.query_row(leaf, [], |row| row.get(0)).unwrap()
    };
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(leaf - 1).unwrap() * 4096..][..4096].fill(0xA5);
    std::fs::write(&path, &bytes).unwrap();
    std::fs::create_dir(receiver.path("copies")).unwrap();
    std::fs::write(receiver.path("copies/inbox.db"), &bytes).unwrap();

    let listed = receiver.run(&["events", "list"]);
    let backup = refused(&receiver, &["backup", "more"]);
    let verified = refused(&receiver, &["verify", "copies"]);

    let said = String::from_utf8(listed.stderr).unwrap();
    assert_eq!(listed.status.code(), Some(1), "{said}");
    for part in ["of an earlier version of this program", "it is damaged", "left as it is", "`inbox restore`"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(backup.contains("`events export` of the program of its version"), "{backup}");
    assert!(verified.contains("cannot be read"), "{verified}");
    let version = "PRAGMA user_version";
    let version: u32 = rusqlite::Connection::open(&path).unwrap().query_row(version, [], |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
}

/// From the second page on there is nothing that SQLite can read.
#[tokio::test]
async fn pages_that_cannot_be_read_are_told_in_words_and_nothing_is_made_of_them() {
    let receiver = stopped_with(3).await;
    inbox(&receiver, &["backup", "copies"]);
    for file in ["data/inbox.db", "copies/inbox.db"] {
        let mut bytes = std::fs::read(receiver.path(file)).unwrap();
        let size = bytes.len();
        bytes[4096..size].fill(0xA5);
        std::fs::write(receiver.path(file), bytes).unwrap();
    }

    for arguments in [&["verify"][..], &["verify", "copies"]] {
        let said = refused(&receiver, arguments);
        assert!(said.contains("damaged"), "{said}");
        assert!(said.contains("ackup"), "it says what to do: {said}");
    }
    let backup = refused(&receiver, &["backup", "more"]);
    std::fs::rename(receiver.path("data"), receiver.path("old")).unwrap();
    let restored = refused(&receiver, &["restore", "copies"]);

    assert!(backup.contains("is damaged") && !receiver.path("more/inbox.db").exists(), "{backup}");
    assert!(restored.contains("is damaged") && restored.contains("Use an earlier "), "{restored}");
    assert!(!receiver.path("data").exists());
}

#[tokio::test]
async fn what_is_no_inbox_at_all_is_named_as_such() {
    let receiver = stopped_with(1).await;
    std::fs::create_dir(receiver.path("copies")).unwrap();
    for content in ["order;line;quantity\n".repeat(1000), String::new()] {
        std::fs::write(receiver.path("copies/inbox.db"), &content).unwrap();
        std::fs::write(receiver.path("data/inbox.db"), &content).unwrap();

        let of_backup = refused(&receiver, &["verify", "copies"]);
        let of_inbox = refused(&receiver, &["verify"]);

        assert!(of_backup.contains("copies/inbox.db is no backup of an inbox"), "{of_backup}");
        assert!(of_inbox.contains("data/inbox.db is no inbox"), "{of_inbox}");
    }
}
