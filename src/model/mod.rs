//! What Tradecloud says, as types: the [`Envelope`] of every event, and the full [`Message`] for
//! handlers that want to compute with it.
//!
//! `kinds` is the table of the kinds of event, where a new one begins, `names` what their events are called, and
//! `references` what people look for them by, in any `spelling`. The types of a message are declared as lists of fields
//! (`describe.rs`, which also makes their `shape`), one file per topic. Every field is optional, because Tradecloud
//! leaves out what does not apply; fields and values that this version does not know are kept and written back.

#[macro_use]
mod describe;
pub(crate) mod shape;

mod decimal;
mod envelope;
pub(crate) mod instant;
mod item;
pub(crate) mod kinds;
mod line;
mod message;
mod meta;
mod moment;
pub(crate) mod names;
mod order;
mod parts;
mod party;
mod price;
pub(crate) mod references;
#[cfg(test)]
mod schemas;
mod shipment;
pub(crate) mod spelling;
mod status;

pub use decimal::{Decimal, NotADecimal};
pub use envelope::{Actor, Envelope, Format};
pub use item::{Certification, Dimension, Item, ItemDetails};
pub use kinds::Kind;
pub use line::{BuyerLine, ConfirmedLine, DeliveryLine, Line, LineTerms, Request, Requests, StatusLine, SupplierLine};
pub use message::{Message, Webhook};
pub use meta::{MessageMeta, MessageSource};
pub use moment::{DateTime, Moment, NotADateTime};
pub use order::{BuyerOrder, Order, SupplierOrder};
pub use parts::{Document, EventDates, Indicators, OrderTerms, Property, Status, UpdateMeta};
pub use party::{Contact, Destination, Location, Party};
pub use price::{ChargeLine, Money, Price, Prices};
pub use references::{Reference, What};
pub use shipment::{
    BuyerShipment, Departure, LoadCarrier, Shipment, ShipmentDestination, ShipmentIdentifiers, ShipmentItem,
    ShipmentLine, ShipmentLocations, ShipmentMeta, ShipmentSupplierLine, SupplierErpMeta, SupplierShipment,
};
pub use spelling::folded;
pub use status::{
    InProgressStatus, LineType, LocationType, LogisticsStatus, OrderType, ProcessStatus, RequestStatus,
    ShipmentProcessStatus,
};
