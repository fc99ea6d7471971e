//! What was answered 2xx is never lost, and nothing is answered 2xx that could be: under kills, syncs
//! that fail, a disk that is full or read-only, and an inbox that somebody moves.
//!
//! A kill cannot show a missing sync, since the kernel keeps what was written. So syncs are made to
//! fail: a receiver that does not sync does not notice, answers 202, and fails the test.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod exchanged;
#[cfg(target_os = "linux")]
mod power;
mod retention;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rstest::rstest;
use rusqlite::Connection;
use serde_json::Value;

use crate::support::erp::Erp;
#[cfg(target_os = "linux")]
use crate::support::faults::{FailingCalls, SmallDisk};
use crate::support::load::{Load, Tally};
use crate::support::receiver::{Receiver, STORE_FAILS};
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// The inbox as `events export` writes it: id and body of each event.
fn exported(receiver: &Receiver) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    receiver.events(&["export"]).iter().map(|event| (text(&event["id"]), text(&event["body"]))).collect()
}

/// Asserts that every acknowledged event is in the inbox, whole, and none twice.
fn assert_kept(receiver: &Receiver, tally: &Tally) {
    let exported = exported(receiver);
    let kept: BTreeMap<_, _> = exported.iter().cloned().collect();
    assert_eq!(kept.len(), exported.len(), "an event is there twice");
    for (id, body) in &tally.acknowledged {
        assert!(kept.contains_key(id), "lost: {id}");
        assert_eq!(&kept[id], body, "changed: {id}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_acknowledged(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let mut receiver = store.with(&format!(
        "delivery.first_retry = '100ms'
         handlers.erp = {{ type = 'http', url = '{}' }}
         handlers.disk = {{ type = 'file', directory = 'events' }}",
        erp.url("/")
    ));
    let mut tally = Tally::default();

    for round in 1..=4 {
        let load = Load::start(&receiver, 12);
        load.acknowledged(60).await;
        receiver.kill();
        tally.add(load.stop().await);
        receiver.restart();
        if round % 2 == 0 {
            // What was at work at three ends in a row would be a dead letter.
            receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
        }
    }
    // As Tradecloud does with whatever got no answer.
    for (_, body) in std::mem::take(&mut tally.unanswered) {
        tally.note(&body, &receiver.sender().send(Message::json(body.clone())).await);
    }

    assert!(tally.lost.is_empty() && tally.unanswered.is_empty(), "{tally:?}");
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_kept(&receiver, &tally);
    let arrived: BTreeMap<_, _> = erp.received().iter().map(|request| text_of(&request.json())).collect();
    let files: Vec<_> = receiver.path("events").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    let on_disk: BTreeMap<_, _> = files.iter().filter(|path| is_event(path)).map(|path| text_of(&read(path))).collect();
    for (id, body) in &tally.acknowledged {
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(arrived.get(id), Some(&body), "not at the ERP: {id}");
        assert_eq!(on_disk.get(id), Some(&body), "not on disk: {id}");
    }
}

