//! A shipment: what of which orders is on its way.

use jiff::Timestamp;
use jiff::civil::Date;

use super::order::Document;
use super::parties::Item;

/// A line of a shipment, which names the line of an order.
#[derive(Debug, Clone)]
pub(crate) struct Shipped {
    pub(crate) order: String,
    pub(crate) position: String,
    pub(crate) item: &'static Item,
    pub(crate) quantity: &'static str,
    /// What follows later.
    pub(crate) later: Option<(&'static str, Date)>,
    pub(crate) updated: Timestamp,
}

/// A shipment.
#[derive(Debug, Clone)]
pub(crate) struct Shipment {
    pub(crate) id: String,
    pub(crate) number: String,
    /// Which of the suppliers.
    pub(crate) supplier: usize,
    /// `processStatus`.
    pub(crate) status: &'static str,
    pub(crate) transport: &'static str,
    pub(crate) tracking: String,
    /// The container, if there is one.
    pub(crate) container: Option<&'static str>,
    pub(crate) lines: Vec<Shipped>,
    pub(crate) documents: Vec<Document>,
    pub(crate) issued: Timestamp,
    pub(crate) updated: Timestamp,
}
