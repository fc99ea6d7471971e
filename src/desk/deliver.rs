//! Has events delivered, again or at once, and tells of each what is due now and what keeps the rest.

use std::collections::HashSet;

use super::accept::{Accepted, Unreadable};
use super::{Configured, Desk};
use crate::inbox::{DeliveryView, EventView, InboxError, State};

/// Events that somebody has delivered, one after the other, the oldest first.
pub struct Round<'d> {
    desk: &'d Desk,
    /// To that handler, instead of to each that has not got it.
    handler: Option<&'d str>,
    /// Only the deliveries in that state.
    only: Option<State>,
    /// The events before that are due, or follow one that is.
    on_their_way: HashSet<String>,
}

/// What became of one of them.
#[derive(Debug)]
pub enum Outcome {
    /// It was a refused body, and is an event now, or is none still.
    Accepted(Result<Accepted, Unreadable>),
    /// It was an event.
    Delivered(Delivered),
}

/// What became of an event's deliveries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// What is to be said of it: one at the least.
    pub notes: Vec<Note>,
    /// Whether what was asked for is done, as far as it can be by hand.
    pub done: bool,
    /// A receiver delivers something of it now.
    pub due: bool,
    /// Something of it is due once its handler goes on.
    pub paused: bool,
}

/// One thing to be said of an event that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// So many deliveries are due.
    Due(usize),
    /// That handler is not in the configuration.
    NoHandler(String),
    /// That handler is paused.
    Paused(String),
    /// For that handler it waits for that event of its order or shipment, which is not on its way.
    WaitsFor(String, String),
    /// For that handler it follows that event of its order or shipment, which is on its way.
    Follows(String, String),
    /// For that handler it is due already.
    DueAlready(String),
    /// It is not in the inbox any more.
    Gone,
    /// It is in that state by now: a receiver, or somebody else, was quicker.
    IsBy(State),
    /// There is nothing to deliver: each handler that wanted it, if any, is done.
    Nothing,
}

impl Outcome {
    /// Whether what was asked for is done.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Accepted(accepted) => accepted.is_ok(),
            Self::Delivered(delivered) => delivered.done,
        }
    }

    /// Whether a receiver delivers something of it now.
    pub fn is_due(&self) -> bool {
        match self {
            Self::Accepted(accepted) => accepted.is_ok(),
            Self::Delivered(delivered) => delivered.due,
        }
    }
}

impl Desk {
    /// Begins to have events delivered: to `handler`, whatever became of them there, or to each that is not done with
    /// them; with `only`, none but what is in that state at that moment.
    pub fn round<'d>(&'d self, handler: Option<&'d str>, only: Option<State>) -> Round<'d> {
        Round { desk: self, handler, only, on_their_way: HashSet::new() }
    }
}

impl Round<'_> {
    /// Has the next event delivered; a refused body that can be read by now becomes one.
    ///
    /// # Errors
    /// If the inbox cannot be read or written. Those before it are on their way all the same.
    pub async fn deliver(&mut self, event: &EventView) -> Result<Outcome, InboxError> {
        let outcome = if event.kind.is_none() {
            Outcome::Accepted(self.desk.accept(event).await?)
        } else {
            let changed = self.desk.inbox.deliver(event.number, self.handler, self.only).await?;
            Outcome::Delivered(self.delivered(changed, self.desk.show(&event.id).await?.as_ref()))
        };
        if outcome.is_done() {
            self.on_their_way.insert(event.id.clone());
        }
        Ok(outcome)
    }

    /// What to say of an event, now that `changed` of its deliveries were changed.
    fn delivered(&self, changed: usize, event: Option<&EventView>) -> Delivered {
        let deliveries = event.map(|event| &*event.deliveries).unwrap_or_default();
        let pending = deliveries.iter().filter(|delivery| {
            delivery.state == State::Pending && self.handler.is_none_or(|handler| handler == delivery.handler)
        });
        let (mut notes, mut kept, mut free, mut paused) = (Vec::new(), false, false, false);
        if changed > 0 {
            notes.push(Note::Due(changed));
        }
        for delivery in pending {
            let obstacle = self.obstacle(delivery);
            kept |= obstacle.is_some();
            free |= obstacle.is_none();
            paused |= matches!(obstacle, Some(Note::Paused(_)));
            match obstacle {
                Some(obstacle) => notes.push(obstacle),
                None if changed > 0 => {}
                None => notes.push(match delivery.waits_for.clone() {
                    Some(first) => Note::Follows(delivery.handler.clone(), first),
                    None => Note::DueAlready(delivery.handler.clone()),
                }),
            }
        }
        let mut done = changed > 0 || !kept;
        if notes.is_empty() {
            let note = self.nothing(event);
            done = matches!(note, Note::IsBy(_));
            notes.push(note);
        }
        // What a receiver has delivered meanwhile is not pending any more.
        Delivered { notes, done, due: changed > 0 && (free || !kept), paused: changed > 0 && paused }
    }

    /// Why a pending delivery is not made at once.
    fn obstacle(&self, delivery: &DeliveryView) -> Option<Note> {
        let handler = &delivery.handler;
        match self.desk.configured(handler) {
            Configured::No => Some(Note::NoHandler(handler.clone())),
            Configured::Paused => Some(Note::Paused(handler.clone())),
            Configured::Yes => {
                let first = delivery.waits_for.as_ref().filter(|first| !self.on_their_way.contains(*first))?;
                Some(Note::WaitsFor(handler.clone(), first.clone()))
            }
        }
    }

    /// Nothing was changed, and nothing is pending.
    fn nothing(&self, event: Option<&EventView>) -> Note {
        match (event, self.only) {
            (None, _) => Note::Gone,
            (Some(event), Some(State::Pending | State::Dead | State::Discarded)) => Note::IsBy(event.state),
            _ => Note::Nothing,
        }
    }
}
