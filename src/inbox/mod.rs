//! The inbox: where an event is safe before anyone says so.
//!
//! A store is one folder with one type that implements [`Inbox`], and one line in [`STORES`]. Every
//! write returns only when it is durable. That a message is new is found out in the same transaction that
//! stores it; what is to be done if it is not is in `repeat`.

mod key;
#[cfg(not(feature = "postgres"))]
mod left_out;
pub mod none;
#[cfg(feature = "postgres")]
pub mod postgres;
mod refused;
mod repeat;
pub(crate) mod retention;
pub mod sqlite;
#[cfg(test)]
#[cfg(feature = "postgres")]
mod tests;
pub(crate) mod trusted;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

#[cfg(not(feature = "postgres"))]
use left_out as postgres;

pub use key::EventKey;
pub use view::{DeliveryView, EventView, Filter, State};

use crate::config::Section;
use crate::dispatch::Route;
use crate::model::{Envelope, Format};

/// An inbox as the rest of the program holds it.
pub type SharedInbox = Arc<dyn Inbox>;

type Read = fn(&Section) -> Option<Box<dyn Open>>;

/// The stores, by the `store` in the configuration.
pub const STORES: &[(&str, Read)] = &[("sqlite", sqlite::read), ("postgres", postgres::read), ("none", none::read)];

/// `[inbox]`
#[derive(Debug)]
pub struct Settings {
    /// How to open the store.
    pub store: Box<dyn Open>,
    /// How long a finished event stays.
    pub keep: Duration,
    /// How long an event stays that no handler wanted.
    pub keep_unwanted: Duration,
}

impl Settings {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let (keep, keep_unwanted) = (section.duration("keep"), section.duration("keep_unwanted"));
        // Without a store nobody knows which keys belong here.
        let read = section.choice("store", STORES)?;
        let store = read(&section);
        // The defaults name the file of the embedded database; with another store it is not asked for.
        let _ = section.has("path").then(|| section.text("path"));
        section.finish();
        Some(Self { store: store?, keep: keep?, keep_unwanted: keep_unwanted? })
    }
}

/// What an inbox is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To receive and deliver: one process at a time, where the store cannot share the work.
    Serve,
    /// To look and to intervene, beside a receiver that may be running.
    Tool,
    /// To look only, and to fail if there is nothing to look at.
    Look,
}

/// Why a store could not be opened to look at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoInbox {
    /// It has not been made yet.
    #[error("there is no inbox at {place}. Has the receiver run with this configuration, and in this directory?")]
    NotYet {
        /// Where there is none.
        place: String,
    },
    /// The receiver works without one.
    #[error("there is no inbox to look at (inbox.store = \"none\"): the events are where the handlers put them")]
    KeepsNothing,
}

/// Checked settings of a store, ready to be opened.
#[async_trait::async_trait]
pub trait Open: Send + Sync + std::fmt::Debug {
    /// As [`Inbox::keeps`].
    fn keeps(&self) -> bool {
        true
    }

    /// Opens the store, and makes it if it is new (unless the purpose is to look).
    ///
    /// # Errors
    /// If it cannot be opened; the message says what to do. [`NoInbox`] if there is nothing to look at.
    async fn open(&self, purpose: Purpose) -> anyhow::Result<SharedInbox>;
}

/// Why the inbox could not do something. Always transient: the caller is to try again, or to have the
/// sender try again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InboxError {
    /// The store failed: full, read-only, broken, or not to be reached.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store is not where it was, or another one is in its place.
    #[error("the inbox is not there: {0}")]
    Gone(String),
    /// Whether a large message has come before is not found out now: others are looked at.
    #[error("too many large messages are compared with what is there")]
    Busy,
    /// The inbox is closed.
    #[error("the inbox is closed")]
    Closed,
}

impl InboxError {
    /// Whether the inbox itself has said so to the log, once for all whom it concerns.
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Gone(_))
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
}

impl Incoming {
    /// An event with its key and id.
    pub fn new(
        envelope: Envelope,
        received: Timestamp,
        path: String,
        content_type: Option<String>,
        body: Bytes,
    ) -> Self {
        let (key, id) = EventKey::of_event(envelope.message_id.as_deref(), &body);
        Self { key, id, envelope, received, path, content_type, body }
    }

    /// Whether it has no `messageId`, so that only its body tells it from others.
    pub(crate) fn is_unnamed(&self) -> bool {
        self.envelope.message_id.as_deref().is_none_or(str::is_empty)
    }

