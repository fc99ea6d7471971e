//! Attempts that the process does not survive, in the embedded inbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tempfile::TempDir;

use super::place::{open, try_open};
use crate::inbox::{Archive, Claim, Finish, Incoming, Purpose};
use crate::model::{Envelope, Format, Kind};

fn settings(folder: &TempDir) -> String {
    format!("path = '{}'", folder.path().join("inbox.db").display())
}

/// Opens it once the one before has let go of it.
async fn serve(folder: &TempDir) -> Arc<dyn Archive> {
    let started = Instant::now();
    loop {
        match try_open("sqlite", &settings(folder), Purpose::Serve).await {
            Ok(inbox) => return inbox,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(60), "{error:#}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn with_an_event(folder: &TempDir) -> Arc<dyn Archive> {
    let inbox = serve(folder).await;
    let envelope = Envelope {
        kind: Kind::Order,
        format: Format::Json,
        event_name: None,
        message_id: Some("message".to_owned()),
        subject: Some("order".to_owned()),
        number: None,
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    let incoming = Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from_static(b"body"));
    inbox.store(incoming.wanted_by(["erp"])).await.unwrap();
    inbox
}

async fn claim(inbox: &Arc<dyn Archive>) -> Claim {
    let due = inbox.claim("erp", 1).await.unwrap();
    due.claims.into_iter().next().unwrap()
}

#[tokio::test]
async fn an_attempt_that_the_process_does_not_survive_is_counted_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    let mut inbox = with_an_event(&folder).await;

    for ends in 0..3 {
        let claim = claim(&inbox).await;
        assert_eq!((claim.ends, claim.attempts), (ends, 0));
        inbox.begin(&claim).await.unwrap();
        // Without a word, as a process that dies.
        drop(inbox);
        inbox = serve(&folder).await;
    }

    assert_eq!(claim(&inbox).await.ends, 3);
}

#[tokio::test]
async fn an_attempt_that_ended_or_was_broken_off_is_not_counted() {
    let folder = TempDir::new().unwrap();
    let inbox = with_an_event(&folder).await;
    let first = claim(&inbox).await;
    inbox.begin(&first).await.unwrap();
    drop(inbox);
    let inbox = serve(&folder).await;

    let released = claim(&inbox).await;
    inbox.begin(&released).await.unwrap();
    inbox.release(&released).await;
    drop(inbox);
    let inbox = serve(&folder).await;
    let ended = claim(&inbox).await;
    assert_eq!(ended.ends, 1, "broken off: as many as before");

    inbox.begin(&ended).await.unwrap();
    let retry = Finish::Retry { at: Timestamp::now(), reason: "later".to_owned() };
    inbox.finish(&ended, retry, None).await.unwrap();
    drop(inbox);
    let inbox = serve(&folder).await;
    assert_eq!(claim(&inbox).await.ends, 0, "it was survived");
}

#[tokio::test]
async fn what_the_process_does_not_survive_while_an_attempt_is_paused_is_not_counted() {
    let folder = TempDir::new().unwrap();
    let inbox = with_an_event(&folder).await;
    let paused = claim(&inbox).await;
    inbox.begin(&paused).await.unwrap();
    inbox.pause(&paused).await.unwrap();
    drop(inbox);
    let inbox = serve(&folder).await;

    let resumed = claim(&inbox).await;
    assert_eq!(resumed.ends, 0);
    inbox.begin(&resumed).await.unwrap();
    inbox.pause(&resumed).await.unwrap();
    assert!(inbox.begin(&resumed).await.unwrap());
    drop(inbox);

    assert_eq!(claim(&serve(&folder).await).await.ends, 1);
}

#[tokio::test]
async fn an_attempt_that_a_receiver_was_told_to_leave_is_not_counted() {
    let folder = TempDir::new().unwrap();
    let inbox = with_an_event(&folder).await;
    let begun = claim(&inbox).await;
    inbox.begin(&begun).await.unwrap();

    inbox.close().await;
    drop(inbox);

    let inbox = serve(&folder).await;
    assert_eq!(claim(&inbox).await.ends, 0);
}

#[tokio::test]
async fn somebody_who_looks_counts_nothing() {
    let folder = TempDir::new().unwrap();
    let inbox = with_an_event(&folder).await;
    let begun = claim(&inbox).await;
    inbox.begin(&begun).await.unwrap();

    let tool = open("sqlite", &settings(&folder), Purpose::Tool).await;

    assert_eq!(claim(&tool).await.ends, 0);
    inbox.finish(&begun, Finish::Done, None).await.unwrap();
    assert!(tool.claim("erp", 1).await.unwrap().claims.is_empty());
}

#[tokio::test]
async fn what_a_receiver_is_at_that_was_told_to_end_does_not_count_if_it_is_killed_then() {
    let folder = TempDir::new().unwrap();
    let inbox = with_an_event(&folder).await;
    let begun = claim(&inbox).await;
    inbox.begin(&begun).await.unwrap();

    inbox.ending().await;
    drop(inbox);

    assert_eq!(claim(&serve(&folder).await).await.ends, 0);
}
