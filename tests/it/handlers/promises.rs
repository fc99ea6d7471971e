//! The promises that every handler keeps within the receiver: the program itself, over TLS, with all back
//! ends at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::back_ends::{BackEnd, Mood, all, all_in};
use crate::support::load::Load;
use crate::support::receiver::{BACK_END_FAILS, Receiver};
use crate::support::sender::{message_id, order_event};

type BackEnds = Vec<Box<dyn BackEnd>>;

/// A handler for each, named after its type. An attempt may take a second.
fn configuration(back_ends: &BackEnds) -> String {
    let handlers: String = back_ends.iter().fold(String::new(), |handlers, back_end| {
        handlers + &format!("[handlers.{}]\n{}\ntimeout = '1s'\n", back_end.name(), back_end.table())
    });
    format!("delivery = {{ first_retry = '50ms', max_retry = '250ms', lanes = 4 }}\n{handlers}")
}

fn receiver_for(back_ends: &BackEnds) -> Receiver {
    Receiver::with(&configuration(back_ends))
}

/// Sends `count` events of two orders in turn; each must be stored.
async fn send(receiver: &Receiver, count: usize) -> Vec<Value> {
    let events: Vec<_> = (0..count).map(|number| order_event(&format!("order-{}", number % 2))).collect();
    let sender = receiver.sender();
    for event in &events {
        assert_eq!(sender.send(event.clone()).await.status, Some(202));
    }
    events
}

/// The ids of the events, by order, each where it came first.
pub(super) fn order_of<'a>(events: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Vec<String>> {
    let (mut seen, mut orders) = (BTreeSet::new(), BTreeMap::<_, Vec<_>>::new());
    for (order, id) in events {
        if seen.insert(id.to_owned()) {
            orders.entry(order.to_owned()).or_default().push(id.to_owned());
        }
    }
    orders
}

/// The events that a back end has taken.
pub(super) async fn cloud_events(back_end: &dyn BackEnd) -> Vec<Value> {
    back_end.taken().await.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

/// Asserts that a back end has each of the events, and those of an order in the order sent.
async fn assert_all_in_order(back_end: &dyn BackEnd, sent: &[Value]) {
    let taken = cloud_events(back_end).await;
    let taken = order_of(taken.iter().map(|event| (event["subject"].as_str().unwrap(), event["id"].as_str().unwrap())));
    let text = |value: &'static str, event: &Value| event.pointer(value).unwrap().as_str().unwrap().to_owned();
    let sent: Vec<_> =
        sent.iter().map(|event| (text("/orderEvent/orderId", event), text("/meta/messageId", event))).collect();
    let sent = order_of(sent.iter().map(|(order, id)| (order.as_str(), id.as_str())));
    assert_eq!(taken, sent, "{}", back_end.name());
}

fn delivery<'a>(event: &'a Value, handler: &str) -> &'a Value {
    let deliveries = event["deliveries"].as_array().unwrap();
    deliveries.iter().find(|delivery| delivery["handler"] == handler).unwrap()
}

fn failures<'a>(event: &'a Value, handler: &str) -> &'a [Value] {
    delivery(event, handler)["failures"].as_array().map_or(&[], Vec::as_slice)
}

