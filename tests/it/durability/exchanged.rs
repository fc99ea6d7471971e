//! The folder or the file of the inbox goes away, or something else comes in its place, while a receiver
//! serves: nothing is acknowledged into anything but the inbox that it began with, and when that is back,
//! everything goes on.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rstest::rstest;
use rusqlite::Connection;
use serde_json::Value;

use super::exported;
use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::faults::SmallDisk;
use crate::support::receiver::Receiver;
use crate::support::sender::{Sender, message_id, order_event};

fn receiver_for(erp: &Erp) -> Receiver {
    Receiver::prepared(&format!(
        "delivery.first_retry = '100ms'\nhandlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ))
}

/// Asserts that an event is not taken, and why; and that the receiver says that it is not ready.
async fn assert_away(receiver: &Receiver, event: &Value, why: &str) {
    let answer = receiver.sender().send(event.clone()).await;
    assert_eq!(answer.status, Some(503), "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"));
    let (status, said) = receiver.admin("/readyz").await;
    assert!(status == 503 && said.contains(why), "{status} {said}");
}

/// Sends it again and again, as Tradecloud does.
async fn until_taken(sender: &Sender, event: &Value) {
    eventually("the event is taken", async || {
        let answer = sender.send(event.clone()).await;
        assert!(!answer.is_lost(), "{answer:?}");
        answer.status == Some(202)
    })
    .await;
}

/// Asserts that these, and no others, are in the inbox and have been delivered once each.
async fn assert_all(receiver: &Receiver, erp: &Erp, events: &[&Value]) {
    let ids: Vec<_> = events.iter().copied().map(message_id).collect();
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(exported(receiver).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ids);
    let (requests, mut wanted) = (erp.received(), ids);
    let mut delivered: Vec<_> =
        requests.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect();
    // They are of several orders.
    delivered.sort();
    wanted.sort();
    assert_eq!(delivered, wanted, "at the ERP");
}

fn errors(receiver: &Receiver) -> Vec<Value> {
    receiver.log().into_iter().filter(|line| line["level"] == "ERROR").collect()
}

fn rename(receiver: &Receiver, from: &str, to: &str) {
    std::fs::rename(receiver.path(from), receiver.path(to)).unwrap();
}

/// The names in a folder; none if there is no folder.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InItsPlace {
    Nothing,
    AnEmptyFolder,
    AnotherInbox,
}

#[rstest]
#[tokio::test]
async fn while_the_folder_of_the_inbox_is_moved_nothing_is_acknowledged_into_what_is_in_its_place(
    #[values(InItsPlace::Nothing, InItsPlace::AnEmptyFolder, InItsPlace::AnotherInbox)] what: InItsPlace,
) {
    let erp = Erp::start();
    let mut receiver = receiver_for(&erp);
    receiver.expects_error("the inbox is gone");
    let other = Receiver::start();
    receiver.restart();
    let [before, during] = ["1", "2"].map(order_event);
    assert_eq!(receiver.sender().send(before.clone()).await.status, Some(202));
    erp.wait_for(1).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    rename(&receiver, "data", "moved");
    let data = receiver.path("data");
    let why = match what {
        InItsPlace::Nothing => "is not there any more",
        InItsPlace::AnEmptyFolder => {
            std::fs::create_dir(&data).unwrap();
            "is not there any more"
        }
        InItsPlace::AnotherInbox => {
            std::fs::create_dir(&data).unwrap();
            std::fs::copy(other.path("data/inbox.db"), data.join("inbox.db")).unwrap();
            "is another"
        }
    };
    let names_before = names(&data);
    for _ in 0..3 {
        assert_away(&receiver, &during, why).await;
    }
    assert_eq!(names(&data), names_before, "something was made there");
    assert_eq!(data.exists(), what != InItsPlace::Nothing);
    let errors = errors(&receiver);
    assert!(!errors.is_empty() && errors.len() <= 2, "{errors:#?}");
    assert!(errors[0]["message"].as_str().unwrap().starts_with("the inbox is gone"), "{errors:#?}");

    let _ = std::fs::remove_dir_all(&data);
    rename(&receiver, "moved", "data");
    until_taken(&receiver.sender(), &during).await;
    assert_eq!(receiver.admin("/readyz").await.0, 200);
    receiver.logged("the inbox is open again").await;
    assert_all(&receiver, &erp, &[&before, &during]).await;
}

