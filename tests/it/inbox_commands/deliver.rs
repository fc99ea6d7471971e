//! `events deliver`: what somebody does about what did not arrive.

use rstest::rstest;
use serde_json::json;

use super::said;
use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// A receiver that hands on to the ERP, and tries again only after a long pause.
pub(super) fn receiver_for(store: Store, erp: &Erp) -> Receiver {
    store.with(&format!(
        "delivery.first_retry = \"15m\"\nhandlers.erp = {{ type = \"http\", url = \"{}\" }}",
        erp.url("/tradecloud")
    ))
}

async fn until(receiver: &Receiver, state: &str) {
    receiver.inbox_until(|events| !events.is_empty() && events.iter().all(|event| event["state"] == state)).await;
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_is_delivered_once_more_and_the_first_attempt_again(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("rejected: a dead letter");
    let event = order_event("1");
    erp.answer([422]);
    receiver.sender().send(event.clone()).await;
    until(&receiver, "dead").await;

    let output = receiver.run(&["events", "deliver", &message_id(&event)]);

    until(&receiver, "done").await;
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("1 delivery(s) due"), "{}", said(&output));
    let requests = erp.received();
    assert_eq!(requests.iter().map(|request| request.json()["tcattempt"].clone()).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(requests[1].json()["data"], event);
}

#[rstest]
#[tokio::test]
async fn all_dead_letters_are_delivered_at_once_and_nothing_else(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("rejected: a dead letter");
    erp.answer([200, 422, 409]);
    for order in 1..=3 {
        receiver.sender().send(order_event(&order.to_string())).await;
        erp.wait_for(order).await;
    }
    receiver.inbox_until(|events| events.iter().filter(|event| event["state"] == "dead").count() == 2).await;

    let lines = receiver.events(&["deliver", "--all", "--yes", "--json"]);

    until(&receiver, "done").await;
    assert_eq!(lines.iter().map(|line| line["done"].clone()).collect::<Vec<_>>(), [true, true]);
    let mut again: Vec<_> = erp.received()[3..].iter().map(|request| request.json()["subject"].to_string()).collect();
    again.sort_unstable();
    assert_eq!(again, ["\"2\"", "\"3\""]);
}

#[rstest]
#[tokio::test]
async fn a_handler_that_came_later_gets_what_was_there_before(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let mut receiver = store.with("");
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    receiver.end().await;
    let file = receiver.path("config/receiver.toml");
    let handler = format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}\n", erp.url("/"));
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &handler).unwrap();

    let unknown = receiver.run(&["events", "deliver", &message_id(&event), "--handler", "epr"]);
    let beside_no_receiver = receiver.run(&["events", "deliver", &message_id(&event), "--handler", "erp"]);
    receiver.restart();

    until(&receiver, "done").await;
    assert_eq!((unknown.status.code(), beside_no_receiver.status.code()), (Some(1), Some(0)));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("no handler \"epr\""));
    assert_eq!(erp.received().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_refused_body_that_can_be_read_after_all_becomes_the_event_it_is(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let event = order_event("1");
    let misdirected = receiver.sender().to(receiver.url("/elsewhere")).send(event.clone()).await;
    assert_eq!(misdirected.status, Some(404));

    let output = receiver.run(&["events", "deliver", &misdirected.id()]);

    until(&receiver, "done").await;
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains(&format!("is event {} now", message_id(&event))), "{}", said(&output));
    assert_eq!(erp.received()[0].json()["data"], event);
    assert_eq!(receiver.inbox().len(), 1, "it is no refused body any more");
}

#[rstest]
#[tokio::test]
async fn a_refused_body_whose_event_came_meanwhile_is_not_delivered_twice(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let event = order_event("1");
    let misdirected = receiver.sender().to(receiver.url("/elsewhere")).send(event.clone()).await;
    receiver.sender().send(event.clone()).await;
    erp.wait_for(1).await;

    let output = receiver.run(&["events", "deliver", &misdirected.id()]);

    until(&receiver, "done").await;
    assert!(said(&output).contains("which was there already, and is "), "{}", said(&output));
    assert!(!said(&output).contains("delivers what is due"), "nothing is: {}", said(&output));
    assert_eq!((receiver.inbox().len(), erp.received().len()), (1, 1));
}

#[rstest]
#[tokio::test]
async fn of_a_refused_body_whose_event_is_dead_it_is_said_what_to_do(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("rejected: a dead letter");
    let event = order_event("1");
    let id = message_id(&event);
    let misdirected = receiver.sender().to(receiver.url("/elsewhere")).send(event.clone()).await;
    erp.answer([422]);
    receiver.sender().send(event).await;
    receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "dead")).await;

    let line = receiver.events(&["deliver", &misdirected.id(), "--json"]).remove(0);

    assert_eq!((&line["became"], &line["done"]), (&json!(id), &json!(true)), "{line}");
    let what = line["what"].as_str().unwrap();
    assert!(what.contains(&format!("and is dead: `events deliver {id}`")), "{what}");
}

