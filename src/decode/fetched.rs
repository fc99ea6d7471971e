//! What Tradecloud's API answers when it is asked for an order or a shipment: the thing itself, without an event around
//! it. Who asked knows what it is and its id, and that counts for more than what the answer says.

use bytes::Bytes;

use super::json::{number_or_text, object, picked, subject, updated};
use super::{DecodeError, Decoded, encoding, json};
use crate::model::{Envelope, Format, Kind, Reference, What};

/// The envelope and the references of what was fetched or polled: an order or a shipment, or of the legacy API an order
/// of which only its number is known here. It has neither name nor `messageId`, and its time is that of its last change.
///
/// # Errors
/// [`DecodeError::Malformed`] if the body is no JSON, [`DecodeError::NoEvent`] if it is no object, or another thing than
/// was asked for.
pub(crate) fn fetched(what: What, id: &str, body: &Bytes) -> Result<Decoded, DecodeError> {
    let text = encoding::text(Format::Json, None, body)?;
    let Decoded { envelope, references } = match what {
        What::LegacyOrderId => legacy(&text)?,
        _ => current(what, &text)?,
    };
    let envelope = Envelope { subject: Some(id.to_owned()), event_name: None, message_id: None, ..envelope };
    let asked = Reference { what, value: id.to_owned() };
    let others = references.into_iter().filter(|other| *other != asked);
    Ok(Decoded { references: std::iter::once(asked.clone()).chain(others).collect(), envelope })
}

/// An order or shipment of today's platform.
fn current(what: What, text: &str) -> Result<Decoded, DecodeError> {
    let asked = if what == What::ShipmentId { Kind::Shipment } else { Kind::Order };
    let Decoded { envelope, references } = json::event(text)?;
    if envelope.kind != asked {
        let what =
            format!("expected what an event of kind {asked} is about, the body is that of kind {}", envelope.kind);
        return Err(DecodeError::NoEvent(what));
    }
    let (subject, kind) = subject(text);
    let created = updated(subject, kind).and_then(number_or_text).or(envelope.created);
    Ok(Decoded { envelope: Envelope { created, ..envelope }, references })
}

