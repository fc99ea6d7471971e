//! Events of an order go one after the other in the order received; nobody else waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{ids, receiver_for, send_all, subject};
use crate::support::erp::{Answer, Erp, Received};
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// Documents attached to an order.
fn documents_of(order: &str) -> Value {
    let mut event = order_event(order);
    let order = event["orderEvent"].take();
    event.as_object_mut().unwrap().remove("orderEvent");
    event["eventName"] = "OrderDocumentsAttachedByBuyer".into();
    event["orderDocumentsEvent"] = order;
    event
}

/// Asserts that of no order two requests overlapped.
fn assert_one_at_a_time(received: &[Received]) {
    let mut last: BTreeMap<String, Instant> = BTreeMap::new();
    for request in received {
        if let Some(before) = last.insert(subject(request), request.ended.unwrap()) {
            assert!(before <= request.at, "two at once of {}", subject(request));
        }
    }
}

/// The largest number of requests at the same time.
fn most_at_once(received: &[Received]) -> usize {
    let within = |at: Instant| received.iter().filter(|other| other.at <= at && other.ended.unwrap() > at).count();
    received.iter().map(|request| within(request.at)).max().unwrap_or_default()
}

/// Whether a request failed is not seen in it: what is delivered again had failed.
fn accepted(received: &[Received]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut accepted: Vec<_> = ids(received).into_iter().rev().filter(|id| seen.insert(id.clone())).collect();
    accepted.reverse();
    accepted
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_arrives_in_the_order_received_whatever_fails_on_the_way(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    // A linear congruential generator: random enough, and the same in every run.
    let mut random = 1_u32;
    erp.answer_by(move |_| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let delay = Duration::from_millis(u64::from(random >> 30));
        match (random >> 20) % 10 {
            0 | 1 => Answer::status(503).after(delay),
            2 => Answer::drop_connection(),
            _ => Answer::status(200).after(delay),
        }
    });
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("the handler is down");
    let orders: Vec<Vec<Value>> =
        (0..24).map(|order| (0..10).map(|_| order_event(&format!("order-{order}"))).collect()).collect();

    let mut tasks = JoinSet::new();
    for events in orders.clone() {
        let sender = receiver.sender();
        tasks.spawn(async move {
            for event in events {
                assert!(sender.send(event).await.is_delivered());
            }
        });
    }
    tasks.join_all().await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    let requests = erp.received();
    let accepted = accepted(&requests);
    assert_eq!(accepted.len(), 240);
    for events in orders {
        let sent: Vec<_> = events.iter().map(message_id).collect();
        let arrived: Vec<_> = accepted.iter().filter(|id| sent.contains(id)).cloned().collect();
        assert_eq!(arrived, sent, "out of order");
        let mut first: Vec<_> = ids(&requests).into_iter().filter(|id| sent.contains(id)).collect();
        first.dedup();
        assert_eq!(first, sent, "an attempt was made before its turn");
    }
    assert_one_at_a_time(&requests);
    assert!((2..=4).contains(&most_at_once(&requests)), "{} lanes at work, not up to 4", most_at_once(&requests));
}

