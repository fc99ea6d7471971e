//! What an inbox can do where events stay until they are delivered: for people, for the handlers that are down, and
//! for its own order.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    ActedOn, Action, ActionView, Claim, Count, DeedView, EventKey, EventView, FETCH, Filter, Inbox, InboxError,
    Incoming, Mended, Receipt, State, Unread,
};
use crate::model::What;

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

/// How many events one change by people is about at the most: nobody else can write meanwhile.
pub(crate) const AT_ONCE: usize = 500;

/// What a step of a look at the checksums has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Events that were looked at.
    pub events: usize,
    /// Those of them that came before checksums were kept, and have none yet.
    pub without: usize,
    /// The sequences of those that are damaged, each with what is wrong.
    pub damaged: Vec<(i64, String)>,
    /// The last one that was looked at; `None` if there are no more.
    pub last: Option<i64>,
    /// The version that the inbox is of, if that is an earlier one: then there are no checksums, and it was only tried
    /// whether all of it can be read.
    pub earlier: Option<u32>,
}

/// What is wrong with an event that is not found by the state that it is in.
pub(super) const LISTED_WRONG: &str = "it is listed in another state than it is in, and not found by that";

/// Whether [`Archive::deliver`] is about a delivery by the handler `name` that is in `state`.
pub(super) fn is_asked_for(name: &str, state: State, handler: Option<&str>, only: &[State]) -> bool {
    let wanted = handler.map_or(state != State::Done, |handler| handler == name);
    wanted && (only.is_empty() || only.contains(&state))
}

/// Whether a delivery by the handler `name` can be made of an event, in `state` if it has one: of a notice that was not
/// fetched there is only that to be done, and what was fetched never changes again. `fetched` says so of a notice; there
/// is none of other events.
pub(super) fn can_be_made(name: &str, state: Option<State>, fetched: Option<bool>) -> bool {
    match (name == FETCH, fetched) {
        (true, None) | (false, Some(false)) => false,
        (true, Some(true)) => state != Some(State::Done),
        (true, Some(false)) | (false, _) => true,
    }
}

/// An inbox in which events stay until they are delivered, and longer.
#[async_trait::async_trait]
pub trait Archive: Inbox {
    /// The version that the inbox was of until it was opened here, if that was an earlier one.
    fn taken_over_from(&self) -> Option<u32> {
        None
    }

    // What people ask. It is read apart from the work, and takes two seconds at the most: then it is
    // [`InboxError::TooLong`].

