//! An event or a refused body, as PostgreSQL is to store it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::inbox::kept::{Record, folds, refs_json};
use crate::inbox::stored::states_at_first;
use crate::inbox::{Arrival, EventKey, Incoming, RefusedBody};
use crate::model::Reference;

/// An event or a refused body, as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: EventKey,
    pub(super) id: String,
    pub(super) received: Timestamp,
    pub(super) path: String,
    pub(super) content_type: Option<String>,
    pub(super) kind: Option<&'static str>,
    pub(super) format: Option<&'static str>,
    pub(super) event_name: Option<String>,
    pub(super) message_id: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) document: Option<String>,
    pub(super) company: Option<String>,
    pub(super) companies: Option<String>,
    pub(super) created: Option<String>,
    pub(super) lane: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) status: Option<i32>,
    pub(super) body: Bytes,
    /// The handlers that want it.
    pub(super) handlers: Arc<[String]>,
    /// How it came.
    pub(super) arrival: Arrival,
    /// Its references, as they are kept: none of a refused body, in which nobody has looked for them yet,
    pub(super) refs: Option<String>,
    /// and what they are looked up by.
    pub(super) lookups: Vec<i64>,
}

impl Row {
    pub(super) fn event(incoming: Incoming) -> Self {
        let lane = incoming.lane();
        let envelope = incoming.envelope;
        Self {
            handlers: incoming.handlers,
            arrival: storable_arrival(incoming.arrival),
            refs: Some(storable(refs_json(&incoming.references))),
            lookups: lookups(&incoming.references),
            lane: Some(lane),
            key: incoming.key,
            id: storable(incoming.id),
            received: incoming.received,
            path: storable(incoming.path),
            content_type: incoming.content_type.map(storable),
            kind: Some(envelope.kind.as_str()),
            format: Some(envelope.format.as_str()),
            event_name: envelope.event_name.map(storable),
            message_id: envelope.message_id.map(storable),
            subject: envelope.subject.map(storable),
            document: envelope.number.map(storable),
            company: envelope.company_id.map(storable),
            companies: Some(storable(envelope.companies.join("\n"))),
            created: envelope.created.map(storable),
            reason: None,
            status: None,
            body: incoming.body,
        }
    }

    /// A refused body, with its key and the id it is kept under.
    pub(super) fn refused((key, id): (EventKey, String), refused: RefusedBody) -> Self {
        Self {
            key,
            id,
            received: refused.received,
            path: storable(refused.path),
            content_type: refused.content_type.map(storable),
            kind: None,
            format: None,
            event_name: None,
            message_id: None,
            subject: None,
            document: None,
            company: None,
            companies: None,
            created: None,
            lane: None,
            reason: Some(storable(refused.reason)),
            status: Some(i32::from(refused.status)),
            body: refused.body,
            handlers: Arc::default(),
            arrival: storable_arrival(refused.arrival),
            refs: None,
            lookups: Vec::new(),
        }
    }

    /// The checksum of what is stored of it.
    pub(super) fn checksum(&self) -> i64 {
        let record = Record {
            key: &self.key.0,
            id: &self.id,
            content_type: self.content_type.as_deref(),
            kind: self.kind,
            format: self.format,
            event_name: self.event_name.as_deref(),
            message_id: self.message_id.as_deref(),
            subject: self.subject.as_deref(),
            document: self.document.as_deref(),
            company: self.company.as_deref(),
            companies: self.companies.as_deref(),
            created: self.created.as_deref(),
            body: &self.body,
        };
        record.checksum()
    }

    /// The states that its deliveries will be in, as bits: all of them pending. Or it is a refused body.
    pub(super) fn states(&self) -> i16 {
        if self.is_refused() { 16 } else { states_at_first(&self.handlers) }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.kind.is_none()
    }

    /// About how many bytes it writes.
    pub(super) fn weight(&self) -> usize {
        self.body.len() + self.lookups.len() * LOOKUP
    }
}

/// About how many bytes it takes to have an event found by a reference.
const LOOKUP: usize = 128;

/// The one character that PostgreSQL does not take in a text.
pub(super) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn storable_arrival(arrival: Arrival) -> Arrival {
    Arrival { address: arrival.address.map(storable), credential: arrival.credential.map(storable), ..arrival }
}

/// What references are looked up by, each once.
pub(super) fn lookups(references: &[Reference]) -> Vec<i64> {
    folds(references).iter().map(|folded| lookup(folded)).collect()
}

/// What a reference is looked up by that is folded already: a number that stands for it. That two references share one
/// has never happened; they would be found together.
pub(super) fn lookup(folded: &str) -> i64 {
    xxh3_64(folded.as_bytes()).cast_signed()
}