/// Id and data of a CloudEvent.
fn text_of(cloud_event: &Value) -> (String, Value) {
    (cloud_event["id"].as_str().unwrap().to_owned(), cloud_event["data"].clone())
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn is_event(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// With `synchronous` at `OFF` or `NORMAL`, no commit waits for a sync: the fault is not noticed, and the
/// first assertion finds events acknowledged that a power cut would take.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_sync_nothing_is_acknowledged_and_with_the_next_one_everything_is() {
    let mut receiver = Receiver::start();
    receiver.expects_errors(&STORE_FAILS);
    let mut tally = Tally::default();
    // Somebody who reads keeps the database's log from beginning anew, which syncs it in any build.
    let reader = Connection::open(receiver.path("data/inbox.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events;").unwrap();
    let before = order_event("1");
    tally.note(&before.to_string(), &receiver.sender().send(before.clone()).await);
    let fault = FailingCalls::begin(receiver.pid(), "fsync,fdatasync", "EIO");

    let load = Load::start(&receiver, 8);
    load.answered(40).await;
    let during = load.stop().await;
    assert!(during.acknowledged.is_empty(), "acknowledged without a sync: {:?}", during.acknowledged);
    assert!(during.lost.is_empty(), "{during:?}");
    let refused = receiver.sender().send(Message::json("{ no JSON")).await;
    assert_eq!(refused.status, Some(503), "a refused body that cannot be kept is to come again: {refused:?}");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(fault.count() > 0);
    drop((fault, reader));

    let load = Load::start(&receiver, 8);
    load.acknowledged(40).await;
    receiver.kill();
    tally.add(load.stop().await);
    receiver.restart();
    assert!(tally.lost.is_empty(), "{tally:?}");
    assert_kept(&receiver, &tally);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_turns_read_only_is_answered_503_until_it_can_be_written_again() {
    let mut receiver = Receiver::start();
    receiver.expects_errors(&STORE_FAILS);
    let sender = receiver.sender();
    let (before, after) = (order_event("1"), order_event("1"));
    assert_eq!(sender.send(before.clone()).await.status, Some(202));

    // What the kernel says to writes when it has turned a failing file system read-only.
    let fault = FailingCalls::begin(receiver.pid(), "pwrite64,ftruncate,fallocate", "EROFS");
    assert_eq!(sender.send(after.clone()).await.status, Some(503));
    assert_eq!(sender.send(Message::xml("<a><b></a>")).await.status, Some(503));
    assert_eq!(receiver.admin("/readyz").await.0, 503);
    assert!(fault.count() > 0);
    drop(fault);

    assert_eq!(sender.send(after.clone()).await.status, Some(202));
    assert_eq!(receiver.admin("/readyz").await.0, 200);
    receiver.logged("the inbox is open again").await;
    receiver.kill();
    let ids: Vec<_> = exported(&receiver).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [message_id(&before), message_id(&after)]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_answered_503_until_there_is_space_and_nothing_is_lost() {
    let receiver = Receiver::prepared("");
    receiver.expects_errors(&STORE_FAILS);
    let disk = SmallDisk::at(receiver.path("data"), 8);
    let inside = disk.inside(receiver.folder());
    let mut receiver = receiver.inside(inside);
    receiver.restart();
    let sender = receiver.sender();
    // Larger than what the log may still have room for.
    let large = |order: &str| {
        let mut event = order_event(order);
        event["orderEvent"]["reason"] = Value::String("long ".repeat(100_000));
        event
    };
    let (before, during) = (order_event("1"), large("2"));
    assert_eq!(sender.send(before.clone()).await.status, Some(202));

    disk.fill();
    let full = sender.send(during.clone()).await;
    let refused = sender.send(Message::json(vec![b'['; 500_000])).await;
    let misdirected = sender.clone().to(receiver.url("/elsewhere")).send(during.clone()).await;
    assert_eq!((full.status, refused.status, misdirected.status), (Some(503), Some(503), Some(503)));
    assert!(full.headers.contains_key("retry-after"));
    assert_eq!(exported(&receiver).len(), 1, "what is in the inbox can be read all the while");

    disk.free();
    assert_eq!(sender.send(during.clone()).await.status, Some(202));
    assert_eq!(sender.send(Message::json(vec![b'['; 500_000])).await.status, Some(400));
    receiver.kill();
    receiver.restart();
    let kept: Vec<_> = exported(&receiver).into_iter().map(|(_, body)| body).collect();
    assert_eq!(kept[..2], [before.to_string(), during.to_string()]);
    assert_eq!(kept[2].len(), 500_000);
    assert_eq!(kept.len(), 3);
}

#[tokio::test]
async fn a_second_receiver_on_the_same_inbox_says_so_and_does_not_start() {
    let receiver = Receiver::start();

    let second = tokio::time::timeout(Duration::from_secs(120), async { receiver.run(&["serve"]) }).await.unwrap();

    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another receiver is working on the inbox data/inbox.db"), "{said}");
    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202), "the first is not disturbed");
}

#[tokio::test]
async fn an_inbox_of_a_newer_program_is_left_alone() {
    let mut receiver = Receiver::start();
    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202));
    receiver.kill();
    let path = receiver.path("data/inbox.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();

    let refused = receiver.run(&["serve"]);

    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("newer version of this program (schema 99, this one knows 4)"), "{said}");
    assert!(std::fs::read(&path).unwrap() == before, "it was written to");
}
