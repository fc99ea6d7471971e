//! Whatever Tradecloud may send comes out as it went in: as JSON, as tXML, and as types.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tradecloud_webhook::decode::{envelope, to_json};
use tradecloud_webhook::model::{Format, Kind, Message};

use crate::documented::{fields, value};
use crate::render::render;

const FORMS: [(&str, &str, Kind); 6] = [
    ("orderEvent", "Order", Kind::Order),
    ("singleDeliveryOrderEvent", "Order", Kind::Order),
    ("simpleOrderEvent", "Order", Kind::Order),
    ("orderDocumentsEvent", "Order", Kind::OrderDocuments),
    ("shipment", "Shipment", Kind::Shipment),
    ("shipmentEvent", "Shipment", Kind::Shipment),
];

/// A body, and what kind of event it is.
fn body(likely: f64) -> impl Strategy<Value = (Value, Kind)> {
    let wrapped = prop::sample::select(FORMS.to_vec()).prop_flat_map(move |(field, name, kind)| {
        (value(name, likely), prop::option::of(value("Meta", likely)), value("*", likely)).prop_map(
            move |(event, meta, unknown)| {
                let mut body = json!({"eventName": "OrderIssuedByBuyer", field: event, "futureField": unknown});
                if let Some(meta) = meta {
                    body["meta"] = meta;
                }
                (body, kind)
            },
        )
    });
    let bare = value("Order", likely).prop_map(|mut order| {
        order["id"] = json!("0012");
        (order, Kind::Order)
    });
    prop_oneof![4 => wrapped, 1 => bare]
}

fn survives((body, kind): (Value, Kind), seed: u64) -> Result<(), TestCaseError> {
    let json = Bytes::from(body.to_string());
    let from_json = envelope(Some("application/json"), &json).unwrap();
    prop_assert_eq!(from_json.kind, kind);

    let message = Message::from_json(kind, &json).unwrap();
    prop_assert_eq!(&serde_json::to_value(&message).unwrap(), &body);

    let xml = Bytes::from(render("OrderWebhook", &body, seed));
    let mut from_xml = envelope(Some("application/xml"), &xml).unwrap();
    let json_of_xml = to_json(Format::Txml, None, &xml).unwrap();
    prop_assert_eq!(&serde_json::from_slice::<Value>(&json_of_xml).unwrap(), &body);
    from_xml.format = Format::Json;
    prop_assert_eq!(from_xml, from_json);
    prop_assert_eq!(Message::from_json(kind, &json_of_xml).unwrap(), message);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_message_survives_json_txml_and_the_types(body in body(0.35), seed in any::<u64>()) {
        survives(body, seed)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_with_every_documented_field_survives(body in body(1.0), seed in any::<u64>()) {
        survives(body, seed)?;
    }
}

/// Every way down the documented types, with the kind of the field at its end.
fn paths(name: &'static str, path: &[&'static str], found: &mut Vec<(Vec<&'static str>, &'static str)>) {
    for (field, kind) in fields(name) {
        let path: Vec<_> = path.iter().copied().chain([field]).collect();
        found.push((path.clone(), kind));
        let name = kind.trim_start_matches("[]");
        if name.len() > 1 {
            paths(name, &path, found);
        }
    }
}

#[test]
fn every_documented_field_has_a_type_of_its_own() {
    for (event, name, kind) in [FORMS[0], FORMS[4]] {
        let mut found = Vec::new();
        paths(name, &[], &mut found);
        for (path, kind_of_field) in found.iter().filter(|(_, kind)| *kind != "*") {
            // What no field of this kind can be.
            let wrong = if kind_of_field.starts_with("[]") { json!("secret") } else { json!(["secret"]) };
            let mut body = wrong;
            let mut expected = String::new();
            for (depth, field) in path.iter().enumerate().rev() {
                let in_list = depth + 1 < path.len()
                    && found.iter().any(|(other, kind)| other[..] == path[..=depth] && kind.starts_with("[]"));
                expected.insert_str(0, &format!(".{field}{}", if in_list { "[0]" } else { "" }));
                body = json!({*field: if in_list { json!([body]) } else { body }});
            }
            let body = json!({ event: body }).to_string();
            let error = Message::from_json(kind, body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(&format!(": {event}{expected}: ")), "{error} for {body}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
