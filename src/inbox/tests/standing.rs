//! Lanes that stand still, which only a fault can make: the embedded inbox finds them and sets them right.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::place::open;
use crate::inbox::{Incoming, Purpose};
use crate::model::{Envelope, Format, Kind};

fn event(id: &str, order: &str) -> Incoming {
    let envelope = Envelope {
        kind: Kind::Order,
        format: Format::Json,
        event_name: None,
        message_id: Some(id.to_owned()),
        subject: Some(order.to_owned()),
        number: None,
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from_static(b"body"))
}

/// A receiver looks at some in each round, so that a million that wait are no burden.
#[tokio::test]
async fn a_delivery_that_waits_for_nothing_is_found_in_some_rounds_and_made_due() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inbox.db");
    let inbox = open("sqlite", &format!("path = '{}'", path.display()), Purpose::Serve).await;
    for (id, order) in [("first", "1"), ("behind", "1"), ("other", "2")] {
        inbox.store(event(id, order).wanted_by(["erp"])).await.unwrap();
    }
    let fault = Connection::open(&path).unwrap();
    fault
        .execute_batch(
            "UPDATE deliveries SET due = NULL WHERE event = (SELECT number FROM events WHERE id = 'first');
             WITH RECURSIVE lanes (lane) AS (SELECT 1 UNION ALL SELECT lane + 1 FROM lanes WHERE lane < 25000)
             INSERT INTO deliveries (event, handler, lane, state, since, due, changed)
             SELECT 1000 + lane, 'away', lane, 0, 0, 0, 0 FROM lanes;",
        )
        .unwrap();
    drop(fault);

    let mut mended = Vec::new();
    for _ in 0..3 {
        mended.extend(inbox.mend().await.unwrap());
    }

    assert_eq!(mended, [("first".to_owned(), "erp".to_owned())]);
    let due: Vec<_> = inbox.claim("erp", 9).await.unwrap().claims.into_iter().map(|claim| claim.id).collect();
    assert!(due.contains(&"first".to_owned()) && !due.contains(&"behind".to_owned()), "{due:?}");
    assert_eq!(inbox.mend().await.unwrap(), [], "and the round begins anew");
}
