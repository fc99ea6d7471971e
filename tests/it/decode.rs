//! Bodies become envelopes, whatever their encoding, and nothing that may be wrong with a single field
//! turns one away.

use bytes::Bytes;
use serde_json::Value;
use tradecloud_webhook::decode::{DecodeError, envelope, to_json};
use tradecloud_webhook::model::{Actor, Envelope, Format, Kind, Message};

use crate::support::{sample, samples};

fn decode(body: impl AsRef<[u8]>) -> Result<Envelope, DecodeError> {
    envelope(None, &Bytes::copy_from_slice(body.as_ref()))
}

fn is_no_event(body: &str) -> bool {
    matches!(decode(body), Err(DecodeError::NoEvent(_)))
}

#[test]
fn the_same_event_as_json_and_as_txml_is_the_same_event() {
    for name in ["order-event", "order-documents-event", "single-delivery-order-event"] {
        let json = sample(&format!("{name}.json"));
        let xml = sample(&format!("{name}.xml"));
        let json_of_xml = to_json(Format::Txml, None, &xml).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&json_of_xml).unwrap(),
            serde_json::from_slice::<Value>(&json).unwrap(),
            "{name}"
        );
        let from_json = decode(&json).unwrap();
        let from_xml = decode(&xml).unwrap();
        assert_eq!(from_xml, Envelope { format: Format::Txml, ..from_json }, "{name}");
    }
}

#[test]
fn every_sample_is_read_without_losing_anything() {
    for name in samples() {
        let body = sample(&name);
        let envelope = decode(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let json = to_json(envelope.format, None, &body).unwrap();
        let message = Message::from_json(envelope.kind, &json).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.subject_id(), envelope.subject.as_deref(), "{name}");
        assert_eq!(message.message_id(), envelope.message_id.as_deref(), "{name}");
        assert_eq!(message.event_name(), envelope.event_name.as_deref(), "{name}");
        let original: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), original, "{name}");
    }
}

#[test]
fn the_envelope_of_an_order_says_what_routing_needs() {
    let envelope = decode(sample("order-event.json")).unwrap();
    assert_eq!(
        envelope,
        Envelope {
            kind: Kind::Order,
            format: Format::Json,
            event_name: Some("OrderLinesAcceptedBySupplier".to_owned()),
            message_id: Some("cf671da7-3bfc-4bfc-b22f-29f74a3b8f34".to_owned()),
            subject: Some("a33463a9-1c67-42f9-bad5-5c1fa5dced34".to_owned()),
            number: Some("PO0881488474".to_owned()),
            company_id: Some("c546c97f-4266-4f27-a7c1-76fc0a878cb2".to_owned()),
            companies: [
                "c546c97f-4266-4f27-a7c1-76fc0a878cb2",
                "cbf2c7b0-eda1-4abd-af3f-0d5e24044f2d",
                "7987736e-ab85-49ce-b65a-b8422914cbbb",
            ]
            .map(str::to_owned)
            .to_vec(),
            created: Some("2026-12-29T20:47:20.340Z".to_owned()),
        }
    );
    assert_eq!(envelope.actor(), Some(Actor::Supplier));
}

#[test]
fn a_shipment_is_known_by_its_own_number() {
    let envelope = decode(sample("shipment-event.json")).unwrap();
    assert_eq!((envelope.kind, envelope.number.as_deref()), (Kind::Shipment, Some("SN1")));
    assert_eq!(envelope.subject.as_deref(), Some("ad0a9cce-a81c-4c27-a038-08c4ca35b8b3"));
}

#[test]
fn a_shipment_under_its_older_name_is_a_shipment_too() {
    let older = String::from_utf8(sample("older-shipment-event.json")).unwrap();
    let xml = String::from_utf8(sample("older-shipment-event.xml")).unwrap();

    for body in [&older, &xml] {
        let envelope = decode(body).unwrap();
        let newer = decode(body.replace("shipmentEvent", "shipment")).unwrap();
        assert_eq!(envelope, newer);
        assert_eq!((envelope.kind, envelope.number.as_deref()), (Kind::Shipment, Some("SN-0077")));
        let json: Value = serde_json::from_slice(&to_json(envelope.format, None, body.as_bytes()).unwrap()).unwrap();
        assert_eq!(json, serde_json::from_str::<Value>(&older).unwrap(), "it is handed on under the name it came by");
        let message =
            Message::from_json(Kind::Shipment, &to_json(envelope.format, None, body.as_bytes()).unwrap()).unwrap();
        assert_eq!(message.shipment().unwrap().lines[0].purchase_order_number.as_deref(), Some("PO0123"));
    }
}