    /// The number of its order or shipment.
    fn lane(&self) -> i64 {
        key::lane(self.envelope.kind, self.envelope.subject.as_deref(), self.key)
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
}

impl RefusedBody {
    /// What an equal one is recognised by, and the id it goes by.
    fn key(&self) -> (EventKey, String) {
        EventKey::of_refused(&self.path, self.status, &self.body)
    }
}

/// A delivery that was claimed: it is the caller's until it is finished or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The store's own number of the event.
    pub event: i64,
    /// The event's key.
    pub key: EventKey,
    /// The event's id.
    pub id: String,
    /// The handler's name.
    pub handler: String,
    /// The number of the order or shipment, as the store counts them.
    pub lane: i64,
    /// Attempts that were made before.
    pub attempts: u32,
    /// When the delivery was first due (the time of `give_up_after` counts from here).
    pub since: Timestamp,
    /// Size of the body in bytes.
    pub size: usize,
    /// The encoding of the body.
    pub format: Format,
    /// 1, and one more each time that somebody has begun the delivery anew.
    pub round: u32,
    /// How many attempts, one after the other, the process did not survive.
    pub ends: u32,
}

/// Work that is due, and when the next is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// One claim per order or shipment at the most.
    pub claims: Vec<Claim>,
    /// When the next delivery of the handler is due that was not claimed, if there is one.
    pub next: Option<Timestamp>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The handler is done with the event.
    Done,
    /// To be tried again.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Not to be tried again: a dead letter.
    Dead {
        /// Why.
        reason: String,
        /// The status the handler's back end gave, if it speaks HTTP.
        status: Option<u16>,
    },
}

/// How far an event has come with one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The handler's name.
    pub handler: String,
    /// Pending, done, dead or discarded.
    pub state: State,
    /// Why it is dead.
    pub reason: Option<String>,
    /// The status that the handler's back end gave.
    pub status: Option<u16>,
}

/// What has been kept for long enough.
#[derive(Debug, Clone, Copy)]
pub struct Overdue {
    /// What was finished before that time.
    pub finished: Timestamp,
    /// What no handler wanted, and was there before that time. None of that if there is no such time.
    pub unwanted: Option<Timestamp>,
    /// Of what no handler wanted, this is the next to go: what was there before that time.
    pub soon: Timestamp,
    /// What says that it came later than that came by a clock that was wrong.
    pub possible: Timestamp,
}

impl Overdue {
    /// Whether nothing is to be looked at that comes after an event received at that time: it is younger still. An
    /// event of a wrong clock says nothing of those after it.
    fn ends_at(&self, received: Timestamp) -> bool {
        let latest = if self.unwanted.is_some() { self.finished.max(self.soon) } else { self.finished };
        (latest..=self.possible).contains(&received)
    }
}

/// What a step of a sweep has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Events that were removed.
    pub removed: usize,
    /// Events that no handler wanted and that go next (see [`Overdue::soon`]).
    pub soon: usize,
    /// Whether the whole inbox has been looked through.
    pub complete: bool,
}

/// Whether [`Inbox::deliver`] is about a delivery by the handler `name` that is in `state`.
fn is_asked_for(name: &str, state: State, handler: Option<&str>, only: Option<State>) -> bool {
    handler.map_or(state != State::Done, |handler| handler == name) && only.is_none_or(|only| only == state)
}

/// A store of events. Every method may fail with [`InboxError`], which is always transient.
#[async_trait::async_trait]
pub trait Inbox: Send + Sync {
    /// Whether events stay until they are delivered. If not, it is the sender's repetition that gets an
    /// event through after a failed attempt, and nothing may be acknowledged before handlers are done.
    fn keeps(&self) -> bool {
        true
    }

    /// Stores an event with a delivery for each of `routes` that wants it, unless the same message is there
    /// already. Durable on return.
    async fn store(&self, incoming: Incoming, routes: Arc<[Route]>) -> Result<Receipt, InboxError>;

    /// Keeps a refused body; returns the id it is kept under, or nothing if this inbox keeps none. Durable
    /// on return.
    async fn refuse(&self, refused: RefusedBody) -> Result<Option<String>, InboxError>;

    /// Claims up to `most` deliveries of `handler` that are due: of every order or shipment the first
    /// that is not finished, if nobody works on it.
    async fn claim(&self, handler: &str, most: usize) -> Result<Due, InboxError>;

    /// The event of a claim, for its next attempt.
    async fn load(&self, claim: &Claim) -> Result<crate::event::Event, InboxError>;

