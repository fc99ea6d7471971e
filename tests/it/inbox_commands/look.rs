//! `events list`, `show` and `export`.

use rstest::rstest;
use serde_json::{Value, json};

use super::said;
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sample;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// A receiver with an order, order documents, a shipment and a refused body, in that order; the file
/// handler takes shipments only.
async fn filled(store: Store) -> (Receiver, [String; 4]) {
    let receiver = store.with("[handlers.disk]\ntype = \"file\"\ndirectory = \"events\"\nkinds = [\"shipment\"]");
    let sender = receiver.sender();
    let order = sender.send(order_event("4711")).await;
    let documents = sender.send(Message::xml(sample("order-documents-event.xml"))).await;
    let shipment = sender.send(Message::json(sample("shipment-event.json"))).await;
    let refused = sender.send(Message::typed("text/plain", "\u{1b}[2J no event")).await;
    let ids = [order, documents, shipment, refused].map(|answer| answer.id());
    receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "done")).await;
    (receiver, ids)
}

#[rstest]
#[tokio::test]
async fn a_list_can_be_filtered(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, [order, documents, shipment, refused]) = filled(store).await;
    let all = [&order, &documents, &shipment, &refused];
    let cases: [(&[&str], &[&String]); 25] = [
        (&[], &all),
        (&["--state", "unwanted"], &all[..2]),
        (&["--state", "done"], &[&shipment]),
        (&["--state", "refused"], &[&refused]),
        (&["--state", "dead"], &[]),
        (&["--state", "pending"], &[]),
        (&["--state", "discarded"], &[]),
        (&["--kind", "order"], &[&order]),
        (&["--kind", "order-documents"], &[&documents]),
        (&["--event", "Order*"], &all[..2]),
        (&["--event", "*BySupplier", "--kind", "order"], &[]),
        (&["--handler", "disk"], &[&shipment]),
        (&["--subject", "4711"], &[&order]),
        (&["--subject", "PO-4711"], &[&order]),
        (&["--number", "PO-4711"], &[&order]),
        (&["--number", "po 4711"], &[&order]),
        (&["--number", "PO-4712"], &[]),
        (&["--state", "done,refused"], &all[2..]),
        (&["--state", "done", "--state", "refused"], &all[2..]),
        (&["--origin", "webhook"], &all),
        (&["--origin", "poll"], &[]),
        (&["--since", "1h"], &all),
        (&["--until", "1h"], &[]),
        (&["--since", "2999-12-31"], &[]),
        (&["--limit", "2"], &all[2..]),
    ];

    for (filter, expected) in cases {
        let mut found: Vec<_> = receiver
            .events(&[&["list", "--json"], filter].concat())
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        found.reverse();

        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_list_is_one_line_per_event_and_steers_no_terminal(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, ids) = filled(store).await;

    let list = said(&receiver.run(&["events", "list"]));

    assert_eq!(list.lines().count(), 4, "{list}");
    for (line, id) in list.lines().rev().zip(&ids) {
        assert!(line.ends_with(id), "{list}");
    }
    assert!(list.lines().last().unwrap().contains("OrderIssuedByBuyer") && list.contains("PO-4711"), "{list}");
    assert_eq!(said(&receiver.run(&["events", "list", "--state", "dead"])), "No events.\n");
    for id in &ids {
        let shown = said(&receiver.run(&["events", "show", id]));
        assert!(shown.contains(id) && !shown.contains('\u{1b}'), "{shown}");
    }
}

#[rstest]
#[tokio::test]
async fn one_event_is_shown_in_full(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, [order, _, shipment, refused]) = filled(store).await;
    let show = |id: &str| receiver.events(&["show", id, "--json"]).remove(0);

    let (order, shipment, refused) = (show(&order), show(&shipment), show(&refused));

    assert_eq!((&order["kind"], &order["eventName"]), (&json!("order"), &json!("OrderIssuedByBuyer")));
    assert_eq!((&order["subject"], &order["documentNumber"]), (&json!("4711"), &json!("PO-4711")));
    assert_eq!((&order["path"], &order["contentType"]), (&json!("/webhooks/tradecloud"), &json!("application/json")));
    assert_eq!(shipment["deliveries"][0]["handler"], "disk");
    assert_eq!(
        (&shipment["deliveries"][0]["state"], &shipment["deliveries"][0]["attempts"]),
        (&json!("done"), &json!(1))
    );
    assert_eq!(
        (&refused["state"], &refused["status"], &refused["kind"]),
        (&json!("refused"), &json!(415), &Value::Null)
    );
}

