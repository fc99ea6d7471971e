//! `events deliver` for what is pending: at once, but never ahead of its order.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use super::said;
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

const SLOW: &str = "delivery.first_retry = \"15m\"\n";

fn handler(name: &str, erp: &Erp, more: &str) -> String {
    format!("handlers.{name} = {{ type = \"http\", url = \"{}\"{more} }}\n", erp.url("/"))
}

/// Waits until each delivery of the first event was tried once.
async fn until_tried(receiver: &Receiver) {
    let tried =
        |event: &Value| event["deliveries"].as_array().unwrap().iter().all(|delivery| delivery["attempts"] == 1);
    receiver.inbox_until(|events| events.first().is_some_and(tried)).await;
}

async fn until_done(receiver: &Receiver) {
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}

fn ids(erp: &Erp) -> Vec<String> {
    erp.received().iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[tokio::test]
async fn an_event_that_waits_for_its_next_attempt_is_delivered_at_once_on_demand(
    #[values(Sqlite, Postgres)] store: Store,
    #[values(
        "ID",
        "ID --handler erp",
        "--all --state pending --yes",
        "--all --state pending --handler erp --subject PO-1 --yes"
    )]
    arguments: &str,
) {
    let erp = Erp::start();
    let receiver = store.with(&format!("{SLOW}{}", handler("erp", &erp, "")));
    let event = order_event("1");
    erp.answer([503]);
    receiver.sender().send(event.clone()).await;
    until_tried(&receiver).await;

    let id = message_id(&event);
    let arguments = arguments.split(' ').map(|word| if word == "ID" { &id } else { word });
    let output = receiver.run(&["events", "deliver"].into_iter().chain(arguments).collect::<Vec<_>>());

    until_done(&receiver).await;
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).starts_with(&format!("{id}: 1 delivery(s) due\nA running receiver ")), "{}", said(&output));
    let attempts: Vec<_> = erp.received().iter().map(|request| request.json()["tcattempt"].clone()).collect();
    assert_eq!(attempts, [1, 2], "it is the next attempt, not a first one");
}

#[rstest]
#[tokio::test]
async fn an_event_behind_another_of_its_order_is_never_moved_ahead_of_it(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!("{SLOW}{}", handler("erp", &erp, "")));
    let events = [order_event("1"), order_event("1"), order_event("1")];
    let [first, second, third] = [0, 1, 2].map(|index| message_id(&events[index]));
    erp.answer([503]);
    receiver.sender().send(events[0].clone()).await;
    until_tried(&receiver).await;
    for event in &events[1..] {
        receiver.sender().send(event.clone()).await;
    }

    let alone = receiver.run(&["events", "deliver", &third]);
    let to_handler = receiver.run(&["events", "deliver", &third, "--handler", "erp", "--json"]);
    let received_until_then = ids(&erp);
    let together = receiver.run(&["events", "deliver", "--all", "--state", "pending", "--yes"]);

    until_done(&receiver).await;
    assert_eq!((alone.status.code(), to_handler.status.code()), (Some(1), Some(1)));
    let reason = format!("it waits for event {first} of its order or shipment");
    assert!(said(&alone).starts_with(&format!("{third}: ")) && said(&alone).contains(&reason), "{}", said(&alone));
    let line: Value = serde_json::from_slice(&to_handler.stdout).unwrap();
    assert!(line["what"].as_str().unwrap().contains(&reason) && line["done"] == false, "{line}");
    assert_eq!(received_until_then, [&*first]);
    assert!(together.status.success(), "those behind it follow: {}", said(&together));
    assert_eq!(ids(&erp), [first.clone(), first, second, third]);
}

#[rstest]
#[tokio::test]
async fn an_event_that_is_just_being_delivered_is_not_delivered_twice(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!("{SLOW}{}", handler("erp", &erp, "")));
    let event = order_event("1");
    erp.answer([Answer::status(200).after(Duration::from_secs(20))]);
    receiver.sender().send(event.clone()).await;
    erp.wait_for(1).await;

    let output = receiver.run(&["events", "deliver", &message_id(&event)]);

    until_done(&receiver).await;
    assert!(output.status.success(), "it is as was asked for: {output:?}");
    assert!(said(&output).contains("it is due already"), "{}", said(&output));
    assert_eq!(erp.received().len(), 1);
}

