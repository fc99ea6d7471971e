//! Whatever a person looks for an event by is found in its body, in either encoding, and whatever is wrong with it.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::decode::{self, DecodeError, envelope, event, to_json};
use crate::model::spelling::tells;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/samples/", $name))
    };
}

const EVENTS_IN_BOTH: [(&str, &str); 4] = [
    (sample!("order-event.json"), sample!("order-event.xml")),
    (sample!("single-delivery-order-event.json"), sample!("single-delivery-order-event.xml")),
    (sample!("order-documents-event.json"), sample!("order-documents-event.xml")),
    (sample!("older-shipment-event.json"), sample!("older-shipment-event.xml")),
];

/// The references of a body that is an event, each as `what value`.
fn of(body: &str) -> Vec<String> {
    let references = event(None, &Bytes::copy_from_slice(body.as_bytes())).unwrap().references;
    assert_eq!(decode::references(None, &Bytes::copy_from_slice(body.as_bytes())), references);
    shown(references)
}

/// Those of any body, as far as it can be read.
fn of_any(body: impl AsRef<[u8]>) -> Vec<String> {
    shown(decode::references(None, &Bytes::copy_from_slice(body.as_ref())))
}

fn shown(references: Vec<Reference>) -> Vec<String> {
    references.into_iter().map(|reference| format!("{} {}", reference.what.as_str(), reference.value)).collect()
}

fn sorted(mut references: Vec<String>) -> Vec<String> {
    references.sort_unstable();
    references
}

#[test]
fn an_event_names_the_same_as_json_and_as_txml() {
    for (json, xml) in EVENTS_IN_BOTH {
        let made = to_json(Format::Txml, None, xml.as_bytes()).unwrap();

        assert_eq!(sorted(of(json)), sorted(of(xml)));
        assert_eq!(sorted(of(std::str::from_utf8(&made).unwrap())), sorted(of(xml)));
        assert!(of(json).len() > 2);
    }
    let bare = "<Order><id>1</id><buyerOrder><purchaseOrderNumber>P1</purchaseOrderNumber></buyerOrder><line><buyerLine>\
        <salesOrderNumber>S1</salesOrderNumber></buyerLine></line></Order>";
    assert_eq!(of(bare), ["orderId 1", "purchaseOrder P1", "salesOrder S1"]);
}

#[test]
fn an_order_is_found_by_its_numbers_and_ids() {
    let expected = [
        "document 16b25b99-f458-4f80-998a-dfb014f35372",
        "document 1753e78f-5009-43f4-9162-c59de112ea98",
        "document 47220cb4-8469-49d5-8612-78eb54ba59fe",
        "document 8e17248c-3648-4a61-9c31-e5876663bf87",
        "document 8fec5141-c5a9-4b4e-a8cb-4c1067c9c4a3",
        "document bed689f3-c143-4084-b75a-ce5b8a376bd6",
        "orderId a33463a9-1c67-42f9-bad5-5c1fa5dced34",
        "purchaseOrder PO0881488474",
        "salesOrder SO0123",
        "salesOrder SO99",
        "traceId 282b3591-cb8b-4cc1-a454-bd45e30bb5dc",
    ];
    assert_eq!(sorted(of(sample!("order-event.json"))), expected);
    let bare = of(sample!("bare-legacy-order.json"));
    assert!(bare.contains(&"orderId b2ac0d20-27ee-481a-9eda-92bf73dfd700".to_owned()), "{bare:?}");
    assert!(bare.contains(&"purchaseOrder PO0638742697".to_owned()), "{bare:?}");
    assert_eq!(of(r#"{"orderEvent": {"id": "1", "legacyOrderId": "2"}}"#), ["orderId 1", "legacyOrderId 2"]);
}

#[test]
fn a_shipment_is_found_by_what_is_in_it_and_how_it_travels() {
    let expected = [
        "shipmentId ad0a9cce-a81c-4c27-a038-08c4ca35b8b3",
        "billOfLading BOL1",
        "tracking 1Z662F416878787827",
        "shipment SN1",
        "invoice 0001",
        "invoice 0002",
        "document edf3c4dd-0775-482d-aede-432b497cf1b8",
        "container BICU1234565",
        "purchaseOrder PO0123",
        "despatchAdvice DA1",
        "traceId 09946f43-8719-4433-9e7d-027ee4a44d96",
    ];
    assert_eq!(of(sample!("shipment-event.json")), expected);

    let json = r#"{"shipmentEvent": {"identifiers": {"carrierShipmentNumber": "C1"}, "loadCarriers": [
        {"packageSSCC": "S1", "lines": [{"purchaseOrderNumber": "P1"}]}, {"lines": [{"purchaseOrderNumber": "P2"}]}],
        "lines": [{"purchaseOrderNumber": "P3"}], "meta": {"source": {"traceId": "T1"}}}}"#;
    let xml = "<w><shipmentEvent><identifiers><carrierShipmentNumber>C1</carrierShipmentNumber></identifiers>\
        <loadCarrier><packageSSCC>S1</packageSSCC><line><purchaseOrderNumber>P1</purchaseOrderNumber></line>\
        </loadCarrier><loadCarrier><line><purchaseOrderNumber>P2</purchaseOrderNumber></line></loadCarrier>\
        <line><purchaseOrderNumber>P3</purchaseOrderNumber></line>\
        <meta><source><traceId>T1</traceId></source></meta></shipmentEvent></w>";
    let expected =
        ["carrierShipment C1", "package S1", "purchaseOrder P1", "purchaseOrder P2", "purchaseOrder P3", "traceId T1"];
    for body in [json, xml] {
        assert_eq!(of(body), expected);
    }
}