#[rstest]
#[tokio::test]
async fn what_keeps_an_event_from_being_delivered_is_shown(#[values(Sqlite, Postgres)] store: Store) {
    let on = "handlers.on = { type = \"exec\", command = [\"false\"] }\n";
    let off = "handlers.off = { type = \"exec\", command = [\"false\"], paused = true }\n";
    let gone = "handlers.gone = { type = \"exec\", command = [\"false\"] }\n";
    let mut receiver = store.with(&format!("delivery.first_retry = \"15m\"\n{on}{off}{gone}"));
    let (first, second) = (order_event("1"), order_event("1"));
    receiver.sender().send(first.clone()).await;
    receiver.sender().send(second.clone()).await;
    receiver
        .inbox_until(|events| events[0]["deliveries"].as_array().unwrap().iter().any(|of| of["attempts"] == 1))
        .await;
    receiver.end().await;
    receiver.configure(|text| text.replace(gone, ""));
    let (first, second) = (message_id(&first), message_id(&second));

    let text = |id: &str| said(&receiver.run(&["events", "show", id]));
    let json = |id: &str| receiver.events(&["show", id, "--json"]).remove(0)["deliveries"].clone();
    let (heads, behind) = ((text(&first), json(&first)), (text(&second), json(&second)));

    let line = |text: &str, name: &str| {
        text.lines().find(|line| line.starts_with(&format!("handler {name}"))).unwrap().to_owned()
    };
    assert!(line(&heads.0, "gone").starts_with("handler gone (not in the configuration): pending, "), "{}", heads.0);
    assert!(line(&heads.0, "off").starts_with("handler off (paused): pending, "), "{}", heads.0);
    assert!(line(&heads.0, "on").starts_with("handler on: pending, "), "{}", heads.0);
    assert!(!heads.0.contains("waits for event"), "{}", heads.0);
    for name in ["gone", "off", "on"] {
        let line = line(&behind.0, name);
        assert!(line.ends_with(&format!(", waits for event {first} of its order or shipment")), "{line}");
    }
    let facts = |of: &Value| [&of["handler"], &of["configured"], &of["paused"], &of["waitsFor"]].map(Value::clone);
    for (found, waits_for) in [(&heads.1, Value::Null), (&behind.1, json!(first))] {
        let found: Vec<_> = found.as_array().unwrap().iter().map(facts).collect();
        assert_eq!(
            found,
            [
                [json!("gone"), json!(false), json!(false), waits_for.clone()],
                [json!("off"), json!(true), json!(true), waits_for.clone()],
                [json!("on"), json!(true), json!(false), waits_for],
            ]
        );
    }
}

/// A time that has passed would say that something is wrong.
#[rstest]
#[tokio::test]
async fn what_is_being_delivered_or_paused_is_not_told_a_time_for_the_next_attempt(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::hang());
    let mut receiver = store.with(&format!(
        "server.shutdown_grace = '1s'
         handlers.busy = {{ type = 'http', url = '{0}', lanes = 1, events = ['OrderI*'] }}
         handlers.off = {{ type = 'http', url = '{0}', paused = true }}",
        erp.url("/")
    ));
    let (first, second) = (order_event("1"), order_event("2"));
    receiver.sender().send(first.clone()).await;
    erp.wait_for(1).await;
    receiver.sender().send(second.clone()).await;

    let shown = [&first, &second].map(|event| said(&receiver.run(&["events", "show", &message_id(event)])));
    let json = [&first, &second].map(|event| receiver.events(&["show", "--json", &message_id(event)]).remove(0));
    receiver.end().await;
    let ended = said(&receiver.run(&["events", "show", &message_id(&first)]));

    let line = |text: &str, name: &str| {
        text.lines().find(|line| line.starts_with(&format!("handler {name}"))).unwrap().to_owned()
    };
    assert!(line(&shown[0], "busy").ends_with(", being delivered"), "{}", shown[0]);
    assert!(line(&shown[1], "busy").contains(", due since 2"), "it waits for a lane: {}", shown[1]);
    for shown in &shown {
        let line = line(shown, "off");
        assert!(
            line.starts_with("handler off (paused): pending, 0 attempts, since ") && !line.contains(" at "),
            "{line}"
        );
        assert!(!line.contains("due") && !line.contains("being delivered"), "{line}");
    }
    let being_delivered = json.map(|event| event["deliveries"][0]["beingDelivered"].clone());
    assert_eq!(being_delivered, [Value::Bool(true), Value::Null]);
    assert!(line(&ended, "busy").contains(", due since 2"), "nobody delivers it any more: {ended}");
}

#[rstest]
#[tokio::test]
async fn a_list_for_a_handler_that_never_was_says_so(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, _) = filled(store).await;
    let list = |more: &[&str]| said(&receiver.run(&[&["events", "list"], more].concat()));

    let unknown = list(&["--handler", "dsik"]);
    let of_the_past = list(&["--handler", "disk", "--until", "1h"]);
    receiver.configure(|text| text.replace("[handlers.disk]", "[handlers.other]"));
    let without_events = list(&["--handler", "other"]);
    let no_longer_there = list(&["--handler", "disk", "--until", "1h"]);
    let neither = receiver.run(&["events", "list", "--handler", "dsik", "--json"]);

    assert!(unknown.starts_with("No events: there is no handler \"dsik\""), "{unknown}");
    assert_eq!([of_the_past, without_events, no_longer_there], ["No events.\n"; 3]);
    assert!(neither.stdout.is_empty() && neither.stderr.is_empty(), "{neither:?}");
}