async fn all_done(receiver: &Receiver, count: usize) {
    receiver.inbox_until(|inbox| inbox.len() == count && inbox.iter().all(|event| event["state"] == "done")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_once_and_whole_and_the_same_everywhere() {
    let back_ends = all().await;
    let receiver = receiver_for(&back_ends);

    let events = send(&receiver, 12).await;
    all_done(&receiver, 12).await;

    for back_end in &back_ends {
        assert_all_in_order(&**back_end, &events).await;
        let taken = cloud_events(&**back_end).await;
        assert_eq!(taken.len(), events.len(), "{}: not once", back_end.name());
        for event in &events {
            let found = taken.iter().find(|taken| taken["id"] == message_id(event)).unwrap();
            let mut expected = json!({
                "specversion": "1.0",
                "id": message_id(event),
                "source": "https://tradecloud1.com/company/c1",
                "type": "com.tradecloud1.order.OrderIssuedByBuyer",
                "subject": event["orderEvent"]["orderId"],
                "time": "2026-03-01T10:11:12.345Z",
                "datacontenttype": "application/json",
                "tcattempt": 1,
                "tcformat": "json",
                "tcorigin": "webhook",
                "data": event,
            });
            expected["tcreceived"] = found["tcreceived"].clone();
            assert_eq!(*found, expected, "{}", back_end.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_end_that_is_stopped_holds_back_only_itself_and_gets_everything_when_it_is_back() {
    let mut back_ends = all().await;
    let receiver = receiver_for(&back_ends);
    receiver.expects_errors(&BACK_END_FAILS);
    let mut events = Vec::new();

    for back_end in &mut back_ends {
        let name = back_end.name();
        let before = back_end.taken().await.len();
        back_end.set(Mood::Vanished).await;
        events.extend(send(&receiver, 4).await);
        let others = |event: &Value| {
            let mut deliveries = event["deliveries"].as_array().unwrap().iter();
            deliveries.all(|delivery| delivery["handler"] == name || delivery["state"] == "done")
        };
        let inbox = receiver
            .inbox_until(|inbox| {
                inbox.len() == events.len()
                    && inbox.iter().all(others)
                    && inbox.iter().any(|event| failures(event, name).len() >= 3)
            })
            .await;

        let new = &inbox[events.len() - 4..];
        assert!(new.iter().all(|event| delivery(event, name)["state"] == "pending"), "{name}: {new:#?}");
        let failed = new.iter().flat_map(|event| failures(event, name));
        let reason = back_end.reason(Mood::Vanished).unwrap();
        assert!(failed.clone().count() > 0 && failed.clone().all(|failure| !failure["reason"].is_null()));
        assert!(
            failed.clone().any(|failure| failure["reason"].as_str().unwrap().contains(reason)),
            "{name}: {:#?}",
            failed.collect::<Vec<_>>()
        );

        back_end.set(Mood::Accepts).await;
        all_done(&receiver, events.len()).await;
        assert!(back_end.taken().await.len() >= before + 4, "{name}");
        assert_all_in_order(&**back_end, &events).await;
    }
    for back_end in &back_ends {
        assert_all_in_order(&**back_end, &events).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_at_a_back_end_that_hangs_ends_at_the_time_out() {
    let mut back_ends = all_in(Mood::Hangs).await;
    let receiver = receiver_for(&back_ends);
    receiver.expects_errors(&BACK_END_FAILS);

    let events = send(&receiver, 4).await;
    let names: Vec<_> = back_ends.iter().map(|back_end| back_end.name()).collect();
    let inbox = receiver.inbox_until(|inbox| names.iter().all(|name| failures(&inbox[0], name).len() >= 2)).await;

    for back_end in &mut back_ends {
        for failure in failures(&inbox[0], back_end.name()) {
            assert!(failure["reason"].as_str().unwrap().contains("1s"), "{}: {failure}", back_end.name());
            let took = failure["milliseconds"].as_u64().unwrap();
            assert!((900..4000).contains(&took), "{}: {failure}", back_end.name());
        }
        assert!(inbox.iter().all(|event| delivery(event, back_end.name())["state"] == "pending"));
        back_end.set(Mood::Accepts).await;
    }
    all_done(&receiver, 4).await;
    for back_end in &back_ends {
        assert_all_in_order(&**back_end, &events).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_good_is_a_dead_letter_and_one_for_now_is_not() {
    for (mood, state) in [(Mood::RefusesForGood, "dead"), (Mood::RefusesForNow, "pending")] {
        let mut back_ends = all_in(mood).await;
        let receiver = receiver_for(&back_ends);
        receiver.expects_error("rejected: a dead letter");
        receiver.expects_errors(&BACK_END_FAILS);

        send(&receiver, 1).await;
        let names: Vec<_> = back_ends.iter().map(|back_end| back_end.name()).collect();
        let inbox = receiver.inbox_until(|inbox| names.iter().all(|name| !failures(&inbox[0], name).is_empty())).await;
        for back_end in &mut back_ends {
            assert_eq!(delivery(&inbox[0], back_end.name())["state"], state, "{}", back_end.name());
            let reason = failures(&inbox[0], back_end.name())[0]["reason"].as_str().unwrap();
            assert!(reason.contains(back_end.reason(mood).unwrap()), "{reason}");
            assert!(back_end.taken().await.is_empty(), "{}", back_end.name());
            back_end.set(Mood::Accepts).await;
        }

        // A dead letter is the operator's to deliver again.
        if state == "dead" {
            assert!(receiver.run(&["events", "deliver", "--all", "--yes"]).status.success());
        }
        all_done(&receiver, 1).await;
        for back_end in &back_ends {
            assert_eq!(back_end.taken().await.len(), 1, "{}", back_end.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tries_every_back_end_and_delivers_nothing() {
    let mut back_ends = all().await;
    let receiver = Receiver::prepared(&configuration(&back_ends));
    let works = |back_end: &dyn BackEnd| {
        let output = receiver.run(&["check", "--online", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let what = format!("handler {}", back_end.name());
        let tried = said["online"].as_array().unwrap().iter().find(|tried| tried["what"] == what).unwrap();
        tried["works"].as_bool().unwrap()
    };

    for back_end in &mut back_ends {
        assert!(works(&**back_end), "{}", back_end.name());
        assert!(back_end.taken().await.is_empty(), "{}", back_end.name());
        back_end.set(Mood::Vanished).await;
        assert!(!works(&**back_end), "{}", back_end.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_level_shows_a_body_or_a_credential() {
    let back_ends = all_in(Mood::RefusesForNow).await;
    let mut receiver = Receiver::prepared(&configuration(&back_ends)).setting("LOG__LEVEL", "trace");
    receiver.expects_errors(&BACK_END_FAILS);
    receiver.restart();
    let mut event = order_event("1");
    event["orderEvent"]["reason"] = "only between us".into();

    assert_eq!(receiver.sender().send(event).await.status, Some(202));
    let names: Vec<_> = back_ends.iter().map(|back_end| back_end.name()).collect();
    receiver.inbox_until(|inbox| names.iter().all(|name| !failures(&inbox[0], name).is_empty())).await;

    let bytes = format!("{:?}", b"only between us");
    let in_numbers = bytes.trim_matches(['[', ']']);
    for line in receiver.log().iter().map(Value::to_string) {
        for secret in ["only between us", in_numbers, "p@ss", "p%40ss"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_killed_loses_nothing_on_its_way_to_any_back_end() {
    let back_ends = all().await;
    let mut receiver = receiver_for(&back_ends);
    let load = Load::start(&receiver, 4);

    load.acknowledged(40).await;
    receiver.kill();
    let tally = load.stop().await;
    receiver.restart();

    assert!(tally.lost.is_empty(), "{:?}", tally.lost);
    let inbox = receiver.inbox_until(|inbox| inbox.iter().all(|event| event["state"] == "done")).await;
    let order =
        |event: &Value| (event["subject"].as_str().unwrap().to_owned(), event["id"].as_str().unwrap().to_owned());
    let expected: Vec<_> = inbox.iter().map(order).collect();
    let expected = order_of(expected.iter().map(|(order, id)| (order.as_str(), id.as_str())));
    for back_end in &back_ends {
        let taken = cloud_events(&**back_end).await;
        let ids: BTreeSet<_> = taken.iter().map(|event| event["id"].as_str().unwrap()).collect();
        for id in tally.acknowledged.keys() {
            assert!(ids.contains(id.as_str()), "{} has lost {id}", back_end.name());
        }
        let pairs: Vec<_> = taken.iter().map(order).collect();
        assert_eq!(
            order_of(pairs.iter().map(|(order, id)| (order.as_str(), id.as_str()))),
            expected,
            "{}",
            back_end.name()
        );
        // Only what was under way when it was killed may come twice: at most one per lane.
        assert!(taken.len() <= inbox.len() + 4, "{}: {} of {}", back_end.name(), taken.len(), inbox.len());
    }
}
