//! A back end that dies under load: nothing is said to be handled that it does not have, nothing that was
//! stored is lost, and everything goes on when it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

#[cfg(feature = "kafka")]
use super::back_ends::Topic;
use super::back_ends::{BackEnd, Http, Mood, NatsStream};
use super::promises::{cloud_events, order_of};
use crate::support::eventually;
use crate::support::load::{Load, Tally};
use crate::support::receiver::{BACK_END_FAILS, Receiver};
use crate::support::sender::{Message, order_event};

const HANDLED: &str = "endpoints = [{ path = '/webhooks/tradecloud', acknowledge = 'handled' }]";
const STATELESS: &str = "inbox.store = 'none'";
/// Senders at each receiver.
const SENDERS: usize = 2;

fn receiver_for(back_end: &dyn BackEnd, configuration: &str) -> Receiver {
    Receiver::with(&format!(
        "server.answer_within = '1s'\n{configuration}
         delivery = {{ first_retry = '200ms', max_retry = '1s' }}
         [handlers.bus]\n{}\ntimeout = '2s'",
        back_end.table()
    ))
}

/// What the back end has, by order, each event where it came first.
async fn taken_by(back_end: &dyn BackEnd) -> BTreeMap<String, Vec<String>> {
    let taken = cloud_events(back_end).await;
    by_order(&taken)
}

fn by_order(events: &[Value]) -> BTreeMap<String, Vec<String>> {
    order_of(events.iter().map(|event| (event["subject"].as_str().unwrap(), event["id"].as_str().unwrap())))
}

fn ids(orders: &BTreeMap<String, Vec<String>>) -> BTreeSet<&str> {
    orders.values().flatten().map(String::as_str).collect()
}

/// Asserts that the back end has each of these.
fn assert_has(orders: &BTreeMap<String, Vec<String>>, acknowledged: &BTreeMap<String, String>, who: &str) {
    let has = ids(orders);
    let missing: Vec<_> = acknowledged.keys().filter(|id| !has.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "{who}: of {} acknowledged ones these are not there: {missing:?}", acknowledged.len());
}

/// Sends so many events, of three orders in turn. (A load would store thousands before the other receivers,
/// which wait for the back end, have got anywhere.)
async fn store(receiver: &Receiver, count: usize, tally: &mut Tally) {
    let sender = receiver.sender();
    for number in 0..count {
        let event = order_event(&format!("stored-{}", number % 3));
        let mut answer = sender.send(event.clone()).await;
        // On a busy machine the store may not be done in time. The back end has no part in that: once is enough.
        if answer.will_retry() {
            tokio::time::sleep(Duration::from_secs(5)).await;
            answer = sender.send(event.clone()).await;
        }
        tally.note(&event.to_string(), &answer);
    }
}

/// Tradecloud's part: what was not acknowledged comes again until it is.
async fn repeat(receiver: &Receiver, tally: &Tally) {
    let sender = receiver.sender();
    for body in tally.unanswered.values() {
        eventually("a repeated event is handled", async || {
            let answer = sender.send(Message::json(body.clone())).await;
            assert!(!answer.is_lost(), "{answer:?}");
            answer.status == Some(200)
        })
        .await;
    }
}

/// Three receivers on one back end, with and without an inbox, while it hangs and then dies.
pub(super) async fn dies_under_load(back_end: Box<dyn BackEnd>) {
    tokio::time::timeout(Duration::from_secs(600), try_it(back_end)).await.unwrap();
}

async fn try_it(mut back_end: Box<dyn BackEnd>) {
    let stateless = receiver_for(&*back_end, &format!("{STATELESS}\n{HANDLED}"));
    let handled = receiver_for(&*back_end, HANDLED);
    let stored = receiver_for(&*back_end, "");
    for receiver in [&stateless, &handled, &stored] {
        receiver.expects_errors(&BACK_END_FAILS);
    }
    let loads = [&stateless, &handled].map(|receiver| Load::start(receiver, SENDERS));
    let [with_none, with_handled] = &loads;
    let mut stored_tally = Tally::default();

    store(&stored, 20, &mut stored_tally).await;
    for load in &loads {
        load.acknowledged(20).await;
    }
    let trouble = Instant::now();
    back_end.set(Mood::Hangs).await;
    with_none.unanswered(4).await;
    with_handled.unanswered(4).await;
    store(&stored, 40, &mut stored_tally).await;
    back_end.set(Mood::Vanished).await;
    with_none.unanswered(20).await;
    with_handled.unanswered(10).await;
    store(&stored, 40, &mut stored_tally).await;
    let late = order_event("late");
    let answers = [stateless.sender().send(late.clone()).await, handled.sender().send(late.clone()).await];
    let [with_none, with_handled] = loads;
    let tallies = [with_none.stop().await, with_handled.stop().await, stored_tally];
    let attempts = handled.inbox().iter().map(|event| event["deliveries"][0]["attempts"].as_u64().unwrap()).max();
    let allowed = 5 + 2 * trouble.elapsed().as_secs();
    back_end.set(Mood::Accepts).await;

    for answer in answers {
        assert!(matches!(answer.status, Some(502..=504)), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    assert!(attempts.unwrap() <= allowed, "it does not back off: {attempts:?} of {allowed} attempts");
    let [none_tally, handled_tally, stored_tally] = &tallies;
    for tally in &tallies {
        assert!(tally.lost.is_empty(), "{:?}", tally.lost);
    }
    assert!(stored_tally.unanswered.is_empty(), "what is stored is acknowledged, whoever is down");
    // Before anything is tried again: what was said to be handled is there.
    let taken = taken_by(&*back_end).await;
    assert_has(&taken, &none_tally.acknowledged, "without an inbox");
    assert_has(&taken, &handled_tally.acknowledged, "with an inbox");

    repeat(&stateless, none_tally).await;
    for receiver in [&handled, &stored] {
        receiver.inbox_until(|inbox| inbox.iter().all(|event| event["state"] == "done")).await;
    }
    let taken = taken_by(&*back_end).await;
    for tally in &tallies {
        assert_has(&taken, &tally.acknowledged, "at the end");
        assert_has(&taken, &tally.unanswered, "at the end");
    }
    assert_in_order(&taken, &handled);
    assert_in_order(&taken, &stored);
    for receiver in [&stateless, &handled] {
        eventually("repeated, it is handled by now", async || {
            receiver.sender().send(late.clone()).await.status == Some(200)
        })
        .await;
    }
}

/// Asserts that the events of each order came in the order in which the receiver has stored them.
fn assert_in_order(taken: &BTreeMap<String, Vec<String>>, receiver: &Receiver) {
    let stored = by_order(&receiver.inbox());
    let of_this_one = ids(&stored);
    for (order, expected) in &stored {
        let came: Vec<_> = taken[order].iter().filter(|id| of_this_one.contains(id.as_str())).collect();
        assert_eq!(came, expected.iter().collect::<Vec<_>>(), "{order}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_server_that_dies_under_load_is_never_said_to_have_what_it_has_not_confirmed() {
    dies_under_load(Box::new(NatsStream::start().await)).await;
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kafka_cluster_that_dies_under_load_is_never_said_to_have_what_it_has_not_confirmed() {
    dies_under_load(Box::new(Topic::start().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erp_that_dies_under_load_is_never_said_to_have_what_it_has_not_confirmed() {
    dies_under_load(Box::new(Http::start())).await;
}