#[test]
fn an_event_is_found_by_what_it_is_called_elsewhere() {
    let samples = EVENTS_IN_BOTH.into_iter().flat_map(|(json, xml)| [json, xml]);
    for body in samples.chain([sample!("shipment-event.json"), sample!("simple-order-event.json")]) {
        let envelope = envelope(None, &Bytes::from_static(body.as_bytes())).unwrap();
        let values: Vec<_> = decode::references(None, &Bytes::from_static(body.as_bytes()));
        let has = |text: &Option<String>| text.as_ref().is_none_or(|text| values.iter().any(|one| one.value == *text));
        assert!(has(&envelope.subject) && has(&envelope.number), "{envelope:?}");
    }
}

#[test]
fn a_number_counts_by_its_digits() {
    let json = r#"{"shipment":{"id":4711,"supplierShipment":{"shipmentNumber":-1.50 ,"invoiceNumbers":[1,"2" , 3]}}}"#;
    assert_eq!(of(json), ["shipmentId 4711", "shipment -1.50", "invoice 1", "invoice 2", "invoice 3"]);
    assert_eq!(of(r#"{"orderEvent":{"version":7,"orderId":true,"id":null,"legacyOrderId":{"id":"1"}}}"#), [""; 0]);
    assert_eq!(of_any(r#"{"orderEvent":{"orderId":47"#), [""; 0], "it may have been cut off");
}

#[test]
fn names_and_values_are_found_however_they_are_escaped() {
    let json = r#"{"order\u0045vent" : {"\u006frderId"
        : "a\"b\\", "description": "\"orderId\": \"no\" {[", "id": "\u00e9\n7 ", "note\\": "x", "legacyOrderId": "]}"}}"#;
    assert_eq!(of(json), ["orderId a\"b\\", "orderId é\n7", "legacyOrderId ]}"]);
    assert_eq!(of(r#"{"orderEvent": {"orderId": "\ud800", "id": "a\u0000b"}}"#), [""; 0]);
    let xml = "<w><t:orderEvent><orderId> A&amp;<!-- -->B<![CDATA[<]]>\n</orderId><id>7<b/></id></t:orderEvent></w>";
    assert_eq!(of(xml), ["orderId A&B<"]);
}

#[test]
fn what_is_named_again_is_named_once() {
    let json = r#"{"orderEvent": {"orderId": "1", "orderId": " 1", "id": "1", "legacyOrderId": "1", "orderId": "2"}}"#;
    assert_eq!(of(json), ["orderId 1", "legacyOrderId 1", "orderId 2"]);
}

#[test]
fn what_is_no_reference_is_not_taken_for_one() {
    for value in ["", " ", "-", "\u{2013} \u{2014}", &"7".repeat(257)] {
        assert_eq!(of(&format!(r#"{{"orderEvent": {{"orderId": "{value}"}}}}"#)), [""; 0], "{value}");
        assert_eq!(of(&format!("<w><orderEvent><orderId>{value}</orderId></orderEvent></w>")), [""; 0], "{value}");
    }
    let longest = "7".repeat(256);
    assert_eq!(of(&format!(r#"{{"orderEvent": {{"orderId": "{longest}"}}}}"#)), [format!("orderId {longest}")]);
}

#[test]
fn an_event_has_2000_references_at_most() {
    let json = (0..3000).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let json = format!(r#"{{"shipment":{{"supplierShipment":{{"invoiceNumbers":[{json}]}}}}}}"#);
    let xml = (0..3000).map(|number| format!("<invoiceNumber>{number}</invoiceNumber>")).collect::<Vec<_>>().concat();
    let xml = format!("<w><shipment><supplierShipment>{xml}</supplierShipment></shipment></w>");

    let expected: Vec<_> = (0..2000).map(|number| format!("invoice {number}")).collect();
    assert_eq!((of(&json), of(&xml)), (expected.clone(), expected));
}

#[test]
fn however_many_numbers_there_are_an_event_is_found_by_its_own_and_by_its_trace() {
    let many = (0..3000).map(|number| number.to_string()).collect::<Vec<_>>();
    let json = format!(
        r#"{{"shipment": {{"supplierShipment": {{"invoiceNumbers": [{}], "shipmentNumber": "SH1"}}, "id": "7",
            "lines": [{{"purchaseOrderNumber": "PO1"}}], "identifiers": {{"trackingNumber": "T1"}},
            "meta": {{"source": {{"traceId": "trace"}}}}}}}}"#,
        many.join(",")
    );

    let found = of(&json);

    assert_eq!(found[2000..], ["shipment SH1", "shipmentId 7", "purchaseOrder PO1", "traceId trace"]);
    let orders = many.iter().map(|number| format!(r#"{{"purchaseOrderNumber": "{number}"}}"#)).collect::<Vec<_>>();
    let json = format!(r#"{{"shipment": {{"id": "7", "lines": [{}]}}}}"#, orders.join(","));
    assert_eq!(of(&json).len(), 2000, "the bound stands");
}

#[test]
fn what_stands_before_a_fault_is_found() {
    for whole in
        [sample!("older-shipment-event.json"), sample!("older-shipment-event.xml"), sample!("shipment-event.json")]
    {
        let references = of(whole);
        for end in 0..whole.len() {
            let cut = of_any(&whole.as_bytes()[..end]);
            assert!(references.starts_with(&cut), "{end}: {cut:?}");
        }
        assert_eq!(of_any(&whole.as_bytes()[..whole.len() - 3]), references);
    }
    assert_eq!(of_any(r#"{"orderEvent": {"orderId": "1", oops, "id": 2 ]"#), ["orderId 1", "orderId 2"]);
    assert_eq!(of_any(b"{\"orderEvent\": {\"description\": \"\xE9\", \"id\": \"2\"}}"), ["orderId 2"]);
    assert_eq!(of_any("<w><orderEvent><d>\u{B}</d><id>2</id></orderEvent></v>"), ["orderId 2"]);
    let marked = Bytes::from("\u{FEFF}\u{FEFF}<w><orderEvent><d>é</d><id>2</id></orderEvent></w>");
    assert_eq!(shown(decode::references(Some("text/xml"), &marked)), ["orderId 2"]);
    let utf_16: Vec<_> = r#"{"orderEvent": {"id": "2", "#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(of_any(&utf_16[..utf_16.len() - 1]), ["orderId 2"]);
}

#[test]
fn a_body_that_is_no_event_is_found_by_what_stands_at_its_top() {
    let json = r#"{"eventName": "New", "supplierShipment": {"shipmentNumber": "S1"}, "newEvent": {"orderId": "1"},
        "meta": {"source": {"traceId": "T1"}}}"#;
    assert_eq!(of_any(json), ["shipment S1", "traceId T1"]);
    assert_eq!(of_any(r#"[{"orderEvent": {"orderId": "1"}}, {"orderId": "2"}]"#), ["orderId 1", "orderId 2"]);
    assert_eq!(of_any("<w><line><purchaseOrderNumber>P1</purchaseOrderNumber></line></w>"), ["purchaseOrder P1"]);
    for nothing in ["", "no event", "\"orderId\"", "4711", "{", "<", "\u{0}{\"id\": \"1\"}"] {
        assert_eq!(of_any(nothing), [""; 0], "{nothing}");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_where_it_is_and_what_stands_before_is_found() {
    let nested = |depth: usize| format!("{{\"orderEvent\": {{\"id\": \"1\",\n\"x\": {}", "[".repeat(depth - 2));
    let event = |depth| event(None, &Bytes::from(nested(depth)));

    let Err(DecodeError::Malformed { line: 2, column: 132, what }) = event(129) else { panic!("{:?}", event(129)) };
    assert_eq!(what, "objects and lists are nested deeper than 128 levels");
    assert!(matches!(event(128), Err(DecodeError::Malformed { what, .. }) if !what.contains("deeper")));
    assert_eq!(of_any(nested(100_000)), ["orderId 1"]);
    assert_eq!(of_any("{\"lines\":".repeat(1000)), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any pieces of JSON in any order: nothing fails, and only what is there is found.
    #[test]
    fn any_text_can_be_looked_through(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "{", "}", "[", "]", ":", ",", "\"", "\\", " ", "é", "4711", "-", "null", "\"lines\"", "\"line\"", "\"orderEvent\":",
        "\"id\":", "\"a\\\"b\"", "\"meta\":", "<line>", "</line>", "<orderEvent>", "<id>", "</id>", "&amp;", "\u{0}",
    ]), 0..60)) {
        for first in ["{", "<w>", ""] {
            let body = Bytes::from(format!("{first}{}", pieces.concat()));
            for reference in decode::references(Some("application/json"), &body) {
                prop_assert!(reference.value.contains(tells));
            }
            let _ = event(None, &body);
        }
    }
}
