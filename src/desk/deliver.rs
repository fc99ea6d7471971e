//! Has events delivered, again or at once, and tells of each what is due now and what keeps the rest.

use std::collections::{HashSet, VecDeque};

use xxhash_rust::xxh3::xxh3_64;

use super::outcome::{Delivered, Note, Outcome};
use super::plan::Scope;
use super::{Configured, Desk, Errand, Plan};
use crate::inbox::{AT_ONCE, Deed, DeliveryView, EventView, FETCH, InboxError, State};

/// Events that somebody has delivered, one batch after the other, the oldest first.
pub struct Round<'d> {
    desk: &'d Desk,
    plan: &'d Plan,
    errand: &'d Errand,
    /// How many of the plan were read,
    begun: usize,
    /// and those of them whose turn has not come.
    waiting: VecDeque<EventView>,
    /// The ids of events before that are due, or follow one that is: only their digests, as they may be very many.
    on_their_way: HashSet<u64>,
}

/// What is to be done with an event when its turn comes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Turn {
    /// It is a refused body, to be read as an event.
    Accept,
    /// It is to be delivered; with states, only what is in one of them.
    Deliver(Vec<State>),
    /// Nothing, and why.
    Leave(Note),
}

impl Desk {
    /// Begins to have the events of a plan delivered: to the handler that the errand is for, whatever became of them
    /// there, or to each that is not done with them.
    pub fn round<'d>(&'d self, plan: &'d Plan, errand: &'d Errand) -> Round<'d> {
        let (waiting, on_their_way) = (VecDeque::new(), HashSet::new());
        Round { desk: self, plan, errand, begun: 0, waiting, on_their_way }
    }
}

impl Round<'_> {
    /// Has the next events delivered; a refused body that can be read by now becomes one. Returns the id of each with
    /// what became of it; `None` if there are no more.
    ///
    /// # Errors
    /// If the inbox cannot be read or written. Those before are on their way all the same.
    pub async fn next(&mut self) -> Result<Option<Vec<(String, Outcome)>>, InboxError> {
        while self.waiting.is_empty() {
            let left = &self.plan.sequences[self.begun..];
            if left.is_empty() {
                return Ok(None);
            }
            let batch = &left[..left.len().min(AT_ONCE)];
            self.begun += batch.len();
            self.waiting = self.desk.views(batch).await?.into();
        }
        let Some(event) = self.waiting.pop_front() else { return Ok(None) };
        let outcome = match self.turn(&event) {
            Turn::Deliver(only) => {
                let alike = |next: &&EventView| matches!(self.turn(next), Turn::Deliver(states) if states == only);
                let alike = self.waiting.iter().take_while(alike).count();
                let events: Vec<_> = std::iter::once(event).chain(self.waiting.drain(..alike)).collect();
                return self.deliver(&events, &only).await.map(Some);
            }
            Turn::Accept => Outcome::Accepted(self.desk.accept(&event, self.errand).await?),
            Turn::Leave(note) => Outcome::Delivered(Delivered::left(note)),
        };
        if let Outcome::Accepted(Ok(accepted)) = &outcome {
            self.on_their_way.insert(digest(&accepted.id));
        }
        Ok(Some(vec![(event.id, outcome)]))
    }

    /// What is to be done with an event, as it is.
    fn turn(&self, event: &EventView) -> Turn {
        let handler = self.errand.handler();
        if event.erased.is_some() {
            return Turn::Leave(Note::Erased);
        }
        match &self.plan.scope {
            // The inbox looks again at what an event is, but not at a body that is none.
            Scope::States(states) if event.kind.is_none() && !states.contains(&event.state) => {
                Turn::Leave(Note::IsBy(event.state))
            }
            Scope::Any | Scope::States(_) if event.kind.is_none() => Turn::Accept,
            Scope::Any | Scope::States(_) => Turn::Deliver(self.plan.only().to_vec()),
            Scope::Missed => match event.deliveries.iter().find(|delivery| Some(&*delivery.handler) == handler) {
                None => Turn::Deliver(Vec::new()),
                Some(delivery) if delivery.state == State::Dead => Turn::Deliver(vec![State::Dead]),
                Some(delivery) => Turn::Leave(Note::IsBy(delivery.state)),
            },
        }
    }

    /// Has these delivered, in one step.
    async fn deliver(&mut self, events: &[EventView], only: &[State]) -> Result<Vec<(String, Outcome)>, InboxError> {
        let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
        let action = self.errand.action(Deed::Deliver);
        let changed = self.desk.inbox.deliver(&sequences, self.errand.handler(), only, &action).await?;
        self.desk.dispatch.wake();
        let after = self.desk.views(&sequences).await?;
        let mut outcomes = Vec::with_capacity(events.len());
        for (event, changed) in events.iter().zip(changed) {
            let after = after.iter().find(|after| after.sequence == event.sequence);
            let delivered = self.delivered(changed, after, only);
            if delivered.done {
                self.on_their_way.insert(digest(&event.id));
            }
            outcomes.push((event.id.clone(), Outcome::Delivered(delivered)));
        }
        Ok(outcomes)
    }

    /// What to say of an event, now that `changed` of its deliveries were changed.
    fn delivered(&self, changed: usize, event: Option<&EventView>, only: &[State]) -> Delivered {
        let deliveries = event.map(|event| &*event.deliveries).unwrap_or_default();
        let pending = deliveries.iter().filter(|delivery| {
            delivery.state.is_to_be_made() && self.errand.handler().is_none_or(|handler| handler == delivery.handler)
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
            let note = nothing(event, self.errand.handler(), only);
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
                let first = delivery.waits_for.as_ref().filter(|first| !self.on_their_way.contains(&digest(first)))?;
                Some(Note::WaitsFor(handler.clone(), first.clone()))
            }
        }
    }
}

/// Nothing was changed, and nothing is pending.
fn nothing(event: Option<&EventView>, handler: Option<&str>, only: &[State]) -> Note {
    let passes = |state: &State| state.is_to_be_made() || matches!(state, State::Dead | State::Discarded);
    let is_empty_notice =
        |event: &EventView| event.size == 0 && event.deliveries.iter().any(|delivery| delivery.handler == FETCH);
    match event {
        None => Note::Gone,
        Some(_) if handler == Some(FETCH) => Note::NothingToFetch,
        Some(event) if handler.is_some() && is_empty_notice(event) => Note::NotFetched,
        Some(event) if only.iter().any(passes) => Note::IsBy(event.state),
        Some(_) => Note::Nothing,
    }
}

fn digest(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}