    /// Events that match, the newest first, without their bodies.
    async fn list(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError>;

    /// The sequences of events that match, the newest first.
    async fn sequences(&self, filter: &Filter) -> Result<Vec<i64>, InboxError>;

    /// How many events match (whatever the limit), counted up to `most`.
    async fn count(&self, filter: &Filter, most: usize) -> Result<Count, InboxError>;

    /// The events of these sequences that there are, the highest first.
    async fn views(&self, sequences: &[i64]) -> Result<Vec<EventView>, InboxError>;

    /// One event in full, by its id.
    async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError>;

    /// The events whose keys are from one to another, in the order of those: so many at the most.
    async fn between(&self, _first: EventKey, _last: EventKey, _most: usize) -> Result<Vec<EventView>, InboxError> {
        Ok(Vec::new())
    }

    /// What people did to the event or refused body of that id, in the order they did, whether or not it is still there.
    async fn actions(&self, id: &str) -> Result<Vec<ActionView>, InboxError>;

    /// What people did, the newest first, each action once however many events it was about: so many at the most, of those
    /// before that one.
    async fn deeds(&self, _before: Option<(Timestamp, Uuid)>, _most: usize) -> Result<Vec<DeedView>, InboxError> {
        Ok(Vec::new())
    }

    /// One of them, by its id.
    async fn deed(&self, _id: Uuid) -> Result<Option<DeedView>, InboxError> {
        Ok(None)
    }

    /// The events that the action of that id was done to, in the order it was: so many at the most, of those after that
    /// one. Each with its sequence, if it is still there.
    async fn acted(&self, _id: Uuid, _after: Option<ActedOn>, _most: usize) -> Result<Vec<ActedOn>, InboxError> {
        Ok(Vec::new())
    }

    /// The body of an event, by its sequence.
    async fn body(&self, event: i64) -> Result<Bytes, InboxError>;

    /// How far the references are read of what came before those were kept; `None` if all of it is.
    async fn unread(&self) -> Result<Option<Unread>, InboxError>;

    // What people do. Each takes [`AT_ONCE`] events at the most and is one transaction, with the action in it; every
    // event is looked at again there. Nothing is kept of an action that has changed nothing, and none is done to an event
    // twice, however often it is asked for.

    /// Has events delivered: to `handler`, whatever became of them there, or to each handler whose delivery
    /// is not done. One that waits for its next attempt is due at once; one that waits for an earlier event
    /// of its order or shipment, or is due, is left as it is. With `only`, none but those that are in one of those
    /// states at this moment. Of an event that was erased there is nothing to deliver, and of a notice that was not
    /// fetched only that. Returns how many deliveries were changed of each event.
    async fn deliver(
        &self,
        events: &[i64],
        handler: Option<&str>,
        only: &[State],
        action: &Action,
    ) -> Result<Vec<usize>, InboxError>;

    /// Makes an event of a refused body that can be decoded after all. It is off the list of refused ones once
    /// the event is there, and not before.
    async fn accept(&self, event: i64, incoming: Incoming, action: &Action) -> Result<Receipt, InboxError>;

    /// Sets events aside: what is dead, pending or refused of them is discarded. With `handler`, only its deliveries;
    /// with `only`, nothing but what is in one of those states at this moment. Returns how many deliveries (or bodies)
    /// that are of each event.
    async fn discard(
        &self,
        events: &[i64],
        handler: Option<&str>,
        only: &[State],
        action: &Action,
    ) -> Result<Vec<usize>, InboxError>;

    /// Erases the body of an event, what was answered and why it failed; what waits of it is discarded. It is still
    /// recognised when it comes again. Returns whether there was something to erase.
    async fn erase(&self, event: i64, action: &Action) -> Result<bool, InboxError>;

    // What is fetched and polled.

    /// What the notice of that key is about: what the id is, and the id. `None` if it is no notice, or none any more.
    async fn noticed(&self, _key: EventKey) -> Result<Option<(What, String)>, InboxError> {
        Ok(None)
    }

    /// Puts what was fetched in the place of the notice that has its key, with a delivery for each handler that wants
    /// it and has none of it yet. The delivery by [`FETCH`] stays as it is: it ends as any other. What was put there once
    /// stays: handlers may have it already, and whatever came later has a notice of its own. Durable on return. Returns
    /// whether there was such a notice, which was neither erased nor set aside.
    async fn fetched(&self, _incoming: Incoming) -> Result<bool, InboxError> {
        Ok(false)
    }

    /// How far something that is polled has come, as it was noted under that name.
    async fn cursor(&self, _name: &str) -> Result<Option<String>, InboxError> {
        Ok(None)
    }

    /// Notes how far that is. Durable on return.
    async fn move_cursor(&self, _name: &str, _value: &str) -> Result<(), InboxError> {
        Ok(())
    }

    /// Whether this receiver is the one that does `what`, for so long from now on, among all on this inbox. To be
    /// called again before that time is over, which begins before the call. A command beside receivers never is.
    async fn lead(&self, _what: &str, _for_long: Duration) -> Result<bool, InboxError> {
        Ok(true)
    }

    /// How many receivers work on this inbox, if several may.
    async fn receivers(&self) -> Result<Option<usize>, InboxError> {
        Ok(None)
    }

    /// Whether a receiver works on this inbox: for a command beside it.
    async fn is_served(&self) -> Result<bool, InboxError> {
        Ok(false)
    }

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
    /// leads to, and makes it due. Returns which they were.
    async fn mend(&self) -> Result<Vec<Mended>, InboxError>;

    /// Reads some of the events, the newest first, whose references nobody has looked for, and notes them; with those,
    /// the checksum of what has none. To be called until it returns that there were none left; nothing, if another
    /// receiver is at it.
    async fn read_on(&self) -> Result<Option<usize>, InboxError>;

    /// Compares some events after that sequence with their checksums. To be called until it says that it is complete.
    /// Not bound to two seconds.
    async fn verify(&self, after: i64) -> Result<Verified, InboxError>;

    /// Removes some of what people did before that time; returns of how many events it is not known any more. To be
    /// called until there are none.
    async fn forget_actions(&self, before: Timestamp) -> Result<usize, InboxError>;

    /// Notes a time under a name, to be known after a restart and to other receivers on this inbox.
    async fn note(&self, name: &str, at: Timestamp) -> Result<(), InboxError>;

    /// The time that was noted under a name.
    async fn noted(&self, name: &str) -> Result<Option<Timestamp>, InboxError>;
}
