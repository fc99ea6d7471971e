//! An order is found by any of its numbers, with all that happened to it; and a list says how much it does not show.

use reqwest::Method;
use rstest::rstest;

use super::said;
use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sample;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

fn warned(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[rstest]
#[tokio::test]
async fn all_that_names_an_order_is_shown_with_what_the_back_end_said(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    erp.answer([
        Answer::status(200).body("text/plain", "booked as 17"),
        Answer::status(422).body("text/plain", "order 17 is closed"),
    ]);
    let (first, second, other) = (order_event("4711"), order_event("4711"), order_event("9"));
    for (number, event) in [&first, &second, &other].into_iter().enumerate() {
        receiver.sender().send(event.clone()).await;
        erp.wait_for(number + 1).await;
    }
    let elsewhere = receiver.sender().to(receiver.url("/elsewhere")).send(order_event("4711")).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] != "pending")).await;

    for spelled in ["PO-4711", "po 4711", "PO4711"] {
        let text = said(&receiver.run(&["events", "order", spelled]));
        let ids: Vec<_> = receiver.events(&["order", spelled, "--json"]).iter().map(|one| one["id"].clone()).collect();

        assert_eq!(ids, [message_id(&first), message_id(&second), elsewhere.id()], "{spelled}");
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        let (first, second, third) = (message_id(&first), message_id(&second), elsewhere.id());
        let parts = [&*first, "booked as 17", &second, "order 17 is closed", &third];
        assert!(parts.map(at).is_sorted(), "{spelled}: {text}");
        assert!(text.contains("refused with 404"), "{text}");
        assert!(!text.contains(&message_id(&other)), "{text}");
    }
}

#[rstest]
#[tokio::test]
async fn a_shipment_is_found_by_the_orders_in_it(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let shipment = receiver.sender().send(Message::json(sample("shipment-event.json"))).await;
    let shown = receiver.events(&["show", &shipment.id(), "--json"]).remove(0);
    let orders = shown["references"].as_array().unwrap().iter().filter(|one| one["what"] == "purchaseOrder");
    let orders: Vec<_> = orders.map(|one| one["value"].as_str().unwrap()).collect();

    assert!(!orders.is_empty(), "{shown}");
    for order in orders {
        let found = receiver.events(&["order", order, "--json"]);
        assert!(found.iter().any(|event| event["id"] == shipment.id()), "{order}: {found:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_number_that_nothing_names_is_no_failure(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");

    let text = receiver.run(&["events", "order", "\u{1b}PO-1"]);
    let json = receiver.run(&["events", "order", "PO-1", "--json"]);

    assert!(text.status.success() && json.status.success(), "{text:?} {json:?}");
    assert_eq!(said(&text), "No event names \u{fffd}PO-1.\n");
    assert!(json.stdout.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_refused_body_is_listed_by_the_order_that_it_names(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    receiver.sender().to(receiver.url("/elsewhere")).send(order_event("4711")).await;

    let list = said(&receiver.run(&["events", "list", "--state", "refused"]));

    assert!(list.contains("  PO-4711  "), "{list}");
}

#[test]
fn a_number_that_says_nothing_is_wrong_usage() {
    let receiver = Receiver::start();

    for arguments in [
        &["events", "order", ""][..],
        &["events", "order", " – "],
        &["events", "list", "--number", ""],
        &["events", "deliver", "--all", "--number", "--", "--yes"],
        &["events", "export", "--number", " "],
    ] {
        let output = receiver.run(arguments);

        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

/// It is all that there is of what has changed.
#[rstest]
#[tokio::test]
async fn a_get_that_was_refused_is_found_by_what_it_asked_for(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let sender = receiver.sender().to(receiver.url("/webhooks/tradecloud?orderId=ORD-78"));
    let refused = sender.finish(sender.request(Method::GET)).await;
    assert_eq!(refused.status, Some(405), "{refused:?}");

    let find = async || receiver.events(&["order", "ord 78", "--json"]);
    eventually("it was read", async || !find().await.is_empty()).await;

    assert_eq!(find().await[0]["id"], refused.id());
}

/// Whoever reads what an event names takes it for all of it.
#[rstest]
#[tokio::test]
async fn of_an_event_with_more_numbers_than_are_kept_it_is_said_that_there_may_be_more(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let receiver = store.with("");
    let mut event: serde_json::Value = serde_json::from_slice(&sample("shipment-event.json")).unwrap();
    event["shipment"]["supplierShipment"]["invoiceNumbers"] = (0..2100).map(|number| format!("INV-{number}")).collect();
    let id = receiver.sender().send(event).await.id();

    let text = said(&receiver.run(&["events", "show", &id]));

    assert!(text.contains("perhaps more: of an event the first 2,000 are kept, and its own in any case"), "{text}");
    for number in ["INV-0", "SN1"] {
        assert_eq!(receiver.events(&["order", number, "--json"]).len(), 1, "{number}");
    }
}

#[rstest]
#[tokio::test]
async fn a_list_that_shows_not_all_says_how_many_there_are(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    for order in ["1", "2", "3"] {
        receiver.sender().send(order_event(order)).await;
    }

    let some = receiver.run(&["events", "list", "--limit", "2"]);
    let for_scripts = receiver.run(&["events", "list", "--limit", "2", "--json"]);
    let all = receiver.run(&["events", "list", "--limit", "3"]);

    assert_eq!((said(&some).lines().count(), said(&for_scripts).lines().count()), (2, 2));
    for output in [&some, &for_scripts] {
        assert_eq!(warned(output), "2 of 3 events; --limit shows more\n");
    }
    assert!(all.stderr.is_empty(), "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_one_page_is_listed_exported_and_delivered_in_order() {
    let mut receiver = Receiver::with("[handlers.off]\ntype = \"file\"\ndirectory = \"out\"\npaused = true");
    let sender = receiver.sender();
    let mut sent = Vec::new();
    for order in 0..1_100 {
        let event = order_event(&order.to_string());
        sent.push(message_id(&event));
        assert_eq!(sender.send(event).await.status, Some(202));
    }
    receiver.end().await;
    let ids = |lines: Vec<serde_json::Value>| -> Vec<String> {
        lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
    };

    let mut listed = ids(receiver.events(&["list", "--json", "--limit", "1000"]));
    let limited = warned(&receiver.run(&["events", "list", "--limit", "1000"]));
    let exported = ids(receiver.events(&["export"]));
    let discarded =
        ids(receiver.events(&["discard", "--all", "--state", "pending", "--yes", "--reason", "a test", "--json"]));
    let delivered = ids(receiver.events(&["deliver", "--all", "--state", "discarded", "--yes", "--json"]));

    listed.reverse();
    assert_eq!(listed, sent[100..]);
    assert_eq!(limited, "1,000 of 1,100 events; --limit shows more\n");
    for found in [exported, discarded, delivered] {
        assert_eq!(found, sent);
    }
}
