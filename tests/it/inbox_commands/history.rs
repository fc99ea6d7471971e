//! `events show` tells how an event came, each attempt at it, and who did what to it, and why.

use std::process::Output;

use rstest::rstest;
use serde_json::{Value, json};

use super::said;
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

fn receiver_for(store: Store, erp: &Erp) -> Receiver {
    let receiver = store.with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    receiver
}

async fn until(receiver: &Receiver, state: &str) {
    receiver.inbox_until(|events| !events.is_empty() && events.iter().all(|event| event["state"] == state)).await;
}

/// Runs `events …` as Anna, who has become root, from another machine.
fn as_anna(receiver: &Receiver, arguments: &[&str]) -> Output {
    let mut command = receiver.command(&[&["events"], arguments].concat());
    command.env("SUDO_USER", "anna").env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    command.output().unwrap()
}

fn show(receiver: &Receiver, id: &str) -> Value {
    receiver.events(&["show", id, "--json"]).remove(0)
}

#[rstest]
#[tokio::test]
async fn who_did_what_from_where_and_why_stands_beside_the_event(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    erp.answer([422]);
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event).await;
    until(&receiver, "dead").await;

    assert!(as_anna(&receiver, &["discard", &id, "--reason", "paid by hand"]).status.success());
    assert!(as_anna(&receiver, &["deliver", &id, "--handler", "erp"]).status.success());
    until(&receiver, "done").await;

    let (shown, text) = (show(&receiver, &id), said(&receiver.run(&["events", "show", &id])));
    let facts = |action: &Value| ["what", "who", "via", "address", "handler", "reason"].map(|key| action[key].clone());
    let actions: Vec<_> = shown["actions"].as_array().unwrap().iter().map(facts).collect();
    let (anna, cli, from) = (&shown["actions"][0]["who"], json!("cli"), json!("192.0.2.1"));
    let anna =
        anna.as_str().filter(|who| *who == "anna" || who.ends_with(" (sudo: anna)")).map_or(Value::Null, Value::from);
    assert_eq!(
        actions,
        [
            [json!("discard"), anna.clone(), cli.clone(), from.clone(), Value::Null, json!("paid by hand")],
            [json!("deliver"), anna, cli, from, json!("erp"), Value::Null],
        ]
    );
    assert!(text.contains("anna (cli, from 192.0.2.1) discarded it: paid by hand\n"), "{text}");
    assert!(text.contains("anna (cli, from 192.0.2.1) had it delivered to handler erp\n"), "{text}");
}

#[rstest]
#[tokio::test]
async fn what_was_done_to_many_at_once_is_one_action_on_each(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    erp.answer([422, 422]);
    for order in ["1", "2"] {
        receiver.sender().send(order_event(order)).await;
    }
    receiver.inbox_until(|events| events.len() == 2 && events.iter().all(|event| event["state"] == "dead")).await;

    receiver.events(&["deliver", "--all", "--handler", "erp", "--yes", "--reason", "article made", "--json"]);

    until(&receiver, "done").await;
    let actions: Vec<_> = receiver.inbox().iter().map(|event| event["actions"][0].clone()).collect();
    assert_eq!(actions[0]["id"], actions[1]["id"]);
    for action in &actions {
        assert_eq!((&action["events"], &action["reason"]), (&json!(2), &json!("article made")), "{action}");
        assert_eq!(action["filter"], "--state dead --handler erp");
    }
}

#[rstest]
#[tokio::test]
async fn what_changed_nothing_leaves_no_action(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    until(&receiver, "done").await;

    receiver.run(&["events", "deliver", &message_id(&event)]);
    receiver.run(&["events", "discard", &message_id(&event), "--reason", "settled by hand"]);

    assert_eq!(show(&receiver, &message_id(&event))["actions"], json!([]));
}