/// An order of the legacy platform. Little is known of what is in it, so nothing but its number is looked for.
fn legacy(text: &str) -> Result<Decoded, DecodeError> {
    object(text)?;
    let number = picked(text, ["code"])[0].and_then(number_or_text);
    let named = number.iter().map(|number| Reference { what: What::PurchaseOrder, value: number.clone() });
    let references = named.collect();
    let envelope = Envelope {
        kind: Kind::Order,
        format: Format::Json,
        event_name: None,
        message_id: None,
        subject: None,
        number,
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    Ok(Decoded { envelope, references })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::to_json;
    use crate::event::Event;
    use crate::model::{Message, What};

    const ORDER: &[u8] = include_bytes!("../../tests/fixtures/api/order-get.json");
    const SHIPMENT: &[u8] = include_bytes!("../../tests/fixtures/api/shipment-get.json");
    const LEGACY: &[u8] = include_bytes!("../../tests/fixtures/api/legacy-purchase-order.json");

    fn named(decoded: &Decoded, what: What) -> Vec<&str> {
        decoded.references.iter().filter(|one| one.what == what).map(|one| one.value.as_str()).collect()
    }

    #[test]
    fn an_order_is_what_was_asked_for_and_was_made_when_it_changed() {
        let decoded = fetched(What::OrderId, "asked/1", &Bytes::from_static(ORDER)).unwrap();

        let envelope = &decoded.envelope;
        assert_eq!((envelope.kind, envelope.subject.as_deref()), (Kind::Order, Some("asked/1")));
        assert_eq!(envelope.number.as_deref(), Some("PO0881488474"));
        assert_eq!(envelope.created.as_deref(), Some("2025-11-13T22:08:30.653Z"));
        assert_eq!((&envelope.event_name, &envelope.message_id), (&None, &None));
        let parties = ["cbf2c7b0-eda1-4abd-af3f-0d5e24044f2d", "7987736e-ab85-49ce-b65a-b8422914cbbb"];
        assert!(parties.iter().all(|party| envelope.companies.iter().any(|company| company == party)), "{envelope:?}");
        let ids = ["asked/1", "a33463a9-1c67-42f9-bad5-5c1fa5dced34"];
        assert_eq!(named(&decoded, What::OrderId), ids, "both are looked for");
        assert_eq!(named(&decoded, What::PurchaseOrder), ["PO0881488474"]);
    }

    #[test]
    fn a_shipment_is_one_with_nothing_around_it() {
        let id = "ad0a9cce-a81c-4c27-a038-08c4ca35b8b3";
        let body = Bytes::from_static(SHIPMENT);

        let decoded = fetched(What::ShipmentId, id, &body).unwrap();

        let envelope = &decoded.envelope;
        assert_eq!((envelope.kind, envelope.subject.as_deref()), (Kind::Shipment, Some(id)));
        assert_eq!((envelope.number.as_deref(), envelope.event_name_or_changed()), (Some("SN1"), "Changed"));
        assert_eq!(envelope.created.as_deref(), Some("2025-01-07T23:38:20.784Z"));
        let companies = ["cfc28df6-ab9f-49b3-9357-3da79833a9fb", "29f16e2d-abef-43be-ba7e-b98489020ff7"];
        assert_eq!(envelope.companies, companies);
        assert_eq!((named(&decoded, What::ShipmentId), named(&decoded, What::OrderId)), (vec![id], vec![]));
        assert_eq!(named(&decoded, What::PurchaseOrder), ["PO0123"]);
    }

    #[test]
    fn an_order_of_the_legacy_platform_is_whatever_object_it_answers() {
        let decoded = fetched(What::LegacyOrderId, "5d8a1e0f2c", &Bytes::from_static(LEGACY)).unwrap();

        let envelope = &decoded.envelope;
        assert_eq!((envelope.kind, envelope.subject.as_deref()), (Kind::Order, Some("5d8a1e0f2c")));
        assert_eq!((envelope.number.as_deref(), &envelope.created), (Some("PO0638742697"), &None));
        let references: Vec<_> = decoded.references.iter().map(|one| (one.what, one.value.as_str())).collect();
        assert_eq!(references, [(What::LegacyOrderId, "5d8a1e0f2c"), (What::PurchaseOrder, "PO0638742697")]);

        let bare = fetched(What::LegacyOrderId, "1", &Bytes::from_static(b"{}")).unwrap();
        assert_eq!((bare.envelope.number, bare.references.len()), (None, 1));
    }

    #[test]
    fn what_is_something_else_is_an_error() {
        let of = |what, body: &'static [u8]| fetched(what, "1", &Bytes::from_static(body)).map(drop);
        let other = |answer| matches!(answer, Err(DecodeError::NoEvent(_)));

        assert!(other(of(What::OrderId, SHIPMENT)) && other(of(What::ShipmentId, ORDER)));
        assert!(other(of(What::OrderId, b"{\"ok\":true}")));
        for what in [What::OrderId, What::ShipmentId, What::LegacyOrderId] {
            assert!(other(of(what, b"[{\"id\":\"1\"}]")) && other(of(what, b"null")), "{what:?}");
            for body in ["", "{\"id\":", "<html>", "upstream connect error"] {
                let answer = of(what, body.as_bytes());
                assert!(matches!(answer, Err(DecodeError::Malformed { .. })), "{what:?}: {body}: {answer:?}");
            }
        }
    }

    #[test]
    fn a_bare_shipment_is_an_event_and_a_message_in_either_encoding() {
        let body = Bytes::from_static(SHIPMENT);
        let event = Event::from_body(body.clone()).unwrap();
        assert_eq!((event.envelope.kind, event.envelope.event_name.as_deref()), (Kind::Shipment, None));

        let message = Message::from_json(Kind::Shipment, &body).unwrap();

        assert!(matches!(message, Message::Shipment(_)) && message.order().is_none());
        assert_eq!(message.subject_id(), event.envelope.subject.as_deref());
        let quantities: Vec<_> = message.shipment().unwrap().all_lines().collect();
        let quantity = quantities[0].supplier_line.as_ref().unwrap().backorder_quantity.as_ref().unwrap();
        assert_eq!(quantity.as_str(), "648842865657783692.748", "every digit");
        let written = serde_json::to_string(&message).unwrap();
        assert!(written.contains("5.0511971851095334") && written.contains("648842865657783692.748"), "{written}");

        let xml = "<Shipment><line><purchaseOrderNumber>P</purchaseOrderNumber></line><id>s-1</id><buyerShipment>\
                   <companyId>c</companyId></buyerShipment></Shipment>";
        let xml = Bytes::from(xml);
        let decoded = crate::decode::event(None, &xml).unwrap();
        assert_eq!((decoded.envelope.kind, decoded.envelope.subject.as_deref()), (Kind::Shipment, Some("s-1")));
        assert_eq!(named(&decoded, What::ShipmentId), ["s-1"]);
        assert_eq!(crate::decode::references(None, &xml), decoded.references);
        let json = to_json(Format::Txml, None, &xml).unwrap();
        let message = Message::from_json(Kind::Shipment, &json).unwrap();
        assert_eq!(message.shipment().unwrap().lines[0].purchase_order_number.as_deref(), Some("P"));
    }

    #[test]
    fn what_has_a_side_of_an_order_is_an_order_as_ever() {
        for (json, kind) in [
            (r#"{"id":"1","supplierShipment":{}}"#, Some(Kind::Shipment)),
            (r#"{"buyerShipment":{},"lines":[]}"#, Some(Kind::Shipment)),
            (r#"{"id":"1","supplierShipment":{},"buyerOrder":null}"#, Some(Kind::Shipment)),
            (r#"{"id":"1","supplierShipment":{},"buyerOrder":{}}"#, Some(Kind::Order)),
            (r#"{"id":"1","supplierShipment":{},"supplierOrder":{}}"#, Some(Kind::Order)),
            (r#"{"id":"1","supplierShipment":null}"#, Some(Kind::Order)),
            (r#"{"id":"1","supplierShipment":"x"}"#, Some(Kind::Order)),
            (r#"{"id":"1","supplierShipment":{},"orderEvent":{}}"#, Some(Kind::Order)),
            (r#"{"supplierShipment":{},"meta":{}}"#, None),
            (r#"{"id":null,"buyerShipment":{}}"#, None),
        ] {
            let body = Bytes::from_static(json.as_bytes());
            let found = crate::decode::envelope(None, &body).ok().map(|envelope| envelope.kind);
            assert_eq!(found, kind, "{json}");
            if let Some(kind) = kind {
                assert!(Message::from_json(kind, &body).is_ok(), "{json}");
            }
        }
    }
}
