//! Messages as types: what users ask of them, and errors that name the field.

use serde_json::json;
use tradecloud_webhook::decode::DecodeError;
use tradecloud_webhook::model::{Actor, Kind, LineType, LogisticsStatus, Message, Order, ProcessStatus};

use crate::support::sample;

fn order(json: &str) -> Result<Order, DecodeError> {
    let body = format!("{{\"orderEvent\":{json}}}");
    Message::from_json(Kind::Order, body.as_bytes()).map(|message| message.order().unwrap().clone())
}

#[test]
fn an_order_is_typed_down_to_its_prices() {
    let message = Message::from_json(Kind::Order, &sample("order-event.json")).unwrap();
    let order = message.order().unwrap();
    assert_eq!(message.actor(), Some(Actor::Supplier));
    assert_eq!(message.purchase_order_number(), Some("PO0881488474"));
    assert_eq!(order.version, Some(49));
    let line = &order.lines[0];
    assert_eq!(line.line_type, Some(LineType::Service));
    assert_eq!(line.status.as_ref().unwrap().process_status, Some(ProcessStatus::Other("OnHold".to_owned())));
    let confirmed = line.confirmed_line.as_ref().unwrap();
    assert_eq!(confirmed.delivery_schedule[0].quantity.as_ref().unwrap().as_str(), "352110.650399800");
    assert_eq!(confirmed.delivery_schedule[1].status, Some(LogisticsStatus::Produced));
    let net = confirmed.prices.as_ref().unwrap().net_price.as_ref().unwrap();
    let money = net.price_in_transaction_currency.as_ref().unwrap();
    assert_eq!((money.value.as_ref().unwrap().as_str(), money.currency_iso.as_deref()), ("1.40", Some("EUR")));
    assert!(message.shipment().is_none());
}

#[test]
fn the_order_is_found_in_whatever_form_it_came() {
    for (name, kind) in [
        ("single-delivery-order-event.json", Kind::Order),
        ("simple-order-event.json", Kind::Order),
        ("order-documents-event.json", Kind::OrderDocuments),
        ("bare-legacy-order.json", Kind::Order),
    ] {
        let message = Message::from_json(kind, &sample(name)).unwrap();
        let order = message.order().unwrap();
        assert!(order.subject_id().is_some(), "{name}");
        assert!(order.documents().count() > 0, "{name}");
    }
    let documents = Message::from_json(Kind::OrderDocuments, &sample("order-documents-event.json")).unwrap();
    let codes: Vec<_> =
        documents.order().unwrap().documents().filter_map(|document| document.code.as_deref()).collect();
    assert_eq!(codes, ["153951484", "911864233", "855657759"]);
}

#[test]
fn new_and_changed_lines_of_a_shipment_include_those_in_load_carriers() {
    let line = |number: &str, updated: &str| json!({"purchaseOrderNumber": number, "meta": {"lastUpdatedAt": updated}});
    let body = json!({"shipment": {
        "loadCarriers": [{"lines": [line("old", "2025-01-01T00:00:00Z"), line("new", "2025-02-01T00:00:00.000Z")]}],
        "lines": [line("also new", "2025-02-01T01:00:00+01:00"), {"purchaseOrderNumber": "never said"}],
        "meta": {"lastUpdatedAt": "2025-02-01T00:00:00Z"},
    }});
    let message = Message::from_json(Kind::Shipment, body.to_string().as_bytes()).unwrap();
    let shipment = message.shipment().unwrap();
    let numbers: Vec<_> = shipment.changed_lines().filter_map(|line| line.purchase_order_number.as_deref()).collect();
    assert_eq!(numbers, ["new", "also new"]);
    assert_eq!(shipment.all_lines().count(), 4);

    let sample = Message::from_json(Kind::Shipment, &sample("shipment-event.json")).unwrap();
    let codes: Vec<_> =
        sample.shipment().unwrap().changed_documents().filter_map(|found| found.code.as_deref()).collect();
    assert_eq!(codes, ["61668737"]);
    assert_eq!(sample.purchase_order_number(), None);
}

#[test]
fn null_says_the_same_as_a_missing_field() {
    let with_nulls = order(r#"{"version":null,"buyerOrder":null,"lines":[null,{"buyerLine":null,"prices":null}]}"#);
    assert_eq!(with_nulls.unwrap(), order(r#"{"lines":[{}]}"#).unwrap());
    assert_eq!(order(r#"{"lines":null}"#).unwrap(), order("{}").unwrap());
}

#[test]
fn a_decimal_may_come_as_a_text() {
    let order = order(r#"{"lines":[{"deliverySchedule":[{"quantity":"1234.560"}]}]}"#).unwrap();
    assert_eq!(order.lines[0].delivery_schedule[0].quantity.as_ref().unwrap().as_str(), "1234.560");
    assert_eq!(serde_json::to_string(&order).unwrap(), r#"{"lines":[{"deliverySchedule":[{"quantity":1234.560}]}]}"#);
}

#[test]
fn unknown_fields_keep_even_numbers_that_no_machine_can_hold() {
    let json = r#"{"version":1,"future":{"a":0.10,"b":[1e-400,123456789012345678901234567890],"c":null}}"#;
    assert_eq!(serde_json::to_string(&order(json).unwrap()).unwrap(), json);
}

#[test]
fn a_field_of_the_wrong_type_is_named_and_its_value_is_not() {
    for (json, said) in [
        (r#"{"orderId":17}"#, "line 1, column 27: orderEvent.orderId: expected a text"),
        (r#"{"version":"secret"}"#, "line 1, column 33: orderEvent.version: expected a whole number"),
        (r#"{"lines":{"secret":1}}"#, "line 1, column 23: orderEvent.lines: expected a list"),
        (
            r#"{"lines":[{},{"deliverySchedule":[{"quantity":"secret"}]}]}"#,
            "line 1, column 68: orderEvent.lines[1].deliverySchedule[0].quantity: expected a number",
        ),
        (
            r#"{"lines":[{"deliverySchedule":[{"date":"secret"}]}]}"#,
            "line 1, column 61: orderEvent.lines[0].deliverySchedule[0].date: not what Tradecloud documents for this field",
        ),
        (r#"{"lastUpdatedAt":"secret"}"#, "line 1, column 40: orderEvent.lastUpdatedAt: expected a date-time"),
        (
            r#"{"buyerOrder":{"indicators":{"shipped":"secret"}}}"#,
            "line 1, column 61: orderEvent.buyerOrder.indicators.shipped: expected true or false",
        ),
        (r#"{"buyerOrder":"secret"}"#, "line 1, column 36: orderEvent.buyerOrder: expected an object"),
        (r#"{"id":"1","id":"2"}"#, "line 1, column 28: orderEvent: a field of this object occurs twice"),
    ] {
        assert_eq!(order(json).unwrap_err().to_string(), said, "{json}");
    }
}

#[test]
fn a_message_of_another_kind_is_refused() {
    let error = Message::from_json(Kind::Shipment, br#"{"orderEvent":{}}"#).unwrap_err();
    assert_eq!(
        error,
        DecodeError::NoEvent("expected an event of kind shipment, the body is one of kind order".to_owned())
    );
    assert!(matches!(Message::from_json(Kind::Order, b"{}"), Err(DecodeError::NoEvent(_))));
    assert!(matches!(Message::from_json(Kind::Order, b"{"), Err(DecodeError::Malformed { .. })));
}