#[tokio::test]
async fn while_the_volume_of_the_inbox_is_unmounted_nothing_is_acknowledged_into_the_folder_below() {
    let erp = Erp::start();
    let receiver = receiver_for(&erp);
    receiver.expects_error("the inbox is gone");
    let volume = SmallDisk::at(receiver.path("volume"), 64);
    let inside = volume.inside(receiver.folder());
    let shell = |line: &str| {
        let output = Command::new(&inside[0]).args(&inside[1..]).args(["sh", "-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    shell("mkdir data && mount --bind volume data");
    let mut receiver = receiver.inside(inside.clone());
    receiver.restart();
    let [before, during, waiting] = ["1", "2", "3"].map(order_event);
    assert_eq!(receiver.sender().send(before.clone()).await.status, Some(202));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    // Has to be delivered once it is back.
    erp.answer([503]);
    assert_eq!(receiver.sender().send(waiting.clone()).await.status, Some(202));
    erp.wait_for(2).await;

    shell("umount --lazy data");
    for _ in 0..3 {
        assert_away(&receiver, &during, "is not there any more").await;
    }
    assert_eq!(shell("ls data"), "", "something was made below the volume");

    shell("mount --bind volume data");
    until_taken(&receiver.sender(), &during).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let ids: Vec<_> = exported(&receiver).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [&before, &waiting, &during].map(message_id));
    receiver.kill();
    receiver.restart();
    assert_eq!(exported(&receiver).len(), 3);
}

/// Fails if an inbox is recognised by its identity alone.
#[tokio::test]
async fn a_copy_of_the_inbox_from_before_the_last_event_is_not_taken_for_it() {
    let erp = Erp::start();
    let mut receiver = receiver_for(&erp);
    receiver.expects_error("the inbox is gone");
    receiver.restart();
    let [copied, last, during] = ["1", "2", "3"].map(order_event);
    assert_eq!(receiver.sender().send(copied.clone()).await.status, Some(202));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert!(receiver.shell("cp -a data copy").status.success());
    assert_eq!(receiver.sender().send(last.clone()).await.status, Some(202));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    rename(&receiver, "data", "moved");
    rename(&receiver, "copy", "data");
    assert_away(&receiver, &during, "from before the last events were acknowledged").await;

    rename(&receiver, "data", "copy");
    rename(&receiver, "moved", "data");
    until_taken(&receiver.sender(), &during).await;
    assert_all(&receiver, &erp, &[&copied, &last, &during]).await;
}

#[tokio::test]
async fn an_inbox_that_another_receiver_has_taken_meanwhile_is_left_to_it() {
    let erp = Erp::start();
    let mut receiver = receiver_for(&erp);
    receiver.expects_error("the inbox is gone");
    std::fs::create_dir(receiver.path("real")).unwrap();
    let data = receiver.path("data");
    std::os::unix::fs::symlink("real", &data).unwrap();
    receiver.restart();
    let [first, second, third] = ["1", "2", "3"].map(order_event);
    assert_eq!(receiver.sender().send(first.clone()).await.status, Some(202));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    std::fs::remove_file(&data).unwrap();
    assert_away(&receiver, &second, "is not there any more").await;
    let path = receiver.path("real/inbox.db");
    let mut other = receiver_for(&erp).setting("INBOX__PATH", path.to_str().unwrap());
    other.restart();
    assert_eq!(other.sender().send(second.clone()).await.status, Some(202));
    other.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    std::os::unix::fs::symlink("real", &data).unwrap();
    assert_away(&receiver, &third, "in the hands of another receiver").await;

    other.terminate();
    until_taken(&receiver.sender(), &third).await;
    assert_all(&receiver, &erp, &[&first, &second, &third]).await;
}

/// The second receiver would deliver everything twice. Fails if nobody looks whether the lock still is the one
/// that is held.
#[tokio::test]
async fn a_lock_that_somebody_removes_is_taken_anew_before_another_receiver_can() {
    let erp = Erp::start();
    let mut receiver = receiver_for(&erp);
    // If it notices before the event comes.
    receiver.expects_error("the inbox is gone");
    receiver.restart();
    let [before, after] = ["1", "2"].map(order_event);
    assert_eq!(receiver.sender().send(before.clone()).await.status, Some(202));

    std::fs::remove_file(receiver.path("data/inbox.db.lock")).unwrap();
    until_taken(&receiver.sender(), &after).await;

    let second = receiver.run(&["serve"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another receiver is working on the inbox data/inbox.db"), "{said}");
    assert_all(&receiver, &erp, &[&before, &after]).await;
}

/// What was acknowledged is in the log only, which has lost its name. Fails if the log is not looked at.
#[tokio::test]
async fn a_log_that_somebody_removes_takes_nothing_along() {
    let mut receiver = Receiver::start();
    receiver.expects_error("the inbox is gone");
    // Somebody who reads keeps the events out of the database itself.
    let reader = Connection::open(receiver.path("data/inbox.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events;").unwrap();
    let [before, after] = ["1", "2"].map(order_event);
    assert_eq!(receiver.sender().send(before.clone()).await.status, Some(202));

    std::fs::remove_file(receiver.path("data/inbox.db-wal")).unwrap();
    let answer = receiver.sender().send(after.clone()).await;
    assert_eq!(answer.status, Some(503), "nothing goes on before it is safe: {answer:?}");
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    until_taken(&receiver.sender(), &after).await;

    receiver.kill();
    let ids: Vec<_> = exported(&receiver).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [&before, &after].map(message_id));
}

#[tokio::test]
async fn a_file_that_is_moved_by_itself_takes_all_events_along() {
    let mut receiver = Receiver::start();
    receiver.expects_error("the inbox is gone");
    let sender = receiver.sender();
    // They are in its log only, which stays behind.
    let reader = Connection::open(receiver.path("data/inbox.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events;").unwrap();
    let old: Vec<_> = ["1", "2", "3"].map(order_event).to_vec();
    for event in &old {
        assert_eq!(sender.send(event.clone()).await.status, Some(202));
    }
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);

    rename(&receiver, "data/inbox.db", "moved.db");
    let new = order_event("4");
    assert_away(&receiver, &new, "is not there any more").await;
    receiver.kill();
    for file in ["data/inbox.db-wal", "data/inbox.db-shm"] {
        std::fs::remove_file(receiver.path(file)).unwrap();
    }
    rename(&receiver, "moved.db", "data/inbox.db");

    let kept: Vec<_> = exported(&receiver).into_iter().map(|(id, _)| id).collect();
    assert_eq!(kept, old.iter().map(message_id).collect::<Vec<_>>());
}

/// An endpoint that says `handled` would take an event that it cannot find for one that everybody is done with.
#[tokio::test]
async fn an_event_that_waits_for_its_handler_is_not_said_to_be_handled_while_its_inbox_is_away() {
    let erp = Erp::start();
    erp.answer([Answer::status(503).after(Duration::from_secs(2))]);
    let receiver = receiver_for(&erp);
    receiver.expects_error("the inbox is gone");
    receiver.configure(|text| {
        format!("endpoints = [{{ path = '/webhooks/tradecloud', acknowledge = 'handled' }}]\n{text}")
    });
    let mut receiver = receiver;
    receiver.restart();
    let event = order_event("1");
    let (sender, sent) = (receiver.sender(), event.clone());
    let waiting = tokio::spawn(async move { sender.send(sent).await });
    erp.wait_for(1).await;

    rename(&receiver, "data", "moved");
    std::fs::create_dir(receiver.path("data")).unwrap();
    let answer = waiting.await.unwrap();

    assert!(answer.will_retry(), "{answer:?}");
    std::fs::remove_dir(receiver.path("data")).unwrap();
    rename(&receiver, "moved", "data");
    eventually("the repeated event is handled", async || {
        receiver.sender().send(event.clone()).await.status == Some(200)
    })
    .await;
    assert_eq!(receiver.inbox().len(), 1);
}
