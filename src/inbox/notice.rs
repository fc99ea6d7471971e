//! Notices: that something has changed at Tradecloud, which is still to be fetched.
//!
//! A notice is an event whose body has not come yet. It has one delivery, by [`FETCH`], which is worked on like any
//! other: retried, claimed by one receiver at a time, dead when it cannot be helped, delivered again by hand. What it
//! brings takes the place of the notice, under its id and key, with a delivery for each handler that wants it.
//!
//! A notice is `waiting` until an attempt to fetch it begins, and again once one has failed; calls for its id are counted
//! on it meanwhile, since what it will bring is younger than they are. While it is `fetching`, nobody knows which state
//! it brings: a call makes a notice of its own then, behind it in the lane. So it stays after a process that died: at
//! worst there is one fetch more. `fetched` is the end of it, whatever becomes of its deliveries.

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

/// References in what was fetched, and the one that its notice came with: it is still found by that.
pub(super) fn keeping(mut references: Vec<Reference>, what: &str, of: String) -> Vec<Reference> {
    if let Some(what) = What::from_name(what) {
        let noticed = Reference { what, value: of };
        if !references.contains(&noticed) {
            references.push(noticed);
        }
    }
    references
}
