//! The kinds of event, in one table: what each is called, the fields that bring it, and where its ids are. The
//! decoders of both encodings, the lanes, the filters and the texts of errors are made from it.
//!
//! A new kind is a row here (and in [`EVENT`], if its ids are where nobody has looked yet; so with what people look for
//! it by, in `references.rs`), a type and a field in `message.rs`, a sample in `cli/samples`, and its pages. The tests
//! below and those of `send` name what is missing.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal from [$($field:literal),+], number $number:ident, lane $lane:literal;)+) => {
        /// Which of Tradecloud's webhook integrations an event belongs to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)+
        }

        /// The fields that hold an event, and what they hold. If several are present, the first one counts.
        pub(crate) const EVENTS: [(&str, Kind); [$($($field),+),+].len()] = [$($(($field, Kind::$kind)),+),+];

        impl Kind {
            /// Every kind there is.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$kind),+];

            /// The name in configuration, in CloudEvents types and in the inbox, such as `order-documents`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// What people call it by.
            pub(crate) const fn number(self) -> Slot {
                match self {
                    $(Self::$kind => Slot::$number,)+
                }
            }

            /// What its id is an id of: events of one lane are delivered one after the other.
            pub(crate) const fn lane(self) -> &'static str {
                match self {
                    $(Self::$kind => $lane,)+
                }
            }
        }
    };
}

kinds! {
    /// An order event, in any of its forms, or a bare order without event name.
    Order = "order" from ["orderEvent", "singleDeliveryOrderEvent", "simpleOrderEvent"],
        number PurchaseOrderNumber, lane "order";
    /// Documents attached to an order or its lines; they go in the lane of their order.
    OrderDocuments = "order-documents" from ["orderDocumentsEvent"],
        number PurchaseOrderNumber, lane "order";
    /// A shipment, or a bare one without event name. Editions of Tradecloud's manual differ in the name of its field.
    Shipment = "shipment" from ["shipment", "shipmentEvent"],
        number ShipmentNumber, lane "shipment";
}

/// A text of the envelope.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    EventName,
    OrderId,
    Id,
    LegacyOrderId,
    PurchaseOrderNumber,
    ShipmentNumber,
    MessageId,
    CompanyId,
    BuyerId,
    SupplierId,
    Created,
}

impl Slot {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Created as usize + 1;

    /// What an event is about, by the first of these that it has.
    pub(crate) const SUBJECT: [Self; 3] = [Self::OrderId, Self::Id, Self::LegacyOrderId];

    /// Whether it may come as a number, too: what identifies something, and a time, as the seconds since 1970.
    pub(crate) const fn may_be_a_number(self) -> bool {
        !matches!(self, Self::EventName)
    }
}

/// What a field is to the envelope.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Meaning {
    /// It is one of its texts.
    Text(Slot),
    /// It has some of them inside.
    Part(&'static [(&'static str, Meaning)]),
}

use Meaning::{Part, Text};

/// The fields of an event that matter to the envelope, and those of a bare order or shipment at the top of its body.
pub(crate) const EVENT: &[(&str, Meaning)] = &[
    ("orderId", Text(Slot::OrderId)),
    ("id", Text(Slot::Id)),
    ("legacyOrderId", Text(Slot::LegacyOrderId)),
    (
        "buyerOrder",
        Part(&[("purchaseOrderNumber", Text(Slot::PurchaseOrderNumber)), ("companyId", Text(Slot::BuyerId))]),
    ),
    ("supplierOrder", Part(&[("companyId", Text(Slot::SupplierId))])),
    ("buyerShipment", Part(&[("companyId", Text(Slot::BuyerId))])),
    (
        "supplierShipment",
        Part(&[("shipmentNumber", Text(Slot::ShipmentNumber)), ("companyId", Text(Slot::SupplierId))]),
    ),
    (
        "meta",
        Part(&[
            ("messageId", Text(Slot::MessageId)),
            ("source", Part(&[("companyId", Text(Slot::CompanyId))])),
            ("createdDateTime", Text(Slot::Created)),
        ]),
    ),
];

/// The name of the event, at the top of its body.
pub(crate) const EVENT_NAME: &str = "eventName";

/// What tells a bare order: one of these at the top of the body.
pub(crate) const BARE_ORDER: [&str; 3] = ["id", "buyerOrder", "lines"];

/// What makes a bare shipment of that: one of these beside them,
pub(crate) const SIDES_OF_SHIPMENT: [&str; 2] = ["supplierShipment", "buyerShipment"];

/// and none of these.
pub(crate) const SIDES_OF_ORDER: [&str; 2] = ["buyerOrder", "supplierOrder"];

/// What a field means, by its name among `fields`.
pub(crate) fn meaning(fields: &'static [(&'static str, Meaning)], name: &str) -> Option<Meaning> {
    fields.iter().find(|(field, _)| *field == name).map(|(_, meaning)| *meaning)
}

impl Kind {
    /// The kind of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The names of all kinds, for people: `order, order-documents or shipment`, with `or` before the last.
    pub(crate) fn names(or: &str) -> String {
        enumerated(&Self::ALL.map(Self::as_str), or)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names as they stand in a sentence, with `last` before the last of them.
pub(crate) fn enumerated(names: &[&str], last: &str) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., name] => format!("{} {last} {name}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::decode::{envelope, to_json};
    use crate::model::Message;

    #[test]
    fn whatever_field_brings_an_event_both_encodings_and_the_model_know_it() {
        for (field, kind) in EVENTS {
            let json = format!(r#"{{"eventName": "Changed", "{field}": {{"id": "4711"}}}}"#);
            let xml = format!("<Webhook><eventName>Changed</eventName><{field}><id>4711</id></{field}></Webhook>");
            for body in [json, xml] {
                let body = Bytes::from(body);

                let envelope = envelope(None, &body).unwrap();
                let json = to_json(envelope.format, None, &body).unwrap();
                let message = Message::from_json(kind, &json).unwrap();

                assert_eq!((envelope.kind, envelope.subject.as_deref()), (kind, Some("4711")), "{field}");
                assert_eq!(message.subject_id(), Some("4711"), "{field} is not in `Message`");
            }
        }
    }

    #[test]
    fn the_configuration_that_users_begin_with_names_every_kind() {
        let shipped = include_str!("../../config/default.toml");

        assert!(shipped.contains(&enumerated(&Kind::ALL.map(Kind::as_str), ",").replace(" ,", ",")), "{:?}", Kind::ALL);
    }

    #[test]
    fn names_stand_in_a_sentence() {
        assert_eq!(enumerated(&["a"], "or"), "a");
        assert_eq!(enumerated(&["a", "b", "c"], "and"), "a, b and c");
    }
}