#[rstest]
#[tokio::test]
async fn an_order_that_fails_holds_back_only_itself(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer_by(|request| Answer::status(if subject(request) == "bad" { 503 } else { 200 }));
    let receiver = receiver_for(store, &erp);
    let bad = [order_event("bad"), documents_of("bad"), order_event("bad")];
    let good: Vec<_> = (0..8).map(|number| order_event(&format!("good-{}", number % 4))).collect();

    send_all(&receiver, &bad).await;
    send_all(&receiver, &good).await;
    let all_good = |received: &[Received]| good.iter().all(|event| ids(received).contains(&message_id(event)));
    erp.wait_until("the good ones and three attempts of the bad one", |received| {
        all_good(received) && received.iter().filter(|request| subject(request) == "bad").count() >= 3
    })
    .await;

    assert!(!ids(&erp.received()).contains(&message_id(&bad[1])), "documents of an order wait for the order");
    erp.answer_by(|_| Answer::status(200));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let of_bad: Vec<_> = erp.received().into_iter().filter(|request| subject(request) == "bad").collect();
    assert_eq!(accepted(&of_bad), bad.iter().map(message_id).collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn events_of_no_order_do_not_wait_for_each_other(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("the handler is down");
    let mut events = [order_event(""), order_event("")];
    for event in &mut events {
        event["orderEvent"].as_object_mut().unwrap().remove("orderId");
    }
    let first = message_id(&events[0]);
    erp.answer_by(move |request| Answer::status(if request.json()["id"] == *first { 503 } else { 200 }));

    send_all(&receiver, &events).await;

    let second = message_id(&events[1]);
    erp.wait_until("the second", |received| ids(received).contains(&second)).await;
    assert_eq!(super::delivery(&receiver, &events[0])["state"], "pending");
}

#[rstest]
#[tokio::test]
async fn events_of_an_order_whose_id_is_a_number_stay_in_order(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let bare = |version: u32| json!({"id": 4711, "version": version, "lines": []});
    let mut fails = 2;
    erp.answer_by(move |request| {
        let is_first = request.json()["data"]["version"] == 1;
        fails -= i32::from(is_first && fails > 0);
        Answer::status(if is_first && fails > 0 { 503 } else { 200 })
    });
    let receiver = receiver_for(store, &erp);

    send_all(&receiver, &[bare(1), bare(2), bare(3)]).await;

    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let versions: Vec<_> = erp.received().iter().map(|request| request.json()["data"]["version"].clone()).collect();
    assert_eq!(versions, [1, 1, 2, 3]);
}

#[rstest]
#[tokio::test]
async fn an_order_and_a_shipment_of_the_same_id_do_not_wait_for_each_other(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer_by(|request| {
        let kind = request.json()["type"].as_str().unwrap().to_owned();
        Answer::status(if kind.contains(".order.") { 503 } else { 200 })
    });
    let receiver = receiver_for(store, &erp);
    let shipment = json!({"eventName": "ShipmentIssuedBySupplier", "shipment": {"id": "same", "lines": []},
                          "meta": {"messageId": "5e7f5ee4-9a0d-4c6c-8a5e-1d8c7f0a3b11"}});

    send_all(&receiver, &[order_event("same"), shipment.clone()]).await;

    erp.wait_until("the shipment", |received| ids(received).contains(&message_id(&shipment))).await;
}

#[rstest]
#[tokio::test]
async fn a_handler_that_is_down_holds_back_only_itself(#[values(Sqlite, Postgres)] store: Store) {
    let (up, mut down) = (Erp::start(), Erp::start());
    down.stop();
    let receiver = store.with(&format!(
        "{}
         handlers.up = {{ type = 'http', url = '{}' }}
         handlers.down = {{ type = 'http', url = '{}' }}
         handlers.script = {{ type = 'exec', command = ['sh', '-c', 'cat > script-$$.json'] }}",
        super::QUICK,
        up.url("/"),
        down.url("/")
    ));
    receiver.expects_error("the handler is down");
    let events: Vec<_> = (0..12).map(|number| order_event(&(number % 3).to_string())).collect();

    send_all(&receiver, &events).await;
    up.wait_for(12).await;
    let state_with = |event: &Value, handler: usize| event["deliveries"][handler]["state"].clone();
    let handlers = |event: &Value| [0, 1, 2].map(|handler| state_with(event, handler));
    receiver.inbox_until(|events| events.iter().all(|event| handlers(event) == ["pending", "done", "done"])).await;
    down.restart();

    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(accepted(&down.received()).len(), 12, "back again, it gets everything");
    let scripts = receiver
        .folder()
        .read_dir()
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("script-"));
    assert_eq!(scripts.count(), 12);
}

#[rstest]
#[tokio::test]
async fn after_a_kill_deliveries_go_on_where_they_stopped(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(200).after(Duration::from_millis(10)));
    let mut receiver = receiver_for(store, &erp);
    let events: Vec<_> = (0..60).map(|number| order_event(&(number % 6).to_string())).collect();

    send_all(&receiver, &events[..40]).await;
    receiver.kill();
    let before = erp.received().len();
    receiver.restart();
    send_all(&receiver, &events[40..]).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    let requests = ids(&erp.received());
    let mut seen = BTreeSet::new();
    let first_arrivals: Vec<_> = requests.iter().filter(|id| seen.insert((*id).clone())).collect();
    for order in 0..6 {
        let sent: Vec<_> = events.iter().skip(order).step_by(6).map(message_id).collect();
        let arrived: Vec<_> = first_arrivals.iter().filter(|id| sent.contains(id)).map(|id| (*id).clone()).collect();
        assert_eq!(arrived, sent);
    }
    // What was under way in the four lanes, or had just been answered, is delivered once more.
    let twice = requests.len() - events.len();
    assert!(twice <= 8, "{twice} of {} were delivered twice, {before} before the kill", events.len());
}
