//! The power goes off, at every moment at which something was promised.
//!
//! `scripts/power-cut` tries the same with a real file system, for which it has to be root.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::disk::{Chance, Recording};
use crate::support::eventually;
use crate::support::receiver::{Receiver, STORE_FAILS};
use crate::support::sender::{Message, message_id, order_event};

/// What was promised, and when: events that were acknowledged, by position in the recording.
type Promises = Vec<(usize, String, String)>;

/// A receiver that is recorded from its first start on, and to which every sync of a thread whose number is
/// given by `failing` fails, as `strace` counts (`20+13`: the 20th and each 13th from there on).
fn recorded(failing: Option<&str>) -> (Receiver, Recording) {
    let mut receiver = Receiver::prepared(
        "delivery.first_retry = '50ms'\nhandlers.disk = { type = 'file', directory = 'out/events' }",
    );
    let mut recording = Recording::of(receiver.folder());
    if let Some(failing) = failing {
        recording = recording.with(&format!("inject=fsync,fdatasync:error=EIO:when={failing}"));
    }
    receiver.run_inside(recording.inside());
    receiver.restart();
    (receiver, recording)
}

/// Sends so many events, one after the other, and notes what was acknowledged when.
async fn send(receiver: &Receiver, recording: &Recording, count: usize) -> Promises {
    let (sender, mut promises) = (receiver.sender(), Promises::new());
    for number in 0..count {
        let mut event = order_event(&number.to_string());
        event["orderEvent"]["reason"] = "long ".repeat([0, 10, 2000][number % 3]).into();
        let answer = sender.send(Message::json(event.to_string())).await;
        match answer.status {
            Some(202) => promises.push((recording.position(), message_id(&event), event.to_string())),
            Some(503) => {}
            _ => panic!("neither 202 nor 503: {answer:?}"),
        }
    }
    promises
}

/// Asserts that after a power cut at any of the promises, all until then are kept, and that what is done
/// according to the inbox has its file. Whether the disk has by chance also kept the inbox's log or not.
fn assert_kept_at_every_moment(recording: &Recording, promises: &Promises) {
    let mut replay = recording.replay();
    for (number, (position, ..)) in promises.iter().enumerate() {
        replay.go_to(*position);
        for chance in [Chance::Nothing, Chance::Kept("-wal")] {
            let left = TempDir::new().unwrap();
            replay.after_a_power_cut(chance, left.path());
            let (events, done) = inbox(&left.path().join("data/inbox.db"));
            for (_, id, body) in &promises[..=number] {
                assert_eq!(events.get(id), Some(body), "lost by a power cut after promise {number} ({chance:?}): {id}");
            }
            let files = complete_files(&left.path().join("out/events"));
            let missing: Vec<_> = done.difference(&files).collect();
            assert!(missing.is_empty(), "done, but without a file after promise {number} ({chance:?}): {missing:?}");
        }
    }
}

/// The events in an inbox, by id, and the ids of those that are done.
fn inbox(path: &Path) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let Ok(inbox) = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return (BTreeMap::new(), BTreeSet::new());
    };
    let verdict: String = inbox.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let Ok(mut events) = inbox.prepare("SELECT id, CAST(body AS TEXT) FROM events") else {
        return (BTreeMap::new(), BTreeSet::new());
    };
    let events = events.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    let mut done = inbox.prepare("SELECT id FROM events JOIN deliveries ON event = number WHERE state = 1").unwrap();
    let done = done.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (events, done)
}

/// Ids of the events whose files are there, whole.
fn complete_files(directory: &Path) -> BTreeSet<String> {
    let Ok(files) = directory.read_dir() else { return BTreeSet::new() };
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let read = |path| serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).unwrap());
    // One that is empty or cut off counts as missing.
    files.filter_map(|path| Some(read(path).ok()?["id"].as_str()?.to_owned())).collect()
}

/// Fails with `synchronous = NORMAL` or `OFF` in `inbox/sqlite/open.rs`, if `make_directory` there does not sync,
/// and without either sync in `handlers/file/mod.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_takes_nothing_that_was_acknowledged_or_is_done() {
    let (mut receiver, recording) = recorded(None);

    let mut promises = send(&receiver, &recording, 20).await;
    let written = receiver.path("out/events");
    eventually("every event has its file", async || complete_files(&written).len() == 20).await;
    receiver.terminate();
    // The log is gone with a clean end, and is made anew.
    receiver.restart();
    promises.extend(send(&receiver, &recording, 20).await);
    receiver.kill();

    assert_eq!(promises.len(), 40);
    assert_kept_at_every_moment(&recording, &promises);
}

/// What a failed sync leaves unwritten, no later one writes. Fails without `start_over` in
/// `inbox/sqlite/checkpoint.rs`, and if the file handler syncs the same file again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_after_syncs_that_failed() {
    let (mut receiver, recording) = recorded(Some("20+13"));
    receiver.expects_errors(&STORE_FAILS);

    let promises = send(&receiver, &recording, 60).await;
    receiver.kill();

    assert!((20..59).contains(&promises.len()), "{} of 60 were acknowledged", promises.len());
    assert_kept_at_every_moment(&recording, &promises);
}
