//! The references by which people look for an event: numbers of orders, shipments, invoices, containers and so on. What
//! there is, and where in an event it stands.
//!
//! A new one is a row of [`What`] and a row of [`NAMED`]; both decoders go by that table.

use serde::Serialize;

use super::kinds::Kind;
use super::spelling::tells;

/// So many different references of an event are kept. The bound keeps an event small whatever its body holds.
pub(crate) const MOST: usize = 2000;

/// Of each of these there are a few more in any case, however many numbers of others stand before them: what an event is
/// first looked for by, and what leads to what else belongs to it.
pub(crate) const ALWAYS: [What; 6] =
    [What::PurchaseOrder, What::Shipment, What::OrderId, What::ShipmentId, What::LegacyOrderId, What::TraceId];
pub(crate) const ALWAYS_OF_EACH: usize = 10;

/// Longer than this, in bytes, a text is no reference.
pub(crate) const LONGEST: usize = 256;

/// Whether an event is found by a text that stands where a reference does. A placeholder such as a dash would be found by
/// everything, and a character NUL cannot be stored everywhere.
pub(crate) fn is_findable(text: &str) -> bool {
    text.len() <= LONGEST && text.contains(tells) && !text.contains('\0')
}

/// Something that a person may look for an event by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Reference {
    /// What it is a reference to.
    pub what: What,
    /// As it is written in the event, without white space around it.
    pub value: String,
}

macro_rules! whats {
    ($($(#[$doc:meta])* $what:ident = $name:literal,)+) => {
        /// What a reference is a reference to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum What {
            $($(#[$doc])* #[serde(rename = $name)] $what,)+
        }

        impl What {
            /// Everything there is.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$what),+];

            /// Its name, such as `purchaseOrder`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$what => $name,)+
                }
            }
        }
    };
}

whats! {
    /// The buyer's number of an order.
    PurchaseOrder = "purchaseOrder",
    /// The supplier's number of a shipment.
    Shipment = "shipment",
    /// The id of an order at Tradecloud.
    OrderId = "orderId",
    /// The id of a shipment at Tradecloud.
    ShipmentId = "shipmentId",
    /// The id of an order on the legacy platform.
    LegacyOrderId = "legacyOrderId",
    /// A number of a sales order, the supplier's or the buyer's own.
    SalesOrder = "salesOrder",
    /// The supplier's invoice.
    Invoice = "invoice",
    /// What a shipment is followed with.
    Tracking = "tracking",
    /// The carrier's number of a shipment.
    CarrierShipment = "carrierShipment",
    /// A container.
    Container = "container",
    /// A package, by its serial shipping container code.
    Package = "package",
    /// A bill of lading.
    BillOfLading = "billOfLading",
    /// A despatch advice.
    DespatchAdvice = "despatchAdvice",
    /// What everything that one action caused has in common.
    TraceId = "traceId",
    /// A document, by its id in Tradecloud's object storage or by the address where the other party has it.
    Document = "document",
}

impl What {
    /// The one of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == name)
    }

    /// What the `id` of an event of that kind is.
    pub(crate) const fn id_of(kind: Kind) -> Self {
        match kind {
            Kind::Order | Kind::OrderDocuments => Self::OrderId,
            Kind::Shipment => Self::ShipmentId,
        }
    }
}

/// A field with references in it.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its name in JSON.
    pub(crate) json: &'static str,
    /// Its name in tXML, where a list is an element for each of its entries, named after one.
    pub(crate) element: &'static str,
    pub(crate) holds: Holds,
}

/// What a field holds, or each entry of it if it is a list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holds {
    Reference(What),
    /// The id of what the event is about.
    Id,
    Part(&'static [Field]),
}

use Holds::{Id, Part};

const fn field(name: &'static str, holds: Holds) -> Field {
    Field { json: name, element: name, holds }
}

const fn reference(name: &'static str, what: What) -> Field {
    field(name, Holds::Reference(what))
}

