//! Bodies become envelopes and JSON, whatever their encoding, or are refused with the place of the fault.

use bytes::Bytes;
use serde_json::{Value, json};
use tradecloud_webhook::decode::{DecodeError, envelope, to_json};
use tradecloud_webhook::model::{Envelope, Format, Kind};

use crate::support::sample;

fn decode(body: impl AsRef<[u8]>) -> Result<Envelope, DecodeError> {
    envelope(None, &Bytes::copy_from_slice(body.as_ref()))
}

fn json_of(xml: impl AsRef<[u8]>) -> Value {
    let json = to_json(Format::Txml, xml.as_ref()).unwrap();
    serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json)))
}

#[test]
fn the_same_event_as_json_and_as_txml_is_the_same_event() {
    for name in ["order-event", "order-documents-event", "single-delivery-order-event"] {
        let json = sample(&format!("{name}.json"));
        let xml = sample(&format!("{name}.xml"));
        assert_eq!(json_of(&xml), serde_json::from_slice::<Value>(&json).unwrap(), "{name}");
        let from_json = decode(&json).unwrap();
        let from_xml = decode(&xml).unwrap();
        assert_eq!(from_xml, Envelope { format: Format::Txml, ..from_json }, "{name}");
    }
}

#[test]
fn every_sample_has_its_envelope() {
    let expected = [
        ("order-event.json", Kind::Order, Some("OrderLinesAcceptedBySupplier"), Some("PO0881488474")),
        ("single-delivery-order-event.xml", Kind::Order, Some("OrderChangesProposedBySupplier"), Some("PO0443966089")),
        ("simple-order-event.json", Kind::Order, None, None),
        (
            "order-documents-event.xml",
            Kind::OrderDocuments,
            Some("OrderDocumentsAttachedByBuyer"),
            Some("PO0384329902"),
        ),
        ("shipment-event.json", Kind::Shipment, Some("ShipmentDocumentAttachedBySupplier"), Some("SN1")),
        ("bare-legacy-order.json", Kind::Order, None, Some("PO0638742697")),
    ];
    for (name, kind, event_name, number) in expected {
        let found = decode(sample(name)).unwrap();
        assert_eq!(found.kind, kind, "{name}");
        if event_name.is_some() {
            assert_eq!(found.event_name.as_deref(), event_name, "{name}");
        }
        if number.is_some() {
            assert_eq!(found.number.as_deref(), number, "{name}");
        }
        assert!(found.subject.is_some(), "{name}");
    }
    let _ = json!(null);
}
