//! An event or a refused body, as PostgreSQL is to store it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::inbox::{EventKey, Incoming, RefusedBody};

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
}

impl Row {
    pub(super) fn event(incoming: Incoming) -> Self {
        let lane = incoming.lane();
        let envelope = incoming.envelope;
        Self {
            handlers: incoming.handlers,
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
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.kind.is_none()
    }

    /// About how many bytes it writes.
    pub(super) fn weight(&self) -> usize {
        self.body.len()
    }
}

/// The one character that PostgreSQL does not take in a text.
pub(super) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}
