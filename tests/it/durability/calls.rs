//! One call to the disk fails, then the disk works again: each of the first calls in turn, at the start
//! and under load.
//!
//! Two promises: nothing that was acknowledged is lost, and the receiver gets over it by itself or ends
//! with a message. And nobody who sends hears anything but 202 or 503.
//!
//! What happens once per thread is counted by thread, as `strace` does: the writer, the one that moves the
//! log, those that open the database and those that write files.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rstest::rstest;
use rusqlite::Connection;

use crate::support::faults::{FailingCalls, FailingStart};
use crate::support::receiver::{Receiver, STORE_FAILS};
use crate::support::sender::{Message, Sender, message_id, order_event};

const SYNCS: &str = "fsync,fdatasync";
const WRITES: &str = "pwrite64,ftruncate";
/// Of each kind so many fail, one after the other.
const CALLS: usize = 50;

const TO_FILES: &str = "delivery.first_retry = '50ms'\nhandlers.disk = { type = 'file', directory = 'events' }";

/// What was acknowledged: id and body.
type Acknowledged = BTreeMap<String, String>;

/// Sends an event until it is acknowledged, as Tradecloud does; says how often it had to.
async fn send(sender: &Sender, acknowledged: &mut Acknowledged) -> usize {
    let event = order_event(&(acknowledged.len() % 7).to_string());
    let started = Instant::now();
    for repeated in 0.. {
        let answer = sender.send(Message::json(event.to_string())).await;
        match answer.status {
            Some(202) => {
                acknowledged.insert(message_id(&event), event.to_string());
                return repeated;
            }
            Some(503) => assert!(started.elapsed() < Duration::from_secs(90), "it does not recover: {answer:?}"),
            _ => panic!("neither 202 nor 503: {answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!()
}

/// Asserts that each of them is in the inbox, once and whole, and that the inbox is sound.
fn assert_kept(receiver: &Receiver, acknowledged: &Acknowledged) {
    let inbox = Connection::open(receiver.path("data/inbox.db")).unwrap();
    let verdict: String = inbox.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let mut statement = inbox.prepare("SELECT id, CAST(body AS TEXT) FROM events").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let kept: Vec<(String, String)> = rows.map(Result::unwrap).collect();
    let by_id: BTreeMap<_, _> = kept.iter().cloned().collect();
    assert_eq!(by_id.len(), kept.len(), "an event is there twice");
    for (id, body) in acknowledged {
        assert_eq!(by_id.get(id), Some(body), "lost or changed: {id}");
    }
}

/// Ids of the events that the handler has written.
fn written(receiver: &Receiver) -> BTreeSet<String> {
    let Ok(files) = receiver.path("events").read_dir() else { return BTreeSet::new() };
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    // `<time>-<event name>-<id>.json`
    names.filter_map(|name| Some(name.strip_suffix(".json")?.splitn(3, '-').nth(2)?.to_owned())).collect()
}

/// Each call of the start in turn, on an inbox that is not there yet.
///
/// Fails if nobody looks whether the switch to the write-ahead log was made (`inbox/sqlite/open.rs`): SQLite then
/// goes on in another mode without a word.
#[rstest]
#[case::sync(SYNCS, "EIO")]
#[case::sync_without_space(SYNCS, "ENOSPC")]
#[case::write(WRITES, "EIO")]
#[case::write_without_space(WRITES, "ENOSPC")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_disk_that_fails_once_is_refused_in_words_or_works(#[case] calls: &str, #[case] error: &str) {
    let mut receiver = Receiver::prepared(TO_FILES);
    receiver.expects_errors(&STORE_FAILS);
    let (mut hit, mut refused) = (0, 0);
    for number in 1..=CALLS {
        let _ = std::fs::remove_dir_all(receiver.path("data"));
        let fault = FailingStart::one(calls, error, number);
        let mut acknowledged = Acknowledged::new();

        receiver.run_inside(fault.inside());
        match receiver.try_restart() {
            Ok(()) => {
                send(&receiver.sender(), &mut acknowledged).await;
                assert_eq!(mode(&receiver), "wal", "call {number}");
            }
            Err((status, log)) => {
                assert_eq!(status.code(), Some(1), "call {number}: {log:#?}");
                let said = log.last().and_then(|line| line.as_str()).unwrap_or_default();
                assert!(said.starts_with("error: ") && said.contains("inbox"), "call {number}: {said}");
                refused += 1;
                receiver.run_inside(Vec::new());
                receiver.restart();
                send(&receiver.sender(), &mut acknowledged).await;
            }
        }
        hit += usize::from(fault.count() > 0);
        receiver.kill();
        assert_kept(&receiver, &acknowledged);
    }
    assert!(hit >= 5 && refused > 0, "too few faults to speak of: {hit}, of which {refused} kept it from starting");
}

/// How the database is written.
fn mode(receiver: &Receiver) -> String {
    let inbox = Connection::open(receiver.path("data/inbox.db")).unwrap();
    inbox.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
}

/// Each call of a receiver at work in turn.
///
/// Fails with `synchronous = OFF` or `NORMAL` (no commit waits for a sync, so none can fail).
#[rstest]
#[case::sync(SYNCS, "EIO")]
#[case::sync_without_space(SYNCS, "ENOSPC")]
#[case::write(WRITES, "EIO")]
#[case::write_without_space(WRITES, "ENOSPC")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_once_under_load_costs_a_repetition_and_no_event(#[case] calls: &str, #[case] error: &str) {
    let mut receiver = Receiver::with(TO_FILES);
    receiver.expects_errors(&STORE_FAILS);
    let sender = receiver.sender();
    let mut acknowledged = Acknowledged::new();
    let mut repeated = 0;

    for number in 1..=CALLS {
        let before = complaints(&receiver);
        let fault = FailingCalls::one(receiver.pid(), calls, error, number);
        let goal = acknowledged.len() + 100;
        while complaints(&receiver) == before {
            assert!(
                acknowledged.len() < goal,
                "call {number} was not made, or failed without a word: {}",
                fault.count()
            );
            repeated += send(&sender, &mut acknowledged).await;
        }
    }
    send(&sender, &mut acknowledged).await;

    assert!(repeated > 0, "no fault was noticed by a sender");
    let everything: BTreeSet<_> = acknowledged.keys().cloned().collect();
    crate::support::eventually("every event is written to its file", async || written(&receiver) == everything).await;
    receiver.kill();
    assert_kept(&receiver, &acknowledged);
}

/// How many lines of its log are warnings and errors.
fn complaints(receiver: &Receiver) -> usize {
    receiver.log().iter().filter(|line| line["level"] == "WARN" || line["level"] == "ERROR").count()
}
