//! An inbox with very many events in it works like an empty one.
//!
//! The bounds on time are those of a slow machine with a build that is not optimised; something that
//! looks through the whole inbox misses them by far.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use serde_json::Value;
use tradecloud_webhook::config::Layers;
use tradecloud_webhook::inbox::{Overdue, Purpose};

use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

/// Makes an inbox as the receiver does, and fills it in one transaction.
pub fn fill_inbox(receiver: &Receiver, fill: impl FnOnce(&Connection) -> rusqlite::Result<()>) {
    let path = receiver.path("data/inbox.db");
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    let transaction = db.transaction().unwrap();
    transaction.execute_batch(include_str!("../../src/inbox/sqlite/schema.sql")).unwrap();
    transaction.pragma_update(None, "user_version", 1).unwrap();
    fill(&transaction).unwrap();
    transaction.commit().unwrap();
}

/// Adds `count` events received from `received` on, a second after the other.
pub fn add_events(db: &Connection, count: i64, received: Timestamp) -> rusqlite::Result<()> {
    db.execute(
        "WITH RECURSIVE numbers (n) AS (
            SELECT (SELECT coalesce(max(number), 0) + 1 FROM events)
            UNION ALL SELECT n + 1 FROM numbers LIMIT ?1
         ), ids (n, id) AS (SELECT n, printf('%08x-0000-4000-8000-%012x', n, n) FROM numbers)
         INSERT INTO events (number, key, id, received, path, content_type, kind, format, event_name, subject, body)
         SELECT n, unhex(id, '-'), id, ?2 + n * 1000000, '/webhooks/tradecloud', 'application/json', 'order', 'json',
                'OrderIssuedByBuyer', 'order-' || (n / 5), CAST('{\"eventName\":\"OrderIssuedByBuyer\"}' AS BLOB)
         FROM ids",
        params![count, received.as_microsecond()],
    )?;
    Ok(())
}

/// Gives the events that have no deliveries yet one for `handler`, five to a lane.
fn add_deliveries(db: &Connection, handler: &str, state: i64) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO deliveries (event, handler, lane, state, since, changed, due)
         SELECT number, ?1, number / 5, ?2, received, received, CASE WHEN ?2 = 0 AND number % 5 = 0 THEN received END
         FROM events e WHERE kind IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.number)",
        params![handler, state],
    )?;
    Ok(())
}

/// What a receiver does an hour after its start, and every hour from then on.
async fn sweep(receiver: &Receiver, keep: SignedDuration) {
    let file = Path::new("receiver.toml");
    let text = format!("inbox.path = '{}'", receiver.path("data/inbox.db").display());
    let kept = Layers::from_text(file, text).kept().unwrap();
    let inbox = kept.inbox.store.open(Purpose::Tool).await.unwrap().archive().unwrap();
    let old = Timestamp::now() - keep;
    let possible = Timestamp::now() + SignedDuration::from_hours(24);
    let overdue = Overdue { finished: old, unwanted: Some(old), soon: old, possible };
    while !inbox.sweep(overdue).await.unwrap().complete {}
    inbox.close().await;
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn two_hundred_thousand_events_that_wait_hold_up_nothing_new() {
    let (backlogged, other) = (Erp::start(), Erp::start());
    backlogged.answer_by(|_| Answer::status(200).after(Duration::from_millis(50)));
    let mut receiver = Receiver::prepared(&format!(
        "handlers.backlogged = {{ type = 'http', url = '{}' }}\nhandlers.other = {{ type = 'http', url = '{}' }}",
        backlogged.url("/"),
        other.url("/")
    ));
    fill_inbox(&receiver, |db| {
        add_events(db, 200_000, days_ago(5))?;
        // Number 5 is the first of the first whole lane of five.
        db.execute("DELETE FROM events WHERE number < 5", [])?;
        add_deliveries(db, "backlogged", 0)
    });

    let started = Instant::now();
    receiver.restart();
    let until_listening = started.elapsed();
    let sender = receiver.sender();
    let events: Vec<Value> = (0..50).map(|number| order_event(&number.to_string())).collect();
    let begun = Instant::now();
    for event in &events {
        assert_eq!(sender.send(event.clone()).await.status, Some(202));
    }
    let until_stored = begun.elapsed();
    other.wait_for(50).await;
    let until_delivered = begun.elapsed();
    backlogged.wait_for(100).await;

    assert!(until_listening < Duration::from_secs(60), "{until_listening:?} to start");
    assert!(until_stored < Duration::from_secs(60), "{until_stored:?} to take 50 events");
    assert!(until_delivered < Duration::from_secs(60), "{until_delivered:?} to deliver 50 events");
    let subjects = backlogged.received().iter().map(|request| request.json()["subject"].clone()).collect::<Vec<_>>();
    assert!(subjects[..8].contains(&"order-1".into()), "the one that waits longest goes first: {subjects:?}");
    let asked = Instant::now();
    assert_eq!(receiver.events(&["show", "--json", &message_id(&events[0])])[0]["kind"], "order");
    assert_eq!(receiver.events(&["list", "--json", "--state", "pending"]).len(), 50);
    assert_eq!(receiver.events(&["list", "--json", "--state", "dead"]).len(), 0);
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?} to look at it", asked.elapsed());
}

