//! Notices: that something has changed at Tradecloud, which is still to be fetched.
//!
//! A notice is an event whose body has not come yet. It has one delivery, by [`FETCH`], which is worked on like any
//! other: retried, claimed by one receiver at a time, dead when it cannot be helped, delivered again by hand. What it
//! brings takes the place of the notice, under its id and key, with a delivery for each handler that wants it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Arrival, EventKey, Incoming};
use crate::model::{Envelope, Format, Kind, Reference, What};

/// The handler that fetches what notices are about. No handler of the configuration has such a name.
pub const FETCH: &str = "(fetch)";

/// That something is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What the id is: [`What::OrderId`], [`What::LegacyOrderId`] or [`What::ShipmentId`].
    pub what: What,
    /// Its id, opaque: up to 512 bytes.
    pub of: String,
    /// When it came.
    pub received: Timestamp,
    /// The target of the request that brought it, as received; empty if none did.
    pub path: String,
    /// How it came.
    pub arrival: Arrival,
}

impl Notice {
    /// The event that it is until it is fetched, under an id of its own.
    #[expect(dead_code, reason = "the stores are to make one of it")]
    pub(crate) fn into_incoming(self) -> Incoming {
        let id = Uuid::new_v4();
        let kind = if self.what == What::ShipmentId { Kind::Shipment } else { Kind::Order };
        let envelope = Envelope {
            kind,
            format: Format::Json,
            event_name: None,
            // It is recognised by that, and by nothing else.
            message_id: Some(id.to_string()),
            subject: Some(self.of.clone()),
            number: None,
            company_id: None,
            companies: Vec::new(),
            created: None,
        };
        Incoming {
            key: EventKey(*id.as_bytes()),
            id: id.to_string(),
            envelope,
            received: self.received,
            path: self.path,
            content_type: None,
            body: Bytes::new(),
            references: vec![Reference { what: self.what, value: self.of }],
            handlers: Arc::from([FETCH.to_owned()]),
            arrival: self.arrival,
        }
    }
}
