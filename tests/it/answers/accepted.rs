//! 202: what counts as an event, however it is sent.

use reqwest::{Method, Version};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::receiver::Receiver;
use crate::support::sample;
use crate::support::sender::{Message, message_id, order_event, order_event_in_xml};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// Events of every kind and form.
const JSON: [&str; 6] = [
    "order-event.json",
    "single-delivery-order-event.json",
    "simple-order-event.json",
    "order-documents-event.json",
    "shipment-event.json",
    "bare-legacy-order.json",
];
const XML: [&str; 3] = ["order-event.xml", "single-delivery-order-event.xml", "order-documents-event.xml"];

#[rstest]
#[tokio::test]
async fn every_kind_of_json_event_is_kept_byte_for_byte(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");

    for name in JSON {
        let answer = receiver.sender().send(Message::json(sample(name))).await;

        assert_eq!(answer.status, Some(202), "{name}: {answer:?}");
        assert_eq!(answer.json()["status"], "stored");
        assert!(receiver.body_of(&answer.id()) == sample(name), "{name} is kept with another body");
    }
    assert_eq!(receiver.inbox().len(), JSON.len());
}

#[rstest]
#[tokio::test]
async fn every_kind_of_txml_event_is_kept_byte_for_byte(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");

    for name in XML {
        let answer = receiver.sender().send(Message::xml(sample(name))).await;

        assert_eq!(answer.status, Some(202), "{name}: {answer:?}");
        assert!(receiver.body_of(&answer.id()) == sample(name), "{name} is kept with another body");
    }
    assert_eq!(receiver.inbox().len(), XML.len());
}

#[tokio::test]
async fn post_and_put_are_taken_over_http_1_and_2() {
    let receiver = Receiver::start();
    let over_2 = receiver.sender();
    let over_1 = receiver.sender().http1();

    for method in [Method::POST, Method::PUT] {
        for (sender, version) in [(&over_2, Version::HTTP_2), (&over_1, Version::HTTP_11)] {
            let answer = sender.send_by(method.clone(), order_event("1")).await;

            assert_eq!((answer.status, answer.version), (Some(202), version), "{method}");
        }
    }
    assert_eq!(receiver.inbox().len(), 4);
}

#[tokio::test]
async fn a_missing_or_odd_media_type_loses_no_event() {
    let receiver = Receiver::start();
    let media_types = [
        "application/json",
        "APPLICATION/JSON; Charset=\"UTF-8\"",
        "application/json;charset=utf-8;profile=tradecloud",
        "text/json",
        "application/jsonx",
        "application/xml",
        "Text/XML; charset=UTF-8",
        "application/octet-stream",
        "text/plain",
        "nonsense",
        ";",
    ];

    for media_type in media_types {
        let event = order_event("1");
        let xml = order_event_in_xml("1", &message_id(&order_event("1")));

        let as_json = receiver.sender().send(Message::typed(media_type, event.to_string())).await;
        let as_xml = receiver.sender().send(Message::typed(media_type, xml)).await;

        assert_eq!((as_json.status, as_xml.status), (Some(202), Some(202)), "{media_type}");
        let kept = receiver.events(&["show", &as_json.id(), "--json"]).remove(0);
        assert_eq!(kept["contentType"], media_type);
    }
    let untyped = receiver.sender().send(Message::untyped(order_event("1").to_string())).await;
    assert_eq!(untyped.status, Some(202));
    assert_eq!(receiver.events(&["show", &untyped.id(), "--json"])[0]["contentType"], Value::Null);
}

#[tokio::test]
async fn a_byte_order_mark_is_no_obstacle() {
    let receiver = Receiver::start();
    let event = order_event("1");
    let xml = order_event_in_xml("1", &message_id(&order_event("1")));

    let as_json = receiver.sender().send(Message::json(format!("\u{feff}{event}"))).await;
    let as_xml = receiver.sender().send(Message::xml(format!("\u{feff}{xml}"))).await;

    assert_eq!((as_json.status, as_xml.status), (Some(202), Some(202)));
    assert!(receiver.body_of(&message_id(&event)).starts_with(b"\xEF\xBB\xBF{"), "the body is kept as received");
}

#[tokio::test]
async fn a_query_in_the_address_changes_nothing() {
    let receiver = Receiver::start();
    let sender = receiver.sender().to(receiver.url("/webhooks/tradecloud?source=portal&x="));

    let answer = sender.send(order_event("1")).await;

    assert_eq!(answer.status, Some(202));
    assert_eq!(receiver.inbox()[0]["path"], "/webhooks/tradecloud");
}

#[tokio::test]
async fn unknown_fields_values_and_events_are_taken() {
    let receiver = Receiver::start();
    let mut event = order_event("1");
    event["eventName"] = json!("OrderPaintedBlueByBuyer");
    event["orderEvent"]["colour"] = json!({"of": ["the", "order", null]});
    event["orderEvent"]["lines"][0]["status"] = json!({"processStatus": "Painted"});

    let answer = receiver.sender().send(event).await;

    assert_eq!(answer.status, Some(202));
    assert_eq!(receiver.inbox()[0]["eventName"], "OrderPaintedBlueByBuyer");
}

#[rstest]
#[tokio::test]
async fn a_repeated_message_is_one_event_in_either_encoding(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let event = order_event("1");
    let id = message_id(&event);

    let first = receiver.sender().send(event.clone()).await;
    let second = receiver.sender().http1().send(event).await;
    let in_xml = receiver.sender().send(Message::xml(order_event_in_xml("1", &id))).await;
    let in_capitals = receiver.sender().send(Message::xml(order_event_in_xml("1", &id.to_uppercase()))).await;

    assert_eq!(first.json(), json!({"status": "stored", "id": id}));
    for again in [second, in_xml, in_capitals] {
        assert_eq!(again.status, first.status);
        assert_eq!(again.json(), json!({"status": "stored", "id": id, "repeated": true}));
    }
    assert_eq!(receiver.inbox().len(), 1);
}

#[rstest]
#[tokio::test]
async fn without_message_id_the_same_body_is_one_event(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let body = |order: &str| json!({"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": order}});

    let first = receiver.sender().send(body("1")).await;
    let again = receiver.sender().send(body("1")).await;
    let other = receiver.sender().send(body("2")).await;

    assert_eq!((first.status, again.status, other.status), (Some(202), Some(202), Some(202)));
    assert_eq!(again.id(), first.id());
    assert_ne!(other.id(), first.id());
    assert_eq!(receiver.inbox().len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_repeated_message_is_known_after_a_restart_too(#[values(Sqlite, Postgres)] store: Store) {
    let mut receiver = store.with("");
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    receiver.kill();
    receiver.restart();

    let again = receiver.sender().send(event).await;

    assert_eq!(again.status, Some(202));
    assert_eq!(receiver.inbox().len(), 1);
}
