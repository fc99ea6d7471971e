//! An inbox on a damaged disk: what cannot be read is left alone, and found by who verifies it.

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::place::open;
use crate::inbox::{Filter, Incoming, Purpose};
use crate::model::{Envelope, Format, Kind};

fn event(id: &str) -> Incoming {
    let envelope = Envelope {
        kind: Kind::Order,
        format: Format::Json,
        event_name: None,
        message_id: Some(id.to_owned()),
        subject: Some(id.to_owned()),
        number: None,
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    let body = format!(r#"{{"orderEvent": {{"orderId": "{id}", "note": "{}"}}}}"#, id.repeat(30_000 / id.len()));
    Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from(body))
}

/// Ends the chain of pages that a body of nothing but that text is on, in the middle of it.
fn damage(file: &Path, text: &str) {
    let mut bytes = std::fs::read(file).unwrap();
    let is_of_it = |page: &&mut [u8]| text.repeat(3000).contains(std::str::from_utf8(&page[4..3000]).unwrap_or("no"));
    let page = bytes.chunks_mut(4096).find(is_of_it).unwrap();
    page[..4].fill(0);
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn one_that_cannot_be_read_is_left_unread_and_keeps_nobody_from_the_others() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let settings = format!("path = '{}'", path.display());
    let inbox = open("sqlite", &settings, Purpose::Serve).await;
    for id in ["first", "second", "third"] {
        inbox.store(event(id).wanted_by(["erp"])).await.unwrap();
    }
    inbox.close().await;
    drop(inbox);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("UPDATE listed SET refs = NULL, checksum = NULL; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(db);
    damage(&path, "second");

    let inbox = open("sqlite", &settings, Purpose::Tool).await;
    assert_eq!(inbox.read_on().await.unwrap(), Some(3));
    assert_eq!(inbox.read_on().await.unwrap(), Some(0), "it is not tried again at once");

    assert_eq!(inbox.unread().await.unwrap().unwrap().events, 1);
    for (id, found) in [("first", true), ("second", false), ("third", true)] {
        assert_eq!(inbox.show(id).await.unwrap().unwrap().references.is_some(), found, "{id}");
    }
    let verified = inbox.verify(0).await.unwrap();
    assert_eq!((verified.events, verified.damaged.len()), (3, 1), "{verified:?}");
}

#[tokio::test]
async fn what_is_listed_of_an_event_in_another_state_than_it_is_in_is_found() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let inbox = open("sqlite", &format!("path = '{}'", path.display()), Purpose::Serve).await;
    for (id, handlers) in [("waits", &["erp"][..]), ("unwanted", &[]), ("right", &["erp"])] {
        inbox.store(event(id).wanted_by(handlers.iter().copied())).await.unwrap();
    }
    assert_eq!(inbox.verify(0).await.unwrap().damaged, []);
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "UPDATE listed SET states = 2 WHERE event IN (SELECT number FROM events WHERE id IN ('waits', 'unwanted'))",
    )
    .unwrap();

    let damaged = inbox.verify(0).await.unwrap().damaged;

    let waits = inbox.show("waits").await.unwrap().unwrap().sequence;
    let unwanted = inbox.show("unwanted").await.unwrap().unwrap().sequence;
    assert_eq!(damaged.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [waits, unwanted]);
    assert!(damaged.iter().all(|(_, what)| what.contains("listed in another state")), "{damaged:?}");
}

/// The leaf pages of a table, by their numbers.
fn leaves(file: &Path, table: &str) -> Vec<usize> {
    let db = Connection::open(file).unwrap();
    let statement = "SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf' ORDER BY pageno";
    db.prepare(statement).unwrap().query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Of an event, either half may be on it: its body, or what is listed of it.
#[tokio::test]
async fn behind_a_page_that_is_damaged_all_that_can_be_read_is_compared() {
    const EVENTS: usize = 250;
    for table in ["events", "listed"] {
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let path = folder.path().join("inbox.db");
        let settings = format!("path = '{}'", path.display());
        let inbox = open("sqlite", &settings, Purpose::Serve).await;
        for number in 0..EVENTS {
            let small = Incoming { body: Bytes::from(vec![b'x'; 500]), ..event(&format!("order-{number}")) };
            inbox.store(small.wanted_by(["erp"])).await.unwrap();
        }
        inbox.close().await;
        drop(inbox);
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(db);
        let pages = leaves(&path, table);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[(pages[1] - 1) * 4096..][..4096].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();

        let inbox = open("sqlite", &settings, Purpose::Tool).await;
        let (mut events, mut damaged, mut after) = (0, Vec::new(), 0);
        loop {
            let step = inbox.verify(after).await.unwrap();
            events += step.events;
            damaged.extend(step.damaged);
            match step.last {
                Some(last) if last > after => after = last,
                _ => break,
            }
        }

        let (mut found, mut before) = (0, None);
        loop {
            let filter = Filter { limit: 100, before, ..Filter::default() };
            let some = inbox.sequences(&filter).await.unwrap();
            let Some(last) = some.last() else { break };
            (found, before) = (found + some.len(), Some(*last));
        }

        assert_eq!((events, found), (EVENTS, EVENTS), "{table}");
        let of_the_page = 1..EVENTS / 2;
        assert!(pages.len() > 2 && of_the_page.contains(&damaged.len()), "{table}: {damaged:?}");
    }
}
