//! What comes into an inbox: an event, or a body that was refused; and what became of it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::key::{EventKey, lane};
use crate::model::{Envelope, Reference};

/// What is known of how something came, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// `webhook`, `get`, `poll`, `missed`, `fetch` or `backfill`.
    pub origin: &'static str,
    /// The address it came from.
    pub address: Option<String>,
    /// The credential that let it in.
    pub credential: Option<String>,
    /// What it will be answered with once it is stored, as far as that is known by then.
    pub answer: Option<u16>,
}

impl Default for Arrival {
    fn default() -> Self {
        Self { origin: "webhook", address: None, credential: None, answer: None }
    }
}

/// An event to be stored.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// What a repeated message is recognised by.
    pub key: EventKey,
    /// The event's id: the `messageId`, else one made from the digest of the body.
    pub id: String,
    /// What is known of it.
    pub envelope: Envelope,
    /// When it was received.
    pub received: Timestamp,
    /// The path it was sent to.
    pub path: String,
    /// Its media type, if the sender named one.
    pub content_type: Option<String>,
    /// The body as received.
    pub body: Bytes,
    /// What people look for it by.
    pub references: Vec<Reference>,
    /// The names of the handlers that want it: each of them gets a delivery of it.
    pub handlers: Arc<[String]>,
    /// How it came.
    pub arrival: Arrival,
}

impl Incoming {
    /// An event with its key and id, which nobody wants so far.
    pub fn new(
        envelope: Envelope,
        received: Timestamp,
        path: String,
        content_type: Option<String>,
        body: Bytes,
    ) -> Self {
        let (key, id) = EventKey::of_event(envelope.message_id.as_deref(), &body);
        let (references, handlers, arrival) = (Vec::new(), Arc::default(), Arrival::default());
        Self { key, id, envelope, received, path, content_type, body, references, handlers, arrival }
    }

    /// That came that way.
    #[must_use]
    pub fn by(self, arrival: Arrival) -> Self {
        Self { arrival, ..self }
    }

    /// With what people look for it by.
    #[must_use]
    pub fn naming(self, references: Vec<Reference>) -> Self {
        Self { references, ..self }
    }

    /// For these handlers.
    #[must_use]
    pub fn wanted_by(self, handlers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { handlers: handlers.into_iter().map(Into::into).collect(), ..self }
    }

    /// Whether it has no `messageId`, so that only its body tells it from others.
    pub(crate) fn is_unnamed(&self) -> bool {
        self.envelope.message_id.as_deref().is_none_or(str::is_empty)
    }

    /// The number of its order or shipment.
    pub(super) fn lane(&self) -> i64 {
        lane(self.envelope.kind, self.envelope.subject.as_deref(), self.key)
    }
}

/// What became of an event that was to be stored. It is durable in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The key it has in the inbox.
    pub key: EventKey,
    /// The id it has in the inbox.
    pub id: String,
    /// The same message was there already; nothing was stored anew.
    pub repeated: bool,
    /// The id of another event that has its `messageId` (or its body), if there is one: then this one is an event
    /// of its own, with an id of its own.
    pub beside: Option<String>,
}

impl Receipt {
    /// It was stored under its own id.
    pub fn stored(incoming: &Incoming) -> Self {
        Self { key: incoming.key, id: incoming.id.clone(), repeated: false, beside: None }
    }
}

/// A body that was refused, to be kept.
#[derive(Debug, Clone)]
pub struct RefusedBody {
    /// When it was received.
    pub received: Timestamp,
    /// The path it was sent to.
    pub path: String,
    /// Its media type, if the sender named one.
    pub content_type: Option<String>,
    /// What was wrong with it.
    pub reason: String,
    /// The status it was answered with.
    pub status: u16,
    /// The body as received, or its beginning if it was too large.
    pub body: Bytes,
    /// How it came.
    pub arrival: Arrival,
}

impl RefusedBody {
    /// What an equal one is recognised by, and the id it goes by.
    pub(super) fn key(&self) -> (EventKey, String) {
        EventKey::of_refused(&self.path, self.status, &self.body)
    }
}