#[rstest]
#[tokio::test]
async fn an_event_that_is_not_there_is_told_so(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");

    for arguments in [&["show", "4711"][..], &["show", "4711", "--body"], &["show", "4711", "--json"]] {
        let output = receiver.run(&[&["events"], arguments].concat());

        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "it would be taken for the body: {output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("no event 4711"));
    }
    for command in ["deliver", "discard"] {
        let output = receiver.run(&["events", command, "4711", "--reason", "settled by hand", "--json"]);

        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&line["id"], &line["done"]), (&json!("4711"), &json!(false)));
        assert!(
            said(&receiver.run(&["events", command, "4711", "--reason", "so"]))
                .starts_with("4711: there is no such event")
        );
    }
}

#[rstest]
fn where_no_receiver_ever_ran_there_is_nothing_to_look_at(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.prepared("");
    let place = if store == Sqlite { "data/inbox.db" } else { "PostgreSQL 127.0.0.1:" };

    let output = receiver.run(&["events", "list"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&format!("there is no inbox at {place}")));
    assert!(!receiver.path("data").exists(), "looking makes nothing");
}

#[rstest]
#[tokio::test]
async fn an_export_has_every_event_with_its_body_the_oldest_first(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let binary = b"{\"orderEvent\": \"\xFF\"}".to_vec();
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    receiver.sender().send(Message::json(binary.clone())).await;

    let lines = receiver.events(&["export"]);
    let to_file = receiver.run(&["events", "export", "--state", "refused", "--output", "export.jsonl"]);

    assert_eq!(lines[0]["id"], message_id(&event));
    assert_eq!(lines[0]["body"], event.to_string());
    assert_eq!(lines[1]["state"], "refused");
    assert_eq!((&lines[1]["body"], &lines[1]["bodyBase64"]), (&Value::Null, &json!("eyJvcmRlckV2ZW50IjogIv8ifQ==")));
    assert!(to_file.status.success() && to_file.stdout.is_empty());
    let file = std::fs::read_to_string(receiver.path("export.jsonl")).unwrap();
    assert_eq!(file.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>(), lines[1..]);
}

#[tokio::test]
async fn the_inbox_can_be_looked_at_whatever_is_wrong_with_the_certificates() {
    let (mut receiver, [order, ..]) = filled(Sqlite).await;
    receiver.kill();
    std::fs::remove_dir_all(receiver.path("certs")).unwrap();
    let config = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
    let config = config.replace("type = \"basic\"", "type = \"basik\"").replace("log.format", "log.formaat");
    std::fs::write(receiver.path("config/receiver.toml"), config).unwrap();
    assert_eq!(receiver.run(&["check"]).status.code(), Some(78));

    let again = receiver.run(&["events", "deliver", &order, "--handler", "disk"]);

    assert!(again.status.success(), "{again:?}");
    assert_eq!(receiver.inbox().len(), 4);
}

#[test]
fn where_there_is_no_inbox_nothing_else_is_complained_about() {
    let folder = Receiver::bare();

    let output = folder.run(&["events", "list"]);

    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("there is no inbox at data/inbox.db"), "{complaint}");
    assert!(!complaint.contains("certs"), "{complaint}");
}

/// What somebody asks about one handler is not answered by what became of the event at another.
#[rstest]
#[tokio::test]
async fn a_list_for_a_handler_has_the_states_at_that_handler(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(422));
    let receiver = store.with(&format!(
        "handlers.erp = {{ type = \"http\", url = \"{}\" }}
         handlers.disk = {{ type = \"file\", directory = \"events\" }}",
        erp.url("/")
    ));
    receiver.expects_error("rejected: a dead letter");
    receiver.sender().send(order_event("1")).await;
    let is_done = |event: &Value| event["deliveries"].as_array().unwrap().iter().all(|one| one["state"] != "pending");
    receiver.inbox_until(|events| is_done(&events[0])).await;
    let list = |more: &[&str]| said(&receiver.run(&[&["events", "list"], more].concat()));

    for (filter, state) in [
        (&[][..], "dead "),
        (&["--handler", "disk"], "done "),
        (&["--handler", "disk", "--state", "done"], "done "),
        (&["--handler", "erp"], "dead "),
    ] {
        let listed = list(filter);

        assert!(listed.starts_with(state) && listed.lines().count() == 1, "{filter:?}: {listed}");
    }
    assert_eq!(list(&["--handler", "disk", "--state", "dead"]), "No events.\n");
}
