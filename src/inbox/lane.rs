//! Lanes: events of one order or shipment are delivered one after the other.

use aws_lc_rs::digest;

use super::EventKey;
use crate::model::Kind;

/// The number of an event's order or shipment; an event without either is on its own. That two orders
/// share a number is unlikely and harmless: they wait for each other.
pub(super) fn lane(kind: &str, subject: Option<&str>, key: EventKey) -> i64 {
    // Documents are attached to an order, so they go in its lane.
    let class = if kind == Kind::Shipment.as_str() { "shipment" } else { "order" };
    let digest = match subject.filter(|subject| !subject.is_empty()) {
        Some(subject) => digest::digest(&digest::SHA256, format!("{class} {subject}").as_bytes()),
        None => digest::digest(&digest::SHA256, &key.0),
    };
    let mut lane = [0; 8];
    lane.copy_from_slice(&digest.as_ref()[..8]);
    i64::from_be_bytes(lane)
}