#[rstest]
#[tokio::test]
async fn every_attempt_is_shown_also_of_deliveries_before(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let no = |text: &'static str| Answer::status(422).body("text/plain", text);
    erp.answer([no("no such item"), no("still no such item"), Answer::status(200).body("text/plain", "booked as 17")]);
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event).await;
    until(&receiver, "dead").await;
    for _ in 0..2 {
        receiver.inbox_until(|events| events[0]["state"] == "dead").await;
        let before = show(&receiver, &id)["attempts"].as_array().unwrap().len();
        receiver.events(&["deliver", &id, "--json"]);
        receiver.inbox_until(|events| events[0]["attempts"].as_array().unwrap().len() > before).await;
    }
    until(&receiver, "done").await;

    let (shown, text) = (show(&receiver, &id), said(&receiver.run(&["events", "show", &id])));

    let facts = |attempt: &Value| ["round", "attempt", "outcome", "status"].map(|key| attempt[key].clone());
    let attempts: Vec<_> = shown["attempts"].as_array().unwrap().iter().map(facts).collect();
    assert_eq!(
        attempts,
        [
            [json!(1), json!(1), json!("rejected"), json!(422)],
            [json!(2), json!(1), json!("rejected"), json!(422)],
            [json!(3), json!(1), json!("done"), json!(200)],
        ]
    );
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(text.contains("handler erp: done, 3 attempts (1 since it was begun anew), since "), "{text}");
    let parts = ["no such item", "(round 2)", "still no such item", "(round 3)", "done with 200 after", "booked as 17"];
    assert!(parts.map(at).is_sorted(), "{text}");
}

#[rstest]
#[tokio::test]
async fn how_an_event_came_is_shown(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event.clone()).await;
    receiver.sender().send(event).await;

    let (shown, text) = (show(&receiver, &id), said(&receiver.run(&["events", "show", &id])));

    assert_eq!((&shown["origin"], &shown["credential"]), (&json!("webhook"), &json!("portal")), "{shown}");
    assert_eq!((&shown["address"], &shown["repeats"]), (&json!("127.0.0.1"), &json!(1)), "{shown}");
    assert!(shown["repeated"].as_str().unwrap() >= shown["received"].as_str().unwrap(), "{shown}");
    assert!(shown["references"].as_array().unwrap().iter().any(|one| one["value"] == "PO-1"), "{shown}");
    for line in
        ["came by       webhook\n", "credential    portal\n", "answered      202\n", "repeated      once, last at "]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.contains("purchase order PO-1"), "{text}");
}

#[rstest]
#[tokio::test]
async fn a_refused_body_that_was_accepted_is_still_known_by_its_id(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let event = order_event("1");
    let (id, misdirected) =
        (message_id(&event), receiver.sender().to(receiver.url("/elsewhere")).send(event).await.id());
    assert!(as_anna(&receiver, &["deliver", &misdirected, "--reason", "path mended"]).status.success());

    let text = receiver.run(&["events", "show", &misdirected]);
    let shown = show(&receiver, &misdirected);
    let again = receiver.run(&["events", "deliver", &misdirected]);

    assert!(text.status.success(), "{text:?}");
    assert!(said(&text).contains("anna accepted it at "), "{}", said(&text));
    assert!(said(&text).contains(&format!("it is event {id} now")), "{}", said(&text));
    assert_eq!((&shown["id"], &shown["became"]), (&json!(misdirected), &json!(id)), "{shown}");
    assert_eq!(
        (&shown["actions"][0]["what"], &shown["actions"][0]["reason"]),
        (&json!("accept"), &json!("path mended"))
    );
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains(&format!("is event {id} now")), "{}", said(&again));
    let body = receiver.run(&["events", "show", &misdirected, "--body"]);
    let complaint = String::from_utf8(body.stderr).unwrap();
    assert!(body.stdout.is_empty() && body.status.code() == Some(1), "it would be taken for the body: {complaint}");
    assert!(complaint.contains(&format!("is event {id} now: `events show {id} --body`")), "{complaint}");
    let of_event = show(&receiver, &id)["actions"].clone();
    let (what, from, to) = (&of_event[0]["what"], &of_event[0]["event"], &of_event[0]["became"]);
    assert_eq!((what, from, to), (&json!("accept"), &json!(misdirected), &json!(id)), "{of_event}");
}

