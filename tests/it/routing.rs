//! Which handler gets which event; that each has its own deliveries; paused handlers, and catching up.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::erp::{Erp, Received};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// An HTTP handler that delivers to `erp`.
fn handler(name: &str, erp: &Erp, more: &str) -> String {
    format!("handlers.{name} = {{ type = \"http\", url = \"{}\"{more} }}\n", erp.url("/"))
}

fn receiver(store: Store, handlers: &[String]) -> Receiver {
    store.with(&format!("delivery.first_retry = \"50ms\"\n{}", handlers.concat()))
}

/// An order event by that name.
fn named(name: &str) -> Value {
    let mut event = order_event("1");
    event["eventName"] = name.into();
    event
}

fn ids(received: &[Received]) -> Vec<String> {
    received.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect()
}

/// The handlers an event is delivered to, as `events show` says.
fn handlers_of(receiver: &Receiver, event: &Value) -> Vec<String> {
    let shown = &receiver.events(&["show", "--json", &message_id(event)])[0];
    let deliveries = shown["deliveries"].as_array().unwrap();
    deliveries.iter().map(|delivery| delivery["handler"].as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[tokio::test]
async fn an_event_goes_to_the_handlers_that_want_it(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver(
        store,
        &[
            handler("all", &erp, ""),
            handler("shipments", &erp, ", kinds = [\"shipment\"]"),
            handler("accepted", &erp, ", events = [\"*Accepted*\"]"),
            handler("suppliers", &erp, ", by = \"supplier\""),
            handler("plant", &erp, ", companies = [\"plant-7\"]"),
        ],
    );
    let (issued, accepted, mut plant) =
        (named("OrderIssuedByBuyer"), named("OrderLinesAcceptedBySupplier"), named("OrderIssuedByBuyer"));
    plant["orderEvent"]["buyerOrder"]["companyId"] = "plant-7".into();

    for event in [&issued, &accepted, &plant] {
        assert!(receiver.sender().send(event.clone()).await.is_delivered());
    }

    assert_eq!(handlers_of(&receiver, &issued), ["all"]);
    assert_eq!(handlers_of(&receiver, &accepted), ["accepted", "all", "suppliers"]);
    assert_eq!(handlers_of(&receiver, &plant), ["all", "plant"]);
}

#[rstest]
#[tokio::test]
async fn a_company_is_found_wherever_the_event_names_it_in_json_and_in_txml(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver(store, &[handler("ours", &erp, ", companies = [\"us\"]")]);
    let bodies = [
        json!({"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": "1", "supplierOrder": {"companyId": "us"}}}),
        json!({"eventName": "ShipmentIssuedBySupplier", "shipment": {"id": "2", "buyerShipment": {"companyId": "us"}}}),
        json!({"eventName": "ShipmentIssuedBySupplier", "shipment": {"id": "3", "supplierShipment": {"companyId": "us"}}}),
        json!({"id": "4", "buyerOrder": {"companyId": "us"}, "lines": []}),
        json!({"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": "5"}, "meta": {"source": {"companyId": "us"}}}),
        json!({"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": "6", "buyerOrder": {"companyId": "others"}}}),
    ];

    for body in &bodies {
        assert!(receiver.sender().send(body.clone()).await.is_delivered());
        let xml = crate::render::render("OrderWebhook", body, 1);
        assert!(receiver.sender().send(crate::support::sender::Message::xml(xml)).await.is_delivered());
    }

    let events = receiver.inbox();
    let unwanted: Vec<_> = events.iter().filter(|event| event["state"] == "unwanted").collect();
    assert_eq!(events.len(), 12);
    assert_eq!(unwanted.iter().map(|event| event["subject"].clone()).collect::<Vec<_>>(), ["6", "6"]);
}

#[rstest]
#[tokio::test]
async fn an_event_that_nobody_wants_is_kept_and_shown_as_such(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver(store, &[handler("shipments", &erp, ", kinds = [\"shipment\"]")]);
    let event = order_event("1");

    let answer = receiver.sender().send(event.clone()).await;

    assert!(answer.is_delivered());
    let listed = receiver.events(&["list", "--json", "--state", "unwanted"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(serde_json::from_slice::<Value>(&receiver.body_of(&message_id(&event))).unwrap(), event);
}

#[rstest]
#[tokio::test]
async fn a_handler_that_is_down_holds_back_only_itself(#[values(Sqlite, Postgres)] store: Store) {
    let (mut down, up) = (Erp::start(), Erp::start());
    let receiver = receiver(store, &[handler("down", &down, ""), handler("up", &up, "")]);
    receiver.expects_error("the handler is down");
    down.stop();
    let events: Vec<Value> = (0..20).map(|_| order_event("the same order")).collect();

    for event in &events {
        assert!(receiver.sender().send(event.clone()).await.is_delivered());
    }

    let sent: Vec<_> = events.iter().map(message_id).collect();
    assert_eq!(ids(&up.wait_for(20).await), sent);
    down.restart();
    assert_eq!(ids(&down.wait_for(20).await), sent);
}

#[rstest]
#[tokio::test]
async fn events_for_a_paused_handler_wait_until_it_goes_on(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let mut receiver = receiver(store, &[handler("erp", &erp, ", paused = true")]);
    let events: Vec<Value> = (0..3).map(|_| order_event("1")).collect();
    for event in &events {
        assert!(receiver.sender().send(event.clone()).await.is_delivered());
    }
    assert_eq!(receiver.events(&["list", "--json", "--state", "pending"]).len(), 3);
    receiver.logged("paused").await;
    assert!(erp.received().is_empty());
    receiver.end().await;
    assert!(erp.received().is_empty());

    let configuration = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
    std::fs::write(receiver.path("config/receiver.toml"), configuration.replace("paused = true", "paused = false"))
        .unwrap();
    receiver.restart();

    assert_eq!(ids(&erp.wait_for(3).await), events.iter().map(message_id).collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn a_new_handler_catches_up_on_what_it_wants_in_the_order_received(#[values(Sqlite, Postgres)] store: Store) {
    let (erp, new) = (Erp::start(), Erp::start());
    let mut receiver = receiver(store, &[handler("erp", &erp, "")]);
    let (issued, accepted) = (named("OrderIssuedByBuyer"), named("OrderLinesAcceptedBySupplier"));
    let (again, refused) = (named("OrderLinesAcceptedBySupplier"), "no event");
    for event in [&issued, &accepted, &again] {
        assert!(receiver.sender().send(event.clone()).await.is_delivered());
    }
    receiver.sender().send(crate::support::sender::Message::json(refused)).await;
    receiver.end().await;
    let more = handler("new", &new, ", by = \"supplier\"");
    let configuration = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
    std::fs::write(receiver.path("config/receiver.toml"), configuration + &more).unwrap();
    receiver.restart();

    let lines = receiver.events(&["deliver", "--handler", "new", "--yes", "--json"]);

    let wanted = [message_id(&accepted), message_id(&again)];
    assert_eq!(lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), wanted);
    assert_eq!(ids(&new.wait_for(2).await), wanted);
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] != "pending")).await;
    assert!(receiver.events(&["deliver", "--handler", "new", "--json"]).is_empty(), "nothing is left to catch up on");
    assert_eq!(erp.received().len(), 3, "nobody else got anything twice");
}