#[test]
fn a_bare_order_needs_no_event_name() {
    let envelope = decode(sample("bare-legacy-order.json")).unwrap();
    assert_eq!((envelope.kind, envelope.event_name.as_deref()), (Kind::Order, None));
    assert_eq!(envelope.subject.as_deref(), Some("b2ac0d20-27ee-481a-9eda-92bf73dfd700"));
    assert_eq!(envelope.number.as_deref(), Some("PO0638742697"));
    for body in
        [r#"{"lines":[]}"#, r#"{"buyerOrder":{}}"#, "<a><line/></a>", "<a><buyerOrder/></a>", "<a><id>1</id></a>"]
    {
        assert_eq!(decode(body).unwrap().kind, Kind::Order, "{body}");
    }
    assert_eq!(decode(r#"{"lines":[],"legacyOrderId":"5d8a"}"#).unwrap().subject.as_deref(), Some("5d8a"));
}

#[test]
fn what_is_no_event_is_called_so() {
    for body in [
        "{}",
        "[]",
        "[{\"id\":\"1\"}]",
        r#"{"eventName":"OrderIssuedByBuyer"}"#,
        r#"{"orderEvent":null,"id":null}"#,
        r#"{"orderEvent":"text"}"#,
        r#"{"meta":{"messageId":"1"}}"#,
        "<order/>",
        "<a><eventName>OrderIssuedByBuyer</eventName></a>",
        "<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><orderEvent i:nil='true'/></a>",
    ] {
        assert!(is_no_event(body), "{body}");
    }
}

#[test]
fn fields_of_an_unexpected_type_count_as_absent() {
    let odd = r#"{"eventName":5,"orderEvent":{"orderId":["1"],"id":"2","buyerOrder":"x","meta":[{}]},"meta":"text"}"#;
    let envelope = decode(odd).unwrap();
    assert_eq!(envelope.subject.as_deref(), Some("2"));
    assert_eq!((envelope.event_name, envelope.number, envelope.message_id), (None, None, None));

    let odd = "<a><orderEvent><orderId><b>1</b>1</orderId><id>2</id><buyerOrder>x</buyerOrder></orderEvent><meta>text</meta></a>";
    let envelope = decode(odd).unwrap();
    assert_eq!(envelope.subject.as_deref(), Some("2"));
    assert_eq!((envelope.number, envelope.message_id), (None, None));
}

#[test]
fn an_id_that_comes_as_a_number_is_an_id_all_the_same() {
    let json = r#"{"orderEvent":{"orderId":17,"buyerOrder":{"purchaseOrderNumber":4500012345,"companyId":-1},
                  "supplierOrder":{"companyId":2}},"meta":{"messageId":1.50,"source":{"companyId":3}}}"#;
    let xml = "<a><orderEvent><orderId>17</orderId><buyerOrder><purchaseOrderNumber>4500012345</purchaseOrderNumber>\
               <companyId>-1</companyId></buyerOrder><supplierOrder><companyId>2</companyId></supplierOrder></orderEvent>\
               <meta><messageId>1.50</messageId><source><companyId>3</companyId></source></meta></a>";
    for body in [json, xml] {
        let envelope = decode(body).unwrap();
        assert_eq!(envelope.subject.as_deref(), Some("17"), "{body}");
        assert_eq!(envelope.number.as_deref(), Some("4500012345"), "{body}");
        assert_eq!(envelope.message_id.as_deref(), Some("1.50"), "{body}");
        assert_eq!(envelope.companies, ["3", "-1", "2"], "{body}");
    }
    let subject = |body: &str| decode(body).unwrap().subject;
    assert_eq!(subject(r#"{"id":1,"lines":[]}"#).as_deref(), Some("1"));
    assert_eq!(subject(r#"{"legacyOrderId":2,"lines":[]}"#).as_deref(), Some("2"));
    let shipment = decode(r#"{"shipment":{"id":3,"supplierShipment":{"shipmentNumber":4}}}"#).unwrap();
    assert_eq!((shipment.subject.as_deref(), shipment.number.as_deref()), (Some("3"), Some("4")));
    assert_eq!(subject(&format!(r#"{{"id":{},"lines":[]}}"#, "1".repeat(5000))), None, "absurdly long");
    assert_eq!(subject(r#"{"id":true,"lines":[]}"#), None);
}

#[test]
fn the_meta_at_the_top_wins_over_that_inside_the_event() {
    let json =
        r#"{"orderEvent":{"meta":{"messageId":"inner","source":{"companyId":"c"}}},"meta":{"messageId":"outer"}}"#;
    let xml = "<a><orderEvent><meta><messageId>inner</messageId><source><companyId>c</companyId></source></meta>\
               </orderEvent><meta><messageId>outer</messageId></meta></a>";
    for body in [json, xml] {
        let envelope = decode(body).unwrap();
        assert_eq!(envelope.message_id.as_deref(), Some("outer"), "{body}");
        assert_eq!(envelope.company_id.as_deref(), Some("c"), "{body}");
    }
    let inner = decode(r#"{"shipment":{"meta":{"messageId":"inner","lastUpdatedAt":"x"}}}"#).unwrap();
    assert_eq!(inner.message_id.as_deref(), Some("inner"));
}

#[test]
fn an_empty_or_absurdly_long_id_is_none() {
    let long = "x".repeat(5000);
    let escaped = "\\u0078".repeat(4096);
    for (id, expected) in [("", 0), (long.as_str(), 0), (escaped.as_str(), 4096)] {
        let envelope = decode(format!(r#"{{"orderEvent":{{}},"meta":{{"messageId":"{id}"}}}}"#)).unwrap();
        assert_eq!(envelope.message_id.map_or(0, |id| id.len()), expected);
    }
    for (id, expected) in [("", 0), (long.as_str(), 0), (&long[..4096], 4096)] {
        let envelope = decode(format!("<a><orderEvent/><meta><messageId>{id}</messageId></meta></a>")).unwrap();
        assert_eq!(envelope.message_id.map_or(0, |id| id.len()), expected);
    }
}

#[test]
fn of_two_events_in_one_body_the_first_of_the_list_counts() {
    for body in [
        r#"{"shipment":{"id":"s"},"orderEvent":{"orderId":"o"}}"#,
        "<a><shipment><id>s</id></shipment><orderEvent><orderId>o</orderId></orderEvent></a>",
    ] {
        let envelope = decode(body).unwrap();
        assert_eq!((envelope.kind, envelope.subject.as_deref()), (Kind::Order, Some("o")), "{body}");
    }
}

#[test]
fn of_a_key_that_occurs_twice_the_last_one_counts() {
    let envelope = decode(r#"{"orderEvent":{"orderId":"1"},"orderEvent":{"orderId":"2","orderId":"3"}}"#).unwrap();
    assert_eq!(envelope.subject.as_deref(), Some("3"));
}

#[test]
fn a_key_may_be_written_with_escapes() {
    let envelope = decode(r#"{"\u006frderEvent":{"order\u0049d":"1","\"orderId\"":"2"}}"#).unwrap();
    assert_eq!(envelope.subject.as_deref(), Some("1"));
}

#[test]
fn a_wrong_media_type_does_not_lose_an_event() {
    let json = Bytes::from_static(b"\xEF\xBB\xBF\r\n {\"orderEvent\":{}} \n");
    let xml = Bytes::from_static(b"\xEF\xBB\xBF\r\n <a><orderEvent/></a> \n");
    for media in [None, Some("application/json"), Some("application/xml"), Some("application/jsonx"), Some("nonsense")]
    {
        assert_eq!(envelope(media, &json).unwrap().format, Format::Json, "{media:?}");
        assert_eq!(envelope(media, &xml).unwrap().format, Format::Txml, "{media:?}");
    }
    assert_eq!(*to_json(Format::Json, None, &json).unwrap(), *b"{\"orderEvent\":{}}");
    let neither = envelope(Some("application/jsonx"), &Bytes::from_static(b"order 17"));
    assert!(matches!(neither, Err(DecodeError::UnknownEncoding(_))));
}

#[test]
fn namespaces_make_no_difference() {
    let xml = "<t:OrderWebhook xmlns:t='urn:t'><t:orderEvent><t:orderId>1</t:orderId></t:orderEvent></t:OrderWebhook>";
    assert_eq!(decode(xml).unwrap().subject.as_deref(), Some("1"));
}
