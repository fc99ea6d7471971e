//! An inbox on a damaged disk: what cannot be read is left alone, and found by who verifies it.

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::place::open;
use crate::inbox::{Incoming, Purpose};
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
