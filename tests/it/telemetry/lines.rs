//! Lines about events: found by the number of the order, with texts that are texts and numbers that are numbers.

use rstest::rstest;
use serde_json::Value;

use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// A handler whose second pause is not for long.
fn handler(erp: &Erp) -> String {
    format!("delivery = {{ first_retry = '30ms' }}\nhandlers.erp = {{ type = 'http', url = '{}' }}", erp.url("/"))
}

#[rstest]
#[tokio::test]
async fn whoever_looks_for_an_order_finds_every_line_about_it(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer([Answer::status(500), Answer::status(422), Answer::status(200)]);
    let receiver = store.with(&handler(&erp));
    let event = order_event("4711");
    let id = message_id(&event);

    for _ in 0..2 {
        receiver.sender().send(event.clone()).await;
    }
    receiver.logged("rejected: a dead letter").await;
    receiver.inbox_until(|events| events[0]["state"] == "dead").await;
    receiver.run(&["events", "deliver", &id]);
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    let nowhere = receiver.sender().to(receiver.url("/nowhere")).send(event.clone()).await;

    let refused = receiver.logged("a body was refused and kept").await;
    assert_eq!((refused["id"].as_str(), refused["level"].as_str()), (Some(&*nowhere.id()), Some("WARN")));
    assert_eq!((refused["number"].as_str(), refused["event"].as_str()), (Some("PO-4711"), Some("OrderIssuedByBuyer")));
    for message in ["event stored", "event repeated"] {
        let line = receiver.logged(message).await;
        assert_eq!((line["id"].as_str(), line["number"].as_str()), (Some(&*id), Some("PO-4711")), "{line}");
        assert_eq!(line["event"], "OrderIssuedByBuyer");
    }
    for (message, attempt) in [("not delivered; it is tried again", 1), ("rejected: a dead letter", 2)] {
        let line = receiver.logged(message).await;
        assert_eq!((&line["handler"], &line["attempt"]), (&Value::from("erp"), &Value::from(attempt)), "{line}");
        assert!(line["took_ms"].is_u64() && line["reason"].as_str().unwrap().contains("answered "), "{line}");
    }
    let delivered = receiver.log().into_iter().find(|line| line["message"] == "delivered").unwrap();
    assert!(delivered["took_ms"].is_u64(), "{delivered}");
    let about_it = receiver.log().into_iter().filter(|line| line["id"] == *id).collect::<Vec<_>>();
    assert!(about_it.len() >= 5, "{about_it:#?}");
    assert!(about_it.iter().all(|line| line["number"] == "PO-4711"), "{about_it:#?}");
}

/// From an address that is not allowed, nobody is told that a body is kept, but the log is.
#[tokio::test]
async fn an_order_that_is_kept_without_a_word_is_found_as_well() {
    let receiver = Receiver::with("endpoints = [{ path = \"/webhooks/tradecloud\", allow_from = [\"10.0.0.0/8\"] }]");

    receiver.sender().send(order_event("1")).await;

    let line = receiver.logged("a body was refused and kept").await;
    assert_eq!((line["number"].as_str(), line["credential"].as_str()), (Some("PO-1"), Some("portal")), "{line}");
}

/// What has come before is no new event to who counts lines.
#[tokio::test]
async fn a_message_that_comes_again_has_a_line_of_its_own() {
    let receiver = Receiver::start();
    let event = order_event("1");

    for _ in 0..3 {
        receiver.sender().send(event.clone()).await;
    }

    let count = |message: &str| receiver.log().iter().filter(|line| line["message"] == message).count();
    eventually("all is told", async || count("event repeated") == 2).await;
    assert_eq!(count("event stored"), 1);
}

#[tokio::test]
async fn of_a_number_without_end_only_the_beginning_is_told() {
    let receiver = Receiver::start();
    let mut event = order_event("1");
    event["orderEvent"]["buyerOrder"]["purchaseOrderNumber"] = Value::from(format!("PO{}", "7".repeat(4000)));
    event["eventName"] = Value::from("x\n\u{1b}[2J".repeat(600));

    assert_eq!(receiver.sender().send(event).await.status, Some(202));

    let line = receiver.logged("event stored").await;
    assert!(line["number"].as_str().unwrap().starts_with("PO777"), "{line}");
    assert!(line.to_string().len() < 2500, "{line}");
}
