//! Several receivers on one database share the work, and take over what one of them leaves.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{at_work, ids, prepared, stalls};
use crate::support::erp::{Answer, Erp};
use crate::support::postgres::{Postgres, ROLE};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_start_at_once_on_an_empty_database_make_one_inbox() {
    let erp = Erp::start();
    let server = Postgres::shared();
    let mut receivers = prepared(4, &server.url(&server.database()), &erp);

    std::thread::scope(|scope| {
        for receiver in &mut receivers {
            scope.spawn(|| receiver.restart());
        }
    });

    for receiver in &receivers {
        assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202));
    }
    erp.wait_for(4).await;
    assert_eq!(receivers[0].inbox().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_to_all_at_once_is_one_event_and_delivered_once() {
    let erp = Erp::start();
    let receivers = at_work(3, &erp);
    let events: Vec<Value> = (0..40).map(|number| order_event(&(number % 7).to_string())).collect();

    let mut tasks = JoinSet::new();
    for event in &events {
        for receiver in &receivers {
            let (sender, event) = (receiver.sender(), event.clone());
            tasks.spawn(async move {
                let mut answer = sender.send(event.clone()).await;
                // A database with much else to do is waited for no longer than an answer may take.
                while answer.will_retry() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    answer = sender.send(event.clone()).await;
                }
                assert!(answer.is_delivered(), "{answer:?}");
            });
        }
    }
    tasks.join_all().await;

    let done = |events: &[Value]| events.iter().all(|event| event["state"] == "done");
    assert_eq!(receivers[0].inbox_until(done).await.len(), 40);
    let arrived = ids(&erp.received());
    assert!(arrived.len() == 40 || stalls(&receivers) > 0, "delivered twice: {arrived:?}");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), events.iter().map(message_id).collect());
}

/// As where the database serves programs that need it.
#[rstest]
#[case("repeatable read")]
#[case("serializable")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_isolation_is_usual_in_a_database_all_is_delivered_and_nothing_fails(#[case] isolation: &str) {
    let erp = Erp::start();
    let server = Postgres::shared();
    let database = server.database();
    let usual = format!("ALTER ROLE {ROLE} IN DATABASE {database} SET default_transaction_isolation = '{isolation}'");
    server.sql(&database, &usual);
    let mut receivers = prepared(2, &server.url(&database), &erp);
    receivers.iter_mut().for_each(Receiver::restart);

    let mut tasks = JoinSet::new();
    for number in 0..4 {
        let sender = receivers[number % 2].sender();
        tasks.spawn(async move {
            for event in 0..50 {
                assert_eq!(sender.send(order_event(&(event % 5).to_string())).await.status, Some(202));
            }
        });
    }
    tasks.join_all().await;

    erp.wait_until("all are delivered", |received| received.len() >= 200).await;
    receivers[0].inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(erp.received().len(), 200);
    for entry in receivers.iter().flat_map(Receiver::log) {
        assert!(!entry.to_string().contains("could not serialize"), "{entry}");
    }
}

#[tokio::test]
async fn an_order_with_a_claim_that_nobody_knows_is_worked_on_within_seconds() {
    let erp = Erp::start();
    let server = Postgres::shared();
    let database = server.database();
    let mut receiver = prepared(1, &server.url(&database), &erp).remove(0);
    receiver.restart();
    erp.answer([Answer::status(503).after(Duration::from_secs(1))]);
    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202));
    erp.wait_for(1).await;

    // As a commit leaves it that hung when its connection was given up. (The attempt can no longer end.)
    server.sql(&database, "UPDATE tradecloud_inbox.claims SET token = token - 1");

    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_messages_of_one_id_that_come_to_all_at_once_are_two_events() {
    let erp = Erp::start();
    let receivers = at_work(3, &erp);
    let event = order_event("1");
    let mut other = event.clone();
    other["orderEvent"]["orderId"] = "2".into();

    let mut tasks = JoinSet::new();
    for message in [&event, &other] {
        for receiver in &receivers {
            let (sender, message) = (receiver.sender(), message.clone());
            tasks.spawn(async move { assert_eq!(sender.send(message).await.status, Some(202)) });
        }
    }
    tasks.join_all().await;

    let done = |events: &[Value]| events.iter().all(|event| event["state"] == "done");
    let mut subjects: Vec<_> =
        receivers[0].inbox_until(done).await.iter().map(|event| event["subject"].to_string()).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["\"1\"", "\"2\""]);
    assert!(erp.received().len() == 2 || stalls(&receivers) > 0, "delivered twice");
}

