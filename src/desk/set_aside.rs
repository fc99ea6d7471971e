//! What is not to be delivered, and what is not to be kept.

use super::{Desk, Errand, Plan};
use crate::inbox::{AT_ONCE, Deed, EventView, InboxError, State};

/// What became of an event that was to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Whether there was something to erase.
    pub done: bool,
    /// How many of its deliveries were pending, and are discarded.
    pub discarded: usize,
}

/// Events that are set aside, one batch after the other.
pub struct SetAside<'d> {
    desk: &'d Desk,
    plan: &'d Plan,
    errand: &'d Errand,
    begun: usize,
}

impl SetAside<'_> {
    /// Sets the next of them aside: what is pending, dead or refused of them is not delivered. Returns the id of each,
    /// with how many deliveries (or bodies) that are; `None` if there are no more.
    ///
    /// # Errors
    /// If the inbox cannot be read or written; nothing of this batch is set aside then.
    pub async fn next(&mut self) -> Result<Option<Vec<(String, usize)>>, InboxError> {
        let left = &self.plan.sequences[self.begun..];
        if left.is_empty() {
            return Ok(None);
        }
        let batch = &left[..left.len().min(AT_ONCE)];
        self.begun += batch.len();
        let events = self.desk.views(batch).await?;
        let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
        let action = self.errand.action(Deed::Discard);
        let changed = self.desk.inbox.discard(&sequences, self.errand.handler(), self.plan.only(), &action).await?;
        Ok(Some(events.into_iter().map(|event| event.id).zip(changed).collect()))
    }
}

impl Desk {
    /// Begins to set the events of a plan aside.
    pub fn set_aside<'d>(&'d self, plan: &'d Plan, errand: &'d Errand) -> SetAside<'d> {
        SetAside { desk: self, plan, errand, begun: 0 }
    }

    /// Erases an event: its body, and what was said about it. That it was there, and what people did to it, stays.
    ///
    /// # Errors
    /// If the inbox cannot be written; nothing is erased then.
    pub async fn erase(&self, event: &EventView, errand: &Errand) -> Result<Erased, InboxError> {
        let done = self.inbox.erase(event.sequence, &errand.action(Deed::Erase)).await?;
        let pending = event.deliveries.iter().filter(|delivery| delivery.state == State::Pending).count();
        Ok(Erased { done, discarded: if done { pending } else { 0 } })
    }
}