    /// Notes that an attempt begins: should the process not survive it, [`Claim::ends`] of the next claim
    /// says so. Outlives the process, but not a power cut. Returns whether it is still the turn of that delivery: it
    /// may have been discarded since it was claimed, or an earlier event of its order may be to be delivered again.
    async fn begin(&self, _claim: &Claim) -> Result<bool, InboxError> {
        Ok(true)
    }

    /// Says that the receiver ends because it was told to: what it is at now, it need not survive. Somebody may not
    /// wait until it has ended by itself.
    async fn ending(&self) {}

    /// Claims the delivery of `handler` whose turn comes first, by the time it is due, if that is not after
    /// `until`: the first of its order or shipment, if nobody works on that, and if its lane is not one of
    /// `except`. For a handler that is down.
    async fn claim_one(&self, _handler: &str, _except: &[i64], _until: Timestamp) -> Result<Option<Claim>, InboxError> {
        Ok(None)
    }

    /// How many orders and shipments `handler` has unfinished deliveries of, counted up to `most`.
    async fn lanes(&self, _handler: &str, _most: usize) -> Result<usize, InboxError> {
        Ok(0)
    }

    /// Makes some of the deliveries due at once that wait for their next attempt by `handler`, which is back.
    /// Returns how many; to be called until there are none.
    async fn hurry_handler(&self, _handler: &str) -> Result<usize, InboxError> {
        Ok(0)
    }

    /// Notes how an attempt ended, and lets the next event of the same order or shipment be claimed.
    async fn finish(&self, claim: &Claim, finish: Finish, took: Duration) -> Result<(), InboxError>;

    /// Gives a claim back without an attempt having ended.
    async fn release(&self, claim: &Claim);

    /// How far an event has come with each handler that wants it: with none, if none does. An event that is
    /// not there is an error: that nothing is known of it must not be taken for "nobody wanted it".
    async fn standing(&self, key: EventKey) -> Result<Vec<Standing>, InboxError>;

    /// Makes the event's waiting deliveries due at once: its sender asks for it again.
    async fn hurry(&self, key: EventKey) -> Result<(), InboxError>;

    /// Removes some of the events that have been kept for long enough. To be called until it says that it is
    /// complete.
    async fn sweep(&self, overdue: Overdue) -> Result<Swept, InboxError>;

    /// Events that match, the newest first, without their bodies.
    async fn list(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError>;

    /// One event in full, by its id.
    async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError>;

    /// The body of an event, by the store's own number.
    async fn body(&self, event: i64) -> Result<Bytes, InboxError>;

    /// Has an event delivered: to `handler`, whatever became of it there, or to each handler whose delivery
    /// is not done. One that waits for its next attempt is due at once; one that waits for an earlier event
    /// of its order or shipment, or is due, is left as it is. With `only`, none but those that are in that
    /// state at this moment. Returns how many deliveries were changed.
    async fn deliver(&self, event: i64, handler: Option<&str>, only: Option<State>) -> Result<usize, InboxError>;

    /// Makes an event of a refused body that can be decoded after all. It is off the list of refused ones once
    /// the event is there, and not before.
    async fn accept(&self, event: i64, incoming: Incoming, routes: Arc<[Route]>) -> Result<Receipt, InboxError>;

    /// Sets an event aside: what is dead, pending or refused of it is discarded. Returns how many
    /// deliveries (or bodies) that are.
    async fn discard(&self, event: i64) -> Result<usize, InboxError>;

    /// Looks for lanes whose first pending delivery can never become due, which no way through this program
    /// leads to, and makes it due. Returns the ids of their events, with the handlers' names.
    async fn mend(&self) -> Result<Vec<(String, String)>, InboxError> {
        Ok(Vec::new())
    }

    /// Notes a time under a name, to be known after a restart and to other receivers on this inbox.
    async fn note(&self, name: &str, at: Timestamp) -> Result<(), InboxError>;

    /// The time that was noted under a name.
    async fn noted(&self, name: &str) -> Result<Option<Timestamp>, InboxError>;

    /// Names of handlers that have unfinished deliveries, with their number (counted up to `most`).
    async fn backlog(&self, most: usize) -> Result<Vec<(String, usize)>, InboxError>;

    /// Whether events can be stored now: writes, durably.
    async fn probe(&self) -> Result<(), InboxError>;

    /// Finishes what was begun and closes the store.
    async fn close(&self);
}