const fn list(json: &'static str, element: &'static str, holds: Holds) -> Field {
    Field { json, element, holds }
}

/// Where the references of an event of any kind stand, and those of a bare order or shipment at the top of its body.
/// What an event says of itself may be at the top as well.
pub(crate) const NAMED: &[Field] = &[
    field("id", Id),
    reference("orderId", What::OrderId),
    reference("legacyOrderId", What::LegacyOrderId),
    field("buyerOrder", Part(&[reference("purchaseOrderNumber", What::PurchaseOrder), DOCUMENTS])),
    field("supplierOrder", Part(&[DOCUMENTS])),
    field(
        "supplierShipment",
        Part(&[
            reference("shipmentNumber", What::Shipment),
            list("invoiceNumbers", "invoiceNumber", Holds::Reference(What::Invoice)),
            DOCUMENTS,
        ]),
    ),
    field("buyerShipment", Part(&[DOCUMENTS])),
    field(
        "identifiers",
        Part(&[
            reference("billOfLadingNumber", What::BillOfLading),
            reference("trackingNumber", What::Tracking),
            reference("carrierShipmentNumber", What::CarrierShipment),
        ]),
    ),
    LINES,
    list(
        "loadCarriers",
        "loadCarrier",
        Part(&[reference("containerNumber", What::Container), reference("packageSSCC", What::Package), LINES]),
    ),
    field("meta", Part(&[field("source", Part(&[reference("traceId", What::TraceId)]))])),
];

/// What is attached to an order, a shipment or a line.
const DOCUMENTS: Field =
    list("documents", "document", Part(&[reference("objectId", What::Document), reference("url", What::Document)]));

/// The lines of an order or of a shipment.
const LINES: Field = list(
    "lines",
    "line",
    Part(&[
        reference("purchaseOrderNumber", What::PurchaseOrder),
        field("buyerLine", Part(&[reference("salesOrderNumber", What::SalesOrder), DOCUMENTS])),
        field(
            "supplierLine",
            Part(&[
                reference("salesOrderNumber", What::SalesOrder),
                reference("despatchAdviceNumber", What::DespatchAdvice),
                DOCUMENTS,
            ]),
        ),
    ]),
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shape::{Described, Shape};
    use crate::model::{Line, Order, Shipment};

    #[test]
    fn every_field_with_references_is_one_of_an_order_or_a_shipment() {
        known(NAMED, &[Order::SHAPE, Shipment::SHAPE]);
    }

    fn known(fields: &[Field], types: &[Shape]) {
        for field in fields {
            let entry = |shape| if let Shape::List(entry) = shape { *entry } else { shape };
            let of_type = |shape: &Shape| match entry(*shape) {
                Shape::Object(fields) => fields.of_element(field.element).filter(|known| known.json == field.json),
                _ => None,
            };
            // Those of an order have the same row as those of a load carrier.
            let line = (field.json == "lines").then_some(Line::SHAPE);
            let found: Vec<_> = types.iter().filter_map(of_type).map(|known| known.shape).chain(line).collect();
            assert!(!found.is_empty(), "{field:?}");
            match field.holds {
                Part(fields) => known(fields, &found),
                Id | Holds::Reference(_) => {
                    assert!(found.iter().all(|shape| entry(*shape) == Shape::Text), "{field:?}");
                }
            }
        }
    }

    #[test]
    fn what_there_is_goes_by_one_name_everywhere() {
        for what in What::ALL {
            assert_eq!(serde_json::to_value(what).unwrap(), what.as_str());
            assert_eq!(What::from_name(what.as_str()), Some(what));
        }
        assert_eq!(What::from_name("purchaseorder"), None);
        let reference = Reference { what: What::PurchaseOrder, value: "PO1".to_owned() };
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(json, r#"{"what":"purchaseOrder","value":"PO1"}"#);
    }
}