#[rstest]
#[tokio::test]
async fn what_becomes_an_event_that_nobody_wants_is_not_announced_as_due(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let event = order_event("1");
    let misdirected = receiver.sender().to(receiver.url("/elsewhere")).send(event.clone()).await;

    let output = receiver.run(&["events", "deliver", &misdirected.id()]);

    let expected = format!("{}: is event {} now; no handler wanted it\n", misdirected.id(), message_id(&event));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said(&output), expected);
}

#[rstest]
#[tokio::test]
async fn a_refused_body_that_is_no_event_stays_and_says_why(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let refused = receiver.sender().send(Message::json("{\n  nonsense")).await;

    let output = receiver.run(&["events", "deliver", &refused.id()]);
    let for_scripts = receiver.run(&["events", "deliver", &refused.id(), "--json"]);

    assert_eq!((output.status.code(), for_scripts.status.code()), (Some(1), Some(1)));
    assert!(said(&output).contains("still not readable as an event: line 2, column 3: "), "{}", said(&output));
    let line: serde_json::Value = serde_json::from_slice(&for_scripts.stdout).unwrap();
    assert_eq!((&line["id"], &line["done"]), (&json!(refused.id()), &json!(false)));
    assert_eq!(receiver.inbox()[0]["state"], "refused");
    assert!(erp.received().is_empty());
}

#[rstest]
#[tokio::test]
async fn what_was_discarded_by_mistake_is_delivered_on_demand(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    receiver.expects_error("rejected: a dead letter");
    let event = order_event("1");
    erp.answer([422]);
    receiver.sender().send(event.clone()).await;
    until(&receiver, "dead").await;
    receiver.events(&["discard", &message_id(&event), "--reason", "settled by hand", "--json"]);

    let output = receiver.run(&["events", "deliver", &message_id(&event)]);

    until(&receiver, "done").await;
    assert!(output.status.success());
}

#[test]
fn what_there_is_not_to_deliver_is_said_and_no_delivery_announced() {
    let receiver = Receiver::start();

    let all = receiver.run(&["events", "deliver", "--all"]);
    let one = receiver.run(&["events", "deliver", "no-such-event"]);

    assert!(all.status.success(), "{all:?}");
    assert_eq!(said(&all), "Nothing to deliver: no event is dead and matches.\n");
    assert_eq!(one.status.code(), Some(1));
    assert_eq!(said(&one), "no-such-event: there is no such event in the inbox\n");
    let short = receiver.run(&["events", "deliver", "960eb56"]);
    assert!(said(&short).contains("it takes 8 characters"), "{short:?}");
}

#[test]
fn who_names_no_events_hears_how_to() {
    let folder = Receiver::bare();

    let deliver = folder.run(&["events", "deliver"]);
    let discard = folder.run(&["events", "discard"]);

    let said = |output: &std::process::Output| String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((deliver.status.code(), discard.status.code()), (Some(2), Some(2)));
    for way in ["ID", "--all", "--handler"] {
        assert!(said(&deliver).contains(way), "{way}: {}", said(&deliver));
    }
    for way in ["ID", "--all"] {
        assert!(said(&discard).contains(way), "{way}: {}", said(&discard));
    }
}

#[test]
fn what_would_find_events_is_not_taken_beside_ids() {
    let receiver = Receiver::start();

    for command in [&["deliver"][..], &["discard", "--reason", "settled by hand"]] {
        for filter in [
            ["--state", "refused"],
            ["--kind", "order"],
            ["--event", "Order*"],
            ["--number", "PO-1"],
            ["--subject", "PO-1"],
            ["--origin", "poll"],
            ["--since", "2h"],
            ["--until", "2h"],
        ] {
            let output = receiver.run(&[&["events"], command, &["no-such-event"], &filter].concat());

            assert_eq!(output.status.code(), Some(2), "{command:?} {filter:?}: {output:?}");
            assert!(output.stdout.is_empty(), "{output:?}");
        }
        let for_one = receiver.run(&[&["events"], command, &["no-such-event", "--json"]].concat());
        assert_eq!(for_one.status.code(), Some(1), "{for_one:?}");
    }
}

#[test]
fn wrong_usage_has_an_exit_status_of_its_own_however_late_it_shows() {
    let receiver = Receiver::start();
    let url = receiver.url("/webhooks/tradecloud");

    for arguments in [
        &["events", "discard", "--all"][..],
        &["send", "--url", &url],
        &["send", "--sample", "order"],
        &["send", "--url", &url, "--sample", "order", "--basic", "no-colon"],
        &["replay", "--url", "https://user:password@localhost/", "config/receiver.toml"],
    ] {
        let output = receiver.run(arguments);

        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[rstest]
#[tokio::test]
async fn what_is_said_of_an_event_steers_no_terminal(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let mut events = [order_event("1"), order_event("1")];
    events[0]["meta"]["messageId"] = json!("\u{1b}[2J first");
    erp.answer([503]);
    receiver.sender().send(events[0].clone()).await;
    erp.wait_for(1).await;
    receiver.sender().send(events[1].clone()).await;

    let output = receiver.run(&["events", "deliver", &message_id(&events[1])]);

    assert!(said(&output).contains("[2J first") && !said(&output).contains('\u{1b}'), "{output:?}");
}
