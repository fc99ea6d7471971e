//! The forms of a poll: orders with schedules or with single deliveries, and shipments; and webhooks in any form beside them.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::notices::segment;
use super::{Delivered, QUICK, State, in_the_end, latest, polled_again, state, tradecloud, webhooks_to};
use crate::support::receiver::Receiver;
use crate::support::simulated::{JsonValue as _, Simulated, USER};

const DISK: &str = "handlers.disk = { type = 'file', directory = 'events' }\n";

/// What the platform answers to a poll from the beginning, by id.
async fn answered(platform: &Simulated, path: &str) -> BTreeMap<String, Value> {
    let body = json!({ "filters": { "lastUpdatedAfter": "2000-01-01T00:00:00Z" }, "offset": 0, "limit": 100 });
    let request = platform.request(Method::POST, path).basic_auth(USER.0, Some(USER.1)).body(body.to_string());
    let page = platform.ask(request).await.json_value().await;
    let entries = page["data"].as_array().unwrap().iter();
    entries.map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone())).collect()
}

#[rstest]
#[case::schedules("delivery-schedule", "/v2/order-search/poll")]
#[case::single_deliveries("single-delivery", "/v2/order-search/poll/single-delivery")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_form_of_a_poll_is_handed_on_as_it_is_answered(#[case] form: &str, #[case] path: &str) {
    let platform = Simulated::start(&["--orders", "30", "--seed", "71", "--every", "0s"]);
    let mut receiver = Receiver::with(&format!(
        "{QUICK}{}poll = {{ orders = '{form}', shipments = true, since = '2000-01-01', every = '1s' }}\n{DISK}",
        tradecloud(&platform)
    ));
    let mut disk = Delivered::by(&receiver);

    disk.has(&latest(&platform.state().await)).await;
    platform.change("orders=5").await;
    let wanted = latest(&platform.state().await);
    disk.has(&wanted).await;
    assert!(receiver.terminate().success());

    let mut there = answered(&platform, path).await;
    there.extend(answered(&platform, "/v2/shipment/poll").await);
    for event in disk.events().filter(|event| wanted.contains(&state(event))) {
        let is_order = event["type"] == "com.tradecloud1.order.Changed";
        assert!(is_order || event["type"] == "com.tradecloud1.shipment.Changed", "{event:#}");
        assert_eq!((&event["tcorigin"], &event["data"]), (&"poll".into(), &there[event["subject"].as_str().unwrap()]));
        assert!(!is_order || event["data"]["lines"][0]["statusLine"].is_object() == (form == "single-delivery"));
    }
    let asked = &platform.state().await["requests"];
    let (used, other) = ("pollOrders", "pollSingleDelivery");
    let (used, other) = if form == "single-delivery" { (other, used) } else { (used, other) };
    assert!(asked[used].as_u64() > Some(2) && asked[other].is_null(), "{asked}");
}

/// Whichever way either is written, a state is one state.
#[rstest]
#[case::in_the_same_form("single-delivery", &["--single-delivery"])]
#[case::in_the_other_form("delivery-schedule", &["--single-delivery", "--method", "put"])]
#[case::as_txml("delivery-schedule", &["--format", "txml"])]
#[case::as_txml_with_single_deliveries("single-delivery", &["--format", "txml", "--single-delivery"])]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_webhook_has_brought_in_any_form_is_not_polled_once_more(#[case] form: &str, #[case] webhook: &[&str]) {
    let receiver = Receiver::with(&format!("{QUICK}{DISK}"));
    let to = webhooks_to(&receiver, "/webhooks/tradecloud");
    let mut arguments = vec!["--orders", "12", "--seed", "72", "--every", "0s"];
    arguments.extend(to.iter().map(String::as_str).chain(webhook.iter().copied()));
    let platform = Simulated::start(&arguments);
    let since = jiff::Timestamp::now().to_string();
    platform.change("orders=12").await;
    platform.change("shipments=2").await;
    let told = async || {
        let events = platform.state().await["events"].as_array().unwrap().clone();
        events.iter().all(|event| event["verdict"] == "delivered").then_some(events.len())
    };
    in_the_end("the webhook has told all", async || told().await.is_some()).await;

    let poll = format!("orders = '{form}', shipments = true, since = '{since}', every = '1s'");
    receiver.configure(|text| format!("{text}{}poll = {{ {poll} }}\n", tradecloud(&platform)));
    assert!(receiver.hang_up().await.contains("reloaded"));
    polled_again(&platform).await;

    let inbox = receiver.inbox();
    assert_eq!(Some(inbox.len()), told().await, "nothing came by the poll");
    assert!(inbox.iter().all(|event| event["origin"] == "webhook"), "{inbox:#?}");
    // Nor is what changes later.
    platform.change("orders=3").await;
    in_the_end("the webhook has told all", async || told().await == Some(receiver.inbox().len())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_poll_has_brought_is_not_handed_on_for_a_call_but_what_has_a_name_is() {
    let platform = Simulated::start(&["--orders", "8", "--seed", "73", "--every", "0s"]);
    let receiver = Receiver::with(&format!(
        "{QUICK}{}poll = {{ orders = 'single-delivery', shipments = true, since = '2000-01-01', every = '1s' }}\n\
         endpoints = [{{ path = '/webhooks/tradecloud' }}, {{ path = '/o?id={{orderId}}' }}]\n{DISK}",
        tradecloud(&platform)
    ));
    let mut disk = Delivered::by(&receiver);
    let state = platform.state().await;
    disk.has(&latest(&state)).await;
    let polled = disk.events().count();
    let (id, updated) = state["orders"].as_object().unwrap().iter().next().unwrap();

    let sender = receiver.sender().to(receiver.url(&format!("/o?id={}", segment(id))));
    assert_eq!(sender.finish(sender.request(Method::GET)).await.status, Some(202));
    let of_call = |event: &&Value| event["origin"] == "get";
    receiver.inbox_until(|events| events.iter().filter(of_call).any(|event| event["state"] == "done")).await;
    assert_eq!(disk.events().count(), polled, "the order with its schedules has no other state");

    // What was done to it is not said by its state.
    let event = json!({
        "eventName": "OrderIssuedByBuyer",
        "singleDeliveryOrderEvent": { "orderId": id, "lastUpdatedAt": updated },
        "meta": { "messageId": "late-1" },
    });
    assert_eq!(receiver.sender().send(event).await.status, Some(202));
    in_the_end("it is delivered", async || disk.events().count() == polled + 1).await;
    let states: BTreeSet<State> = disk.states();
    assert_eq!(states.len(), polled);
}
