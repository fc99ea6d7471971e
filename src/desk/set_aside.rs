//! What is not to be delivered, and what is not to be kept.

use super::{Desk, Errand, Plan};
use crate::inbox::{AT_ONCE, Deed, EventView, InboxError, State};

/// What became of an event that was to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its id.
    pub id: String,
    /// How many of its deliveries (or bodies) are set aside.
    pub discarded: usize,
    /// Handlers that are being given it all the same: nobody can take back an attempt that goes on.
    pub under_way: Vec<String>,
}

/// What became of an event that was to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Whether there was something to erase.
    pub done: bool,
    /// How many of its deliveries were pending, and are discarded.
    pub discarded: usize,
    /// Handlers that are being given it all the same.
    pub under_way: Vec<String>,
}

/// Events that are set aside, one batch after the other.
pub struct SetAside<'d> {
    desk: &'d Desk,
    plan: &'d Plan,
    errand: &'d Errand,
    begun: usize,
}

impl SetAside<'_> {
    /// Sets the next of them aside: what is pending, dead or refused of them is not delivered, by the handler that the
    /// errand is for if it is for one. Returns what became of each; `None` if there are no more.
    ///
    /// # Errors
    /// If the inbox cannot be read or written; nothing of this batch is set aside then.
    pub async fn next(&mut self) -> Result<Option<Vec<Aside>>, InboxError> {
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
        let asides = events.into_iter().zip(changed).map(|(event, discarded)| {
            let under_way = if discarded > 0 { self.under_way(&event) } else { Vec::new() };
            Aside { id: event.id, discarded, under_way }
        });
        Ok(Some(asides.collect()))
    }

    /// The handlers that are being given what was set aside.
    fn under_way(&self, event: &EventView) -> Vec<String> {
        let only = self.plan.only();
        let handler = self.errand.handler();
        let under_way = under_way(event, |state| only.is_empty() || only.contains(&state));
        under_way.filter(|name| handler.is_none_or(|handler| handler == name)).collect()
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
        let pending = event.deliveries.iter().filter(|delivery| delivery.state.is_to_be_made()).count();
        if !done {
            return Ok(Erased { done, discarded: 0, under_way: Vec::new() });
        }
        Ok(Erased { done, discarded: pending, under_way: under_way(event, |_| true).collect() })
    }
}

/// The handlers that an attempt at the event goes on for, of those whose delivery is in such a state.
fn under_way(event: &EventView, is_meant: impl Fn(State) -> bool) -> impl Iterator<Item = String> {
    let deliveries =
        event.deliveries.iter().filter(move |delivery| delivery.being_delivered && is_meant(delivery.state));
    deliveries.map(|delivery| delivery.handler.clone())
}