#[tokio::test]
async fn an_order_that_one_works_on_is_left_alone_by_the_others() {
    let erp = Erp::start();
    let receivers = at_work(3, &erp);
    erp.answer([Answer::status(200).after(Duration::from_millis(2500))]);
    let events: Vec<Value> = (0..6).map(|_| order_event("the same")).collect();

    for (number, event) in events.iter().enumerate() {
        assert_eq!(receivers[number % 3].sender().send(event.clone()).await.status, Some(202));
    }

    let received = erp.wait_for(6).await;
    assert_eq!(ids(&received), events.iter().map(message_id).collect::<Vec<_>>());
    let first_ended = received[0].ended.unwrap();
    assert!(received[1..].iter().all(|request| request.at >= first_ended), "two at once of an order");
}

#[tokio::test]
async fn what_a_killed_receiver_was_at_is_taken_over_within_seconds() {
    let erp = Erp::start();
    let (mut first, mut second) = two(&erp);
    erp.answer([Answer::hang()]);
    let events = [order_event("1"), order_event("1")];
    first.restart();
    assert_eq!(first.sender().send(events[0].clone()).await.status, Some(202));
    erp.wait_for(1).await;
    second.restart();
    assert_eq!(second.sender().send(events[1].clone()).await.status, Some(202));

    first.kill();
    let killed = Instant::now();

    let received = erp.wait_for(3).await;
    assert!(killed.elapsed() < Duration::from_secs(60), "{:?}", killed.elapsed());
    let [begun, waiting] = events.map(|event| message_id(&event));
    assert_eq!(ids(&received), [begun.clone(), begun, waiting]);
    second.logged("its work is taken over").await;
}

#[tokio::test]
async fn a_receiver_that_ends_as_it_should_leaves_nothing_to_wait_for() {
    let erp = Erp::start();
    let (mut first, mut second) = two(&erp);
    erp.answer([503, 503]);
    first.restart();
    assert_eq!(first.sender().send(order_event("1")).await.status, Some(202));
    erp.wait_for(1).await;
    first.end().await;
    let ended = Instant::now();

    second.restart();

    erp.wait_until("it is delivered by the other", |received| received.iter().any(|request| request.at > ended)).await;
    let log = second.log();
    let taken = log.iter().find(|entry| entry["message"].as_str().is_some_and(|text| text.contains("is taken over")));
    assert!(taken.is_none(), "a lease was waited for: {taken:?}");
}

#[tokio::test]
async fn a_receiver_that_stalls_cannot_finish_what_others_took_over_and_says_so() {
    let erp = Erp::start();
    let (mut first, mut second) = two(&erp);
    erp.answer([Answer::status(200).after(Duration::from_secs(5))]);
    let events = [order_event("1"), order_event("1")];
    first.restart();
    for event in &events {
        assert_eq!(first.sender().send(event.clone()).await.status, Some(202));
    }
    erp.wait_for(1).await;

    let stopped = Stopped::new(&first);
    second.restart();
    erp.wait_for(3).await;
    second.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    drop(stopped);

    first.logged("others have taken over what it was at").await;
    let told = first.logged("another receiver has taken over this delivery").await;
    let [begun, waiting] = events.map(|event| message_id(&event));
    assert_eq!((&told["id"], &told["number"]), (&begun.clone().into(), &"PO-1".into()), "{told}");
    assert_eq!(ids(&erp.received()), [begun.clone(), begun, waiting]);
    let attempts: Vec<_> = first.inbox().iter().map(|event| event["deliveries"][0]["attempts"].clone()).collect();
    assert_eq!(attempts, [1, 1], "only the end that counts is noted");
    // It goes on as one of the two.
    second.kill();
    assert_eq!(first.sender().send(order_event("2")).await.status, Some(202));
    erp.wait_for(4).await;
}

/// Two with the same inbox, not started.
fn two(erp: &Erp) -> (Receiver, Receiver) {
    let server = Postgres::shared();
    let mut receivers = prepared(2, &server.url(&server.database()), erp);
    (receivers.remove(0), receivers.remove(0))
}

/// A receiver that does nothing until this is dropped.
struct Stopped(String);

impl Stopped {
    fn new(receiver: &Receiver) -> Self {
        let stopped = Self(receiver.pid().to_string());
        stopped.signal("-STOP");
        stopped
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal} {}", self.0);
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}
