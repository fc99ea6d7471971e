//! What becomes of an event that is not taken at once: retries, dead letters, and what people do.

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{delivery, ids, receiver_for, receiver_with, send_all};
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// Runs `events <command> <id> --json`; returns whether it could be done.
fn change(receiver: &Receiver, command: &str, event: &Value) -> bool {
    let output = receiver.run(&["events", command, &message_id(event), "--reason", "settled by hand", "--json"]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["done"] == true
}

#[rstest]
#[tokio::test]
async fn every_failure_is_shown_with_its_reason_and_when_the_next_attempt_is(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer([
        Answer::status(503).body("text/plain", "database is locked"),
        Answer::status(500).body("text/plain", "out of cheese"),
    ]);
    erp.answer_by(|_| Answer::hang());
    // Long beside what a busy machine takes to note a failure.
    let receiver = store.with(&format!(
        "delivery = {{ first_retry = '750ms', max_retry = '3s' }}
         handlers.erp = {{ type = 'http', url = '{}', timeout = '5s' }}",
        erp.url("/")
    ));
    let event = order_event("1");

    send_all(&receiver, std::slice::from_ref(&event)).await;
    erp.wait_for(4).await;

    let delivery = delivery(&receiver, &event);
    assert_eq!(delivery["state"], "pending");
    assert_eq!(delivery["attempts"], 3);
    let failures = delivery["failures"].as_array().unwrap();
    let expected = ["database is locked", "out of cheese", "5s"];
    for (number, (failure, reason)) in failures.iter().zip(expected).enumerate() {
        assert_eq!(failure["attempt"], number + 1);
        assert!(failure["reason"].as_str().unwrap().contains(reason), "{failure}");
    }
    assert!(failures[2]["milliseconds"].as_u64().unwrap() >= 5000);
    let due: Timestamp = delivery["due"].as_str().unwrap().parse().unwrap();
    let failed: Timestamp = failures[2]["at"].as_str().unwrap().parse().unwrap();
    let pause = due.duration_since(failed).as_secs_f64();
    assert!((2.25..3.75).contains(&pause), "the third pause is 3 s, a fifth more or less; not {pause} s");
    let attempts: Vec<_> = erp.received().iter().map(|request| request.json()["tcattempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[rstest]
#[tokio::test]
async fn an_erp_that_hangs_or_is_down_gets_everything_when_it_is_back(#[values(Sqlite, Postgres)] store: Store) {
    let mut erp = Erp::start();
    // Until it is stopped, however long this takes to come to that.
    erp.answer_by(|_| Answer::hang());
    let receiver = receiver_with(store, &erp, "timeout = '200ms'");
    receiver.expects_error("the handler is down");
    let events: Vec<_> = (0..10).map(|number| order_event(&(number % 2).to_string())).collect();

    send_all(&receiver, &events).await;
    erp.wait_for(2).await;
    erp.stop();
    let refused = |event: &Value| event["deliveries"][0]["failures"].as_array().is_some_and(|all| all.len() > 2);
    receiver.inbox_until(|events| events.iter().any(refused)).await;
    erp.answer_by(|_| Answer::status(200));
    erp.restart();

    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}

#[rstest]
#[tokio::test]
async fn what_the_erp_rejects_is_a_dead_letter_at_once_and_lets_the_next_one_pass(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    erp.answer([Answer::status(422).body("text/plain", "no such item")]);
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("rejected: a dead letter");
    let events = [order_event("1"), order_event("1")];

    send_all(&receiver, &events).await;
    erp.wait_for(2).await;

    assert_eq!(ids(&erp.received()), events.each_ref().map(message_id));
    let dead = delivery(&receiver, &events[0]);
    assert_eq!((&dead["state"], &dead["attempts"], &dead["due"]), (&json!("dead"), &json!(1), &Value::Null));
    assert!(dead["failures"][0]["reason"].as_str().unwrap().contains("no such item"), "{dead}");
    assert_eq!(receiver.events(&["list", "--state", "dead", "--json"])[0]["id"], message_id(&events[0]));
}

#[rstest]
#[tokio::test]
async fn a_delivery_is_given_up_after_its_time_and_the_next_one_has_its_own(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(503));
    let receiver = store.with(&format!(
        "delivery = {{ first_retry = '500ms', max_retry = '500ms', give_up_after = '5s' }}
         handlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ));
    receiver.expects_error("the handler is down");
    let events = [order_event("1"), order_event("1")];

    send_all(&receiver, &events).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "dead")).await;

    for event in &events {
        let dead = delivery(&receiver, event);
        // About ten; the second has waited for all of the first's before its own time began.
        assert!(dead["attempts"].as_u64().unwrap() > 3, "{dead}");
        let last = dead["failures"].as_array().unwrap().last().unwrap()["reason"].as_str().unwrap().to_owned();
        assert!(last.contains("given up after"), "{last}");
    }
    let line = receiver.logged("given up: a dead letter").await;
    assert!(line["number"].as_str().is_some_and(|number| number.starts_with("PO-")), "{line}");
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_is_delivered_again_when_somebody_says_so_beginning_with_attempt_1(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    erp.answer([503, 422]);
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("rejected: a dead letter");
    let event = order_event("1");
    send_all(&receiver, std::slice::from_ref(&event)).await;
    receiver.inbox_until(|events| events[0]["state"] == "dead").await;

    assert!(change(&receiver, "deliver", &event));

    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    let attempts: Vec<_> = erp.received().iter().map(|request| request.json()["tcattempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 1]);
    assert!(!change(&receiver, "deliver", &event), "what is done is not delivered again by mistake");
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_that_is_delivered_again_goes_before_the_later_ones_of_its_order(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    let events = [order_event("1"), order_event("1")];
    let (first, second) = (message_id(&events[0]), message_id(&events[1]));
    // The change of an order that was never taken fails until it is.
    let mut known = false;
    let id = first.clone();
    erp.answer([422]);
    erp.answer_by(move |request| {
        known |= request.json()["id"] == *id;
        Answer::status(if known { 200 } else { 503 })
    });
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("rejected: a dead letter");
    receiver.expects_error("the handler is down");
    send_all(&receiver, &events).await;
    erp.wait_for(3).await;

    assert!(change(&receiver, "deliver", &events[0]));

    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let arrived = ids(&erp.received());
    assert_eq!(arrived[arrived.len() - 2..], [first, second]);
}

#[rstest]
#[tokio::test]
async fn what_is_discarded_is_not_tried_again_and_holds_nobody_back(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let events = [order_event("1"), order_event("1")];
    let bad = message_id(&events[0]);
    erp.answer_by(move |request| Answer::status(if request.json()["id"] == *bad { 503 } else { 200 }));
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("the handler is down");
    send_all(&receiver, &events).await;
    erp.wait_for(2).await;

    assert!(change(&receiver, "discard", &events[0]));

    let second = message_id(&events[1]);
    erp.wait_until("the second", |received| ids(received).contains(&second)).await;
    let inbox = receiver.inbox_until(|events| events[1]["state"] == "done").await;
    assert_eq!(inbox[0]["state"], "discarded");
    let so_far = erp.received().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(erp.received().len(), so_far);
}

#[rstest]
#[tokio::test]
async fn an_event_goes_to_the_handlers_that_want_it_and_is_kept_if_none_does(#[values(Sqlite, Postgres)] store: Store) {
    let (orders, all_by_supplier) = (Erp::start(), Erp::start());
    let receiver = store.with(&format!(
        "handlers.orders = {{ type = 'http', url = '{}', kinds = ['order'], events = ['Order*ByBuyer', 'Changed'] }}
         handlers.supplier = {{ type = 'http', url = '{}', events = ['*BySupplier'] }}",
        orders.url("/"),
        all_by_supplier.url("/")
    ));
    let named = |name: &str| {
        let mut event = order_event("1");
        event["eventName"] = name.into();
        event
    };
    let shipment = json!({"eventName": "ShipmentIssuedBySupplier", "shipment": {"id": "1"}});
    let bare = json!({"id": "1", "buyerOrder": {"purchaseOrderNumber": "PO"}, "lines": []});
    let events =
        [named("OrderIssuedByBuyer"), named("OrderLinesRejectedBySupplier"), shipment, bare, named("SomethingNew")];

    send_all(&receiver, &events).await;
    let inbox = receiver.inbox_until(|events| events.iter().all(|event| event["state"] != "pending")).await;

    let states: Vec<_> = inbox.iter().map(|event| event["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["done", "done", "done", "done", "unwanted"]);
    let types = |erp: &Erp| -> Vec<String> {
        let mut types: Vec<_> =
            erp.received().iter().map(|request| request.json()["type"].as_str().unwrap().to_owned()).collect();
        types.sort();
        types
    };
    assert_eq!(types(&orders), ["com.tradecloud1.order.Changed", "com.tradecloud1.order.OrderIssuedByBuyer"]);
    let expected =
        ["com.tradecloud1.order.OrderLinesRejectedBySupplier", "com.tradecloud1.shipment.ShipmentIssuedBySupplier"];
    assert_eq!(types(&all_by_supplier), expected);
}