#[tokio::test]
async fn retention_removes_old_finished_events_and_nothing_else() {
    let mut receiver = Receiver::prepared("handlers.erp = { type = 'file', directory = 'events' }");
    // Those that are written here into the inbox are due at no time.
    receiver.expects_error("a delivery waited for nothing");
    let (pending, done, dead, discarded) = (0, 1, 2, 3);
    fill_inbox(&receiver, |db| {
        let old = days_ago(30);
        add_events(db, 1200, old)?;
        add_deliveries(db, "erp", done)?;
        add_events(db, 5, old)?;
        add_deliveries(db, "erp", discarded)?;
        add_events(db, 7, old)?;
        add_deliveries(db, "erp", dead)?;
        add_events(db, 10, old)?;
        // Of a handler that is not configured any more: nobody delivers it.
        add_deliveries(db, "gone", pending)?;
        // One that is done with one handler, and dead with another.
        db.execute(
            "INSERT INTO deliveries (event, handler, lane, state, since, changed) VALUES (3, 'gone', 0, 2, 0, 0)",
            [],
        )?;
        // Received long ago, finished just now.
        db.execute("UPDATE deliveries SET changed = ?1 WHERE event = 4", [Timestamp::now().as_microsecond()])?;
        db.execute("INSERT INTO failures VALUES (5, 'erp', 1, 0, 0, 'long ago'), (3, 'gone', 1, 0, 0, 'dead')", [])?;
        // Refused bodies, one of them set aside.
        add_events(db, 3, old)?;
        db.execute("UPDATE events SET kind = NULL, discarded = number % 3 = 0 WHERE number > 1222", [])?;
        add_events(db, 20, days_ago(0))?;
        add_deliveries(db, "erp", done)
    });

    sweep(&receiver, SignedDuration::from_hours(24)).await;
    receiver.restart();
    // Dead 7 + 1, pending 10, refused 2, just finished 1, young 20.
    let left = receiver.inbox();

    let count = |state: &str| left.iter().filter(|event| event["state"] == state).count();
    let counts = ["dead", "pending", "refused", "done", "discarded"].map(count);
    assert_eq!(counts, [8, 10, 2, 21, 0]);
    let db = Connection::open(receiver.path("data/inbox.db")).unwrap();
    let orphans: i64 = db
        .query_row(
            "SELECT (SELECT count(*) FROM deliveries WHERE event NOT IN (SELECT number FROM events))
                  + (SELECT count(*) FROM attempts WHERE event NOT IN (SELECT number FROM events))
                  + (SELECT count(*) FROM refs WHERE event NOT IN (SELECT number FROM events))
                  + (SELECT count(*) FROM listed WHERE event NOT IN (SELECT number FROM events))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(orphans, 0);
    assert_eq!(receiver.events(&["list", "--json", "--state", "dead", "--limit", "99"]).len(), 8);
}

#[tokio::test]
async fn what_is_finished_goes_after_its_time_and_what_somebody_waits_for_stays() {
    let erp = Erp::start();
    let mut receiver =
        Receiver::with(&format!("handlers.erp = {{ type = 'http', url = '{}', reject_on = [422] }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    let (done, dead) = (order_event("1"), order_event("2"));
    erp.answer([200, 422]);
    for (event, state) in [(&done, "done"), (&dead, "dead")] {
        assert_eq!(receiver.sender().send(event.clone()).await.status, Some(202));
        receiver.inbox_until(|events| events.last().is_some_and(|event| event["state"] == state)).await;
    }
    assert_eq!(receiver.sender().send(crate::support::sender::Message::json("{")).await.status, Some(400));

    receiver.kill();
    // By then, more than enough time has passed.
    sweep(&receiver, SignedDuration::from_secs(-60)).await;
    receiver.restart();

    let left = receiver.inbox();
    assert_eq!(left.iter().map(|event| event["state"].clone()).collect::<Vec<_>>(), ["dead", "refused"]);
    assert_eq!(left[0]["id"], message_id(&dead));
    // Its id is forgotten with it, so it would be an event again.
    assert_eq!(receiver.sender().send(done).await.status, Some(202));
    erp.wait_for(3).await;
}
