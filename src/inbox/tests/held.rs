//! What happens to an event, to its attempt or to the file while a receiver holds it, in each inbox.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::action;
use super::place::{InPostgres, InSqlite, Place, open};
use crate::inbox::{Archive, Attempt, Claim, Deed, Ending, Finish, Incoming, Purpose};
use crate::model::{Envelope, Format, Kind};

async fn claimed(inbox: &dyn Archive) -> Claim {
    let envelope = Envelope {
        kind: Kind::Order,
        format: Format::Json,
        event_name: None,
        message_id: Some("held".to_owned()),
        subject: Some("order".to_owned()),
        number: None,
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    let body = Bytes::from_static(b"what is to be forgotten");
    let incoming = Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, body);
    inbox.store(incoming.wanted_by(["erp"])).await.unwrap();
    inbox.claim("erp", 1).await.unwrap().claims.remove(0)
}

/// An ERP that was handed an event without a body would take that for an order.
async fn erase_what_is_claimed(place: impl Place) {
    let inbox = place.open().await;
    let claim = claimed(&*inbox).await;
    assert_eq!(inbox.load(&claim).await.unwrap().body, "what is to be forgotten");

    assert!(inbox.erase(claim.event, &action(Deed::Erase)).await.unwrap());

    let loaded = inbox.load(&claim).await;
    assert!(loaded.is_err(), "{loaded:?}");
    assert!(!inbox.begin(&claim).await.unwrap());
}

#[tokio::test]
async fn what_is_erased_while_it_is_claimed_is_not_handed_on_empty() {
    erase_what_is_claimed(InSqlite::new()).await;
    erase_what_is_claimed(InPostgres::new()).await;
}

/// A commit that counts as failed may be there all the same, and is made again.
async fn end_twice(place: impl Place) {
    let inbox = place.open().await;
    let claim = claimed(&*inbox).await;
    let attempt = Attempt {
        begun: Timestamp::now(),
        took: Duration::from_millis(1),
        ending: Ending::Rejected,
        status: Some(422),
        answer: Some("closed".to_owned()),
    };
    let dead = Finish::Dead { reason: "rejected".to_owned(), status: Some(422) };

    for _ in 0..2 {
        inbox.finish(&claim, dead.clone(), Some(attempt.clone())).await.unwrap();
    }

    let shown = inbox.show("held").await.unwrap().unwrap();
    assert_eq!((shown.attempts.len(), shown.deliveries[0].attempts), (1, 1), "{shown:?}");
}

#[tokio::test]
async fn an_attempt_whose_end_is_noted_twice_was_made_once() {
    end_twice(InSqlite::new()).await;
    end_twice(InPostgres::new()).await;
}

/// Else nobody is told of the dead letter that it is.
#[tokio::test]
async fn what_was_noted_already_stands_for_whoever_notes_it_again() {
    let place = InSqlite::new();
    let inbox = place.open().await;
    let claim = claimed(&*inbox).await;
    let dead = Finish::Dead { reason: "rejected".to_owned(), status: Some(422) };

    let first = inbox.finish(&claim, dead.clone(), None).await.unwrap();
    let again = inbox.finish(&claim, dead, None).await.unwrap();
    let otherwise = inbox.finish(&claim, Finish::Done, None).await.unwrap();

    assert_eq!((first, again, otherwise), (true, true, false));
}

/// Whoever takes an inbox over has written his version by then, and would find it gone.
#[tokio::test]
async fn to_try_whether_an_inbox_can_be_written_leaves_its_version_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let inbox = open("sqlite", &format!("path = '{}'", path.display()), Purpose::Serve).await;
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();

    inbox.probe().await.unwrap();

    let version: u32 = other.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}
