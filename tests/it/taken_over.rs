//! What people ask of an inbox that an earlier version has left: it is taken over in place, whatever happens meanwhile.

use std::time::Duration;

use rstest::rstest;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::disk::{Chance, Recording};
use crate::support::erp::Erp;
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::store::Store::{self, Postgres, Sqlite};
use crate::upgrade::left_behind;

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

/// Those that name the number, once all old events have been read.
async fn naming(receiver: &Receiver, number: &str) -> Vec<Value> {
    receiver.logged("every event is found by the numbers in it").await;
    receiver.events(&["list", "--number", number, "--json"])
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_is_found_by_the_numbers_in_it_after_a_while(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let mut receiver = left_behind(store, &erp, None);

    receiver.restart();

    let found = naming(&receiver, "po a").await;
    assert_eq!(ids(&found), ["a-2", "a-1"]);
    let references = found[0]["references"].as_array().unwrap();
    assert!(references.iter().any(|one| one["what"] == "purchaseOrder" && one["value"] == "PO-A"), "{references:?}");
    let dead = receiver.events(&["show", "b-1", "--json"]).remove(0);
    let attempts = dead["attempts"].as_array().unwrap();
    assert!(!attempts.is_empty() && attempts.iter().all(|attempt| attempt["reason"].is_string()), "{dead}");
    let delivery = dead["deliveries"].as_array().unwrap().iter().find(|delivery| delivery["state"] == "dead").unwrap();
    let of_it: Vec<_> = attempts.iter().filter(|attempt| attempt["handler"] == delivery["handler"]).collect();
    assert_eq!(delivery["reason"], of_it.last().unwrap()["reason"]);
    assert!(receiver.run(&["inbox", "verify"]).status.success());
}

/// How many events there are besides those of the fixture.
const MORE: i64 = 5_000;

/// Adds events to the inbox of version 1, each with an order of its own and done.
fn fill(receiver: &Receiver) {
    let db = Connection::open(receiver.path("data/inbox.db")).unwrap();
    db.execute_batch(&format!(
        "PRAGMA synchronous = OFF; BEGIN;
         CREATE TEMP TABLE more AS WITH RECURSIVE numbers (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers
                                   WHERE n < 999 + {MORE}) SELECT n, randomblob(16) AS its_key FROM numbers;
         INSERT INTO events (number, key, id, received, path, kind, format, event_name, message_id, subject, document,
                             body)
         SELECT n, its_key, 'more-' || n, received + n, path, kind, format, event_name, 'more-' || n, 'order-' || n,
                'PO-' || n, CAST(replace(CAST(body AS TEXT), 'PO-A', 'PO-' || n) || printf('%4000s', '') AS BLOB)
         FROM more JOIN events ON id = 'a-1';
         INSERT INTO deliveries (event, handler, lane, state, attempts, since, changed)
         SELECT n, 'erp', n, 1, 1, 0, 0 FROM more;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"
    ))
    .unwrap();
}

/// How many events there are, and by which of their numbers they are found.
async fn assert_all_there(receiver: &Receiver) {
    let all = receiver.events(&["list", "--limit", "10000", "--json"]);
    assert_eq!(all.len(), 13 + usize::try_from(MORE).unwrap());
    assert!(
        all.iter().filter(|event| event["id"].as_str().unwrap().starts_with("more-")).all(|one| one["state"] == "done")
    );
    for number in [1000, 1000 + MORE / 2, 999 + MORE] {
        let found = naming(receiver, &format!("PO-{number}")).await;
        assert_eq!(ids(&found), [format!("more-{number}")]);
    }
}

/// Killed at moments that are spread over its start and the reading after it, each time a little later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_killed_while_it_takes_an_inbox_over_goes_on_at_the_next_start() {
    let erp = Erp::start();
    let mut receiver = left_behind(Sqlite, &erp, None);
    fill(&receiver);
    let version = || -> i64 {
        let db = Connection::open(receiver.path("data/inbox.db")).unwrap();
        db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };

    let mut seen = Vec::new();
    for moment in 0..12 {
        let mut killed = receiver.command(&["serve"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(40 * moment)).await;
        killed.kill().unwrap();
        killed.wait().unwrap();
        seen.push(version());
    }
    receiver.restart();

    assert_all_there(&receiver).await;
    assert!(seen.is_sorted() && seen.iter().all(|version| [1, 4].contains(version)), "one or the other: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_while_an_inbox_is_taken_over_leaves_the_old_one_or_the_new_one_whole() {
    let erp = Erp::start();
    let mut receiver = left_behind(Sqlite, &erp, None);
    assert!(receiver.run(&["inbox", "backup", "before"]).status.success());
    std::fs::remove_dir_all(receiver.path("data")).unwrap();
    // What is replayed is only what was written meanwhile: so the old inbox is put in its place, too.
    let recording = Recording::of(receiver.folder());
    receiver.run_inside(recording.inside());
    assert!(receiver.run(&["inbox", "restore", "before"]).status.success());
    eventually("the recorder has ended", async || recording.has_ended()).await;
    let begun = recording.position();

    receiver.restart();
    // Whoever asks is not recorded: two recorders would write into each other's lines.
    receiver.run_inside(Vec::new());
    naming(&receiver, "PO-A").await;

    let (end, mut replay, mut versions) = (recording.position(), recording.replay(), Vec::new());
    for position in (0..=40).map(|step| begun + (end - begun) * step / 40) {
        replay.go_to(position);
        for chance in [Chance::Nothing, Chance::Kept("-wal")] {
            let left = TempDir::new().unwrap();
            replay.after_a_power_cut(chance, left.path());
            let db = Connection::open(left.path().join("data/inbox.db")).unwrap();
            let (version, events): (i64, i64) = (
                db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap(),
                db.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap(),
            );
            let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!((verdict.as_str(), events), ("ok", 13), "at {position} of {end}");
            versions.push(version);
            if version == 4 {
                let listed: i64 = db.query_row("SELECT count(*) FROM listed", [], |row| row.get(0)).unwrap();
                assert_eq!(listed, 13);
            }
        }
    }
    assert!(versions.contains(&1) && versions.contains(&4), "{versions:?}");
}

/// Somebody at a terminal goes home while it works.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_many_that_is_killed_has_changed_whole_batches_and_is_finished_by_the_next(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let receiver = store.with("[handlers.off]\ntype = \"file\"\ndirectory = \"out\"\npaused = true");
    let sender = receiver.sender();
    for order in 0..1_200 {
        assert_eq!(sender.send(crate::support::sender::order_event(&order.to_string())).await.status, Some(202));
    }
    let discard = ["events", "discard", "--all", "--state", "pending", "--yes", "--reason", "a test"];
    let discarded =
        |receiver: &Receiver| receiver.events(&["list", "--state", "discarded", "--limit", "5000", "--json"]);

    let mut killed = receiver.command(&discard);
    let mut killed = killed.stdout(std::process::Stdio::piped()).spawn().unwrap();
    eventually("something is set aside", async || !discarded(&receiver).is_empty()).await;
    let _ = killed.kill();
    killed.wait().unwrap();
    let half = discarded(&receiver);
    assert!(receiver.run(&discard).status.success());

    assert!([500, 1_000, 1_200].contains(&half.len()), "{}", half.len());
    let all = discarded(&receiver);
    assert_eq!(all.len(), 1_200);
    let actions = |event: &Value| event["actions"].as_array().unwrap().len();
    assert!(all.iter().all(|event| actions(event) == 1), "each once, by the one or the other");
    let count = half[0]["actions"][0]["events"].as_u64().unwrap();
    assert_eq!(count, half.len() as u64, "what the action says is what was done");
}

/// Somebody looks with the new program while the old one still works.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_that_a_receiver_of_before_works_on_is_not_taken_over_by_a_look(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    let mut receiver = left_behind(store, &erp, None);
    let lock = at_work(store, &receiver);

    let looked = receiver.run(&["events", "list"]);
    drop(lock);
    if store == Postgres {
        crate::support::postgres::Postgres::shared()
            .sql(&database(&receiver), "UPDATE tradecloud_inbox.receivers SET until = now() - interval '1 hour'");
    }
    receiver.restart();

    let said = String::from_utf8_lossy(&looked.stderr);
    assert_eq!(looked.status.code(), Some(1), "{said}");
    assert!(
        said.contains("of an earlier version of this program, and a receiver of that version is at work"),
        "{said}"
    );
    assert_eq!(receiver.events(&["list", "--limit", "100", "--json"]).len(), 13);
}

fn database(receiver: &Receiver) -> String {
    receiver.inbox_url().unwrap().rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned()
}

/// Who goes back to the version before finds an inbox that it cannot read.
#[rstest]
#[tokio::test]
async fn who_takes_an_inbox_over_by_looking_is_told_so_and_nobody_after_him(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = left_behind(store, &erp, None);

    let [first, second] = [(); 2].map(|()| receiver.run(&["events", "list"]));

    let told = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).contains("earlier version (1)");
    assert!(first.status.success() && told(&first), "{first:?}");
    assert!(second.status.success() && !told(&second), "{second:?}");
}

/// Has it look as if a receiver of version 1 had the inbox open.
fn at_work(store: Store, receiver: &Receiver) -> Option<std::fs::File> {
    if store == Postgres {
        let now = "INSERT INTO tradecloud_inbox.receivers VALUES ('of before', now() + interval '1 hour', now())";
        crate::support::postgres::Postgres::shared().sql(&database(receiver), now);
        return None;
    }
    let lock = std::fs::File::create(receiver.path("data/inbox.db.lock")).unwrap();
    lock.try_lock().unwrap();
    Some(lock)
}