#[rstest]
#[tokio::test]
async fn what_is_erased_is_gone_and_that_it_was_there_is_not(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    erp.answer([Answer::status(422).body("text/plain", "who is Jansen")]);
    let mut event = order_event("1");
    event["orderEvent"]["contact"] = json!("Jansen");
    let id = message_id(&event);
    receiver.sender().send(event.clone()).await;
    until(&receiver, "dead").await;

    let erased = as_anna(&receiver, &["erase", &id, "--reason", "asked for by whom it names"]);
    let again = as_anna(&receiver, &["erase", &id, "--reason", "once more"]);

    assert!(erased.status.success() && said(&erased).contains(": erased"), "{erased:?}");
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    let body = receiver.run(&["events", "show", &id, "--body"]);
    assert!(body.stdout.is_empty() && body.status.code() == Some(1), "{body:?}");
    let shown = show(&receiver, &id);
    let text = said(&receiver.run(&["events", "show", &id]));
    assert!(text.contains("size          erased, nothing to show\n"), "{text}");
    assert!(shown["erased"].is_string() && !shown["attempts"].to_string().contains("Jansen"), "{shown}");
    assert_eq!((&shown["actions"][0]["what"], &shown["actions"][0]["who"]), (&json!("erase"), &json!("anna")));
    assert!(!said(&receiver.run(&["events", "export"])).contains("Jansen"));
    assert!(receiver.sender().send(event).await.body.contains("\"repeated\":true"), "it is known when it comes again");
    let deliver = receiver.run(&["events", "deliver", &id, "--handler", "erp"]);
    assert_eq!(deliver.status.code(), Some(1));
    assert!(said(&deliver).contains("its body was erased"), "{}", said(&deliver));
    assert_eq!(erp.received().len(), 1);
}

#[rstest]
#[tokio::test]
async fn what_waits_of_an_event_that_is_erased_is_discarded(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!(
        "delivery.first_retry = \"15m\"\nhandlers.erp = {{ type = \"http\", url = \"{}\" }}",
        erp.url("/")
    ));
    let (first, second) = (order_event("1"), order_event("1"));
    erp.answer([503]);
    receiver.sender().send(first.clone()).await;
    receiver.inbox_until(|events| events[0]["deliveries"][0]["attempts"] == 1).await;
    receiver.sender().send(second.clone()).await;

    let erased = receiver.run(&["events", "erase", &message_id(&first), "--reason", "sent by mistake"]);

    assert!(said(&erased).contains("1 pending delivery(s) discarded"), "{}", said(&erased));
    receiver.inbox_until(|events| events[0]["state"] == "discarded" && events[1]["state"] == "done").await;
}

#[rstest]
#[tokio::test]
async fn a_script_reads_what_was_erased(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event).await;
    let erase = || receiver.run(&["events", "erase", &id, "--reason", "sent by mistake", "--json"]);

    let (first, second) = (erase(), erase());

    let line = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    assert_eq!((first.status.code(), second.status.code()), (Some(0), Some(1)), "{first:?} {second:?}");
    assert_eq!((&line(&first)["id"], &line(&first)["done"]), (&json!(id), &json!(true)));
    assert_eq!((&line(&first)["discarded"], &line(&second)["done"]), (&json!(0), &json!(false)));
}

/// `copies` and `repeated` would say the same.
#[rstest]
#[tokio::test]
async fn how_often_a_refused_body_came_is_said_once(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let refused = receiver.sender().send(json!({"no": "event"})).await;
    receiver.sender().send(json!({"no": "event"})).await;

    let text = said(&receiver.run(&["events", "show", &refused.id()]));

    assert!(text.contains("copies        came 2 times, equal to the byte"), "{text}");
    assert!(!text.contains("\nrepeated "), "{text}");
}

#[rstest]
#[tokio::test]
async fn an_attempt_that_was_answered_is_not_called_unreachable(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!(
        "delivery.first_retry = \"15m\"
         handlers.erp = {{ type = \"http\", url = \"{}\" }}
         handlers.script = {{ type = \"exec\", command = [\"false\"] }}",
        erp.url("/")
    ));
    erp.answer([500]);
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    receiver
        .inbox_until(|events| {
            events.iter().any(|event| event["attempts"].as_array().is_some_and(|attempts| attempts.len() == 2))
        })
        .await;

    let text = said(&receiver.run(&["events", "show", &message_id(&event)]));

    assert!(text.contains(": not taken (500) after ") && text.contains(": failed after "), "{text}");
    assert!(!text.contains("unreachable"), "{text}");
}
