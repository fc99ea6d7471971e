//! What an inbox can do where events stay until they are delivered: for people, for the handlers that are down, and
//! for its own order.

use bytes::Bytes;
use jiff::Timestamp;

use super::{Claim, EventView, Filter, Inbox, InboxError, Incoming, Receipt, State};

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
    pub(super) fn ends_at(&self, received: Timestamp) -> bool {
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

/// Whether [`Archive::deliver`] is about a delivery by the handler `name` that is in `state`.
pub(super) fn is_asked_for(name: &str, state: State, handler: Option<&str>, only: Option<State>) -> bool {
    handler.map_or(state != State::Done, |handler| handler == name) && only.is_none_or(|only| only == state)
}

/// An inbox in which events stay until they are delivered, and longer.
#[async_trait::async_trait]
pub trait Archive: Inbox {
    // What people ask and do.

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
    async fn accept(&self, event: i64, incoming: Incoming) -> Result<Receipt, InboxError>;

    /// Sets an event aside: what is dead, pending or refused of it is discarded. Returns how many
    /// deliveries (or bodies) that are.
    async fn discard(&self, event: i64) -> Result<usize, InboxError>;

    // Handlers that are down, or gone.

    /// Claims the delivery of `handler` whose turn comes first, by the time it is due, if that is not after
    /// `until`: the first of its order or shipment, if nobody works on that, and if its lane is not one of
    /// `except`.
    async fn claim_one(&self, handler: &str, except: &[i64], until: Timestamp) -> Result<Option<Claim>, InboxError>;

    /// How many orders and shipments `handler` has unfinished deliveries of, counted up to `most`.
    async fn lanes(&self, handler: &str, most: usize) -> Result<usize, InboxError>;

    /// Makes some of the deliveries due at once that wait for their next attempt by `handler`, which is back.
    /// Returns how many; to be called until there are none.
    async fn hurry_handler(&self, handler: &str) -> Result<usize, InboxError>;

    /// Names of handlers that have unfinished deliveries, with their number (counted up to `most`).
    async fn backlog(&self, most: usize) -> Result<Vec<(String, usize)>, InboxError>;

    // Its own order.

    /// Removes some of the events that have been kept for long enough. To be called until it says that it is
    /// complete.
    async fn sweep(&self, overdue: Overdue) -> Result<Swept, InboxError>;

    /// Looks for lanes whose first pending delivery can never become due, which no way through this program
    /// leads to, and makes it due. Returns the ids of their events, with the handlers' names.
    async fn mend(&self) -> Result<Vec<(String, String)>, InboxError>;

    /// Notes a time under a name, to be known after a restart and to other receivers on this inbox.
    async fn note(&self, name: &str, at: Timestamp) -> Result<(), InboxError>;

    /// The time that was noted under a name.
    async fn noted(&self, name: &str) -> Result<Option<Timestamp>, InboxError>;
}