#[rstest]
#[tokio::test]
async fn what_waits_is_due_and_what_is_dead_stays_so_if_only_the_pending_were_asked_for(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let (erp, strict) = (Erp::start(), Erp::start());
    let receiver = store.with(&format!("{SLOW}{}{}", handler("erp", &erp, ""), handler("strict", &strict, "")));
    receiver.expects_error("rejected: a dead letter");
    erp.answer([503]);
    strict.answer([422]);
    receiver.sender().send(order_event("1")).await;
    until_tried(&receiver).await;

    receiver.events(&["deliver", "--all", "--state", "pending", "--yes", "--json"]);

    erp.wait_for(2).await;
    receiver.inbox_until(|events| events[0]["deliveries"][0]["state"] == "done").await;
    assert_eq!(receiver.inbox()[0]["deliveries"][1]["state"], "dead");
    assert_eq!(strict.received().len(), 1);
}

#[rstest]
#[tokio::test]
async fn what_nobody_delivers_for_now_is_not_announced(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let (paused, gone) = (handler("off", &erp, ", paused = true"), handler("gone", &erp, ""));
    let mut receiver = store.with(&format!("{SLOW}{paused}{gone}"));
    let event = order_event("1");
    erp.answer([503]);
    receiver.sender().send(event.clone()).await;
    erp.wait_for(1).await;
    receiver.end().await;
    receiver.configure(|text| text.replace(&gone, ""));

    let output = receiver.run(&["events", "deliver", &message_id(&event)]);

    let said = said(&output);
    assert!(said.contains("handler gone is not in the configuration"), "{said}");
    assert!(said.contains("handler off is paused"), "{said}");
    assert!(!said.contains("within seconds"), "{said}");
}

/// Only a fault can lead there: nothing would ever make it due.
#[tokio::test]
async fn a_delivery_that_waits_for_nothing_is_set_right_by_whoever_asks_for_it() {
    let erp = Erp::start();
    let mut receiver = Receiver::with(&handler("erp", &erp, ", paused = true"));
    let [first, behind] = ["1", "1"].map(order_event);
    for event in [&first, &behind] {
        assert_eq!(receiver.sender().send(event.clone()).await.status, Some(202));
    }
    receiver.kill();
    let inbox = rusqlite::Connection::open(receiver.path("data/inbox.db")).unwrap();
    inbox.execute_batch("UPDATE deliveries SET due = NULL").unwrap();
    drop(inbox);

    let output = receiver.run(&["events", "deliver", "--all", "--state", "pending", "--yes"]);

    let expected = format!("{}: for handler erp it waited for nothing; set right, and due now", message_id(&first));
    assert!(said(&output).contains(&expected), "{}", said(&output));
    receiver.configure(|text| text.replace(", paused = true", ""));
    receiver.restart();
    until_done(&receiver).await;
    assert_eq!(ids(&erp), [&first, &behind].map(message_id));
}

/// The same, by a receiver that runs.
#[tokio::test]
async fn a_receiver_sets_right_a_delivery_that_waits_for_nothing_and_says_so() {
    let erp = Erp::start();
    let mut receiver = Receiver::with(&handler("erp", &erp, ", paused = true"));
    let event = order_event("1");
    assert_eq!(receiver.sender().send(event.clone()).await.status, Some(202));
    receiver.kill();
    let inbox = rusqlite::Connection::open(receiver.path("data/inbox.db")).unwrap();
    inbox.execute_batch("UPDATE deliveries SET due = NULL").unwrap();
    drop(inbox);

    receiver.configure(|text| text.replace(", paused = true", ""));
    receiver.restart();

    until_done(&receiver).await;
    let line = receiver.logged("a delivery waited for nothing").await;
    assert!(line["level"] == "ERROR" && line["id"] == message_id(&event) && line["handler"] == "erp", "{line}");
    assert_eq!(line["number"], "PO-1");
}

/// A receiver that has much to do writes nearly all the time.
#[tokio::test]
async fn whoever_looks_needs_no_turn_to_write_and_whoever_acts_waits_for_one() {
    let mut receiver = Receiver::with("[handlers.off]\ntype = \"file\"\ndirectory = \"out\"\npaused = true");
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    receiver.kill();
    let inbox = rusqlite::Connection::open(receiver.path("data/inbox.db")).unwrap();
    inbox.execute_batch("BEGIN IMMEDIATE").unwrap();

    let looked = receiver.run(&["events", "list"]);
    let acted = std::thread::scope(|threads| {
        let acting =
            threads.spawn(|| receiver.run(&["events", "discard", &message_id(&event), "--reason", "settled by hand"]));
        // Longer than a receiver would wait for a command.
        std::thread::sleep(Duration::from_secs(7));
        inbox.execute_batch("COMMIT").unwrap();
        acting.join().unwrap()
    });

    assert!(looked.status.success() && said(&looked).contains(&message_id(&event)), "{}", said(&looked));
    assert!(acted.status.success(), "{}", said(&acted));
    assert_eq!(receiver.inbox()[0]["state"], "discarded");
}
