//! The envelope: what routing, ordering and de-duplication need to know of an event, read from the
//! body without building the rest of it.

use serde::{Deserialize, Serialize};

use super::kinds::Kind;
use super::names::CHANGED;

/// The encoding a body arrived in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// tXML, Tradecloud's one-to-one rendering of the JSON.
    Txml,
}

impl Format {
    /// The name in the `tcformat` attribute and in the inbox: `json` or `txml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Txml => "txml",
        }
    }

    /// The format of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Json, Self::Txml].into_iter().find(|format| format.as_str() == name)
    }

    /// The media type a body of this format is passed on with when its sender named none.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Txml => "application/xml",
        }
    }
}

/// Who caused an event; Tradecloud says it with the suffix of the event name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The event name ends in `ByBuyer`.
    Buyer,
    /// The event name ends in `BySupplier`.
    Supplier,
}

impl Actor {
    /// Reads the suffix of an event name; `None` for a name that does not tell.
    pub fn of_event(event_name: &str) -> Option<Self> {
        if event_name.ends_with("ByBuyer") {
            Some(Self::Buyer)
        } else if event_name.ends_with("BySupplier") {
            Some(Self::Supplier)
        } else {
            None
        }
    }
}

/// What is known of an event before anyone looks at its lines.
///
/// Every text is as Tradecloud sent it; a field that is absent, `null` or of an unexpected type is
/// `None`, because none of them is a reason to turn an event away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Which integration it belongs to.
    pub kind: Kind,
    /// The encoding it arrived in.
    pub format: Format,
    /// `eventName`; absent in the oldest configurations.
    pub event_name: Option<String>,
    /// `meta.messageId`, at the top level or else inside the event: the same for a repeated message.
    pub message_id: Option<String>,
    /// The id of the order (`orderId`, else `id`) or shipment (`id`).
    pub subject: Option<String>,
    /// `buyerOrder.purchaseOrderNumber`, or `supplierShipment.shipmentNumber` of a shipment.
    pub number: Option<String>,
    /// `meta.source.companyId`: the company on whose behalf Tradecloud sends.
    pub company_id: Option<String>,
    /// Every company the event names, each once: the one above, those of the buyer's and the supplier's
    /// part of the order or shipment.
    pub companies: Vec<String>,
    /// `meta.createdDateTime`, as sent.
    pub created: Option<String>,
}

impl Envelope {
    /// Who acted, if the event name tells.
    pub fn actor(&self) -> Option<Actor> {
        self.event_name.as_deref().and_then(Actor::of_event)
    }

    /// The event name, or `Changed` for a body that has none (the oldest configurations send the
    /// bare order, and what is fetched is bare: that says that it changed and no more).
    pub fn event_name_or_changed(&self) -> &str {
        self.event_name.as_deref().unwrap_or(CHANGED)
    }
}
