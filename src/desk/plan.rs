//! What a change is about, before it is made: the events as they are at that moment. What comes later, or is in another
//! state by the time its turn comes, is left alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Desk;
use crate::inbox::{AT_ONCE, Deed, EventView, Filter, InboxError, State};
use crate::model::Kind;
use crate::model::folded;

/// Events that somebody is to decide about.
#[derive(Debug, Default)]
pub struct Plan {
    /// Their sequences, the oldest first. Of a large inbox this may be everything: nothing else of them is held.
    pub sequences: Vec<i64>,
    /// How many of them are in each state, or were when they were looked at,
    pub states: Vec<(State, usize)>,
    /// and of each kind; refused bodies have none.
    pub kinds: Vec<(Option<Kind>, usize)>,
    /// When the first of them was received,
    pub oldest: Option<Timestamp>,
    /// and the last.
    pub newest: Option<Timestamp>,
    /// Numbers that are spelled in another way than the one that was asked for, each with the events that match by it:
    /// they are not meant.
    pub others: BTreeMap<String, usize>,
    /// How many match besides, at which there is nothing to change.
    pub beyond: usize,
    /// What is to be true of each when its turn comes.
    pub(super) scope: Scope,
}

/// What is to be true of an event when its turn comes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing: it was named.
    #[default]
    Any,
    /// It is in one of these states.
    States(Vec<State>),
    /// The handler has not got it.
    Missed,
}

/// The events that somebody named.
#[derive(Debug, Default)]
pub struct Named {
    /// Those that there are.
    pub plan: Plan,
    /// The ids that there are no events of; each with the id of the event that it has become, if it was a refused body.
    pub missing: Vec<(String, Option<String>)>,
}

impl Plan {
    /// That of one event, whatever is true of it.
    pub(super) fn of(sequence: i64) -> Self {
        Self { sequences: vec![sequence], ..Self::default() }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// The states that an event is to be in when its turn comes; any, if there are none.
    pub(super) fn only(&self) -> &[State] {
        match &self.scope {
            Scope::States(states) => states,
            Scope::Any | Scope::Missed => &[],
        }
    }

    /// Takes an event in, unless it only looks as if it were meant; returns whether it did.
    pub(super) fn add(&mut self, event: &EventView, filter: &Filter) -> bool {
        if let Some(number) = &filter.number
            && !event.names(number)
        {
            if let Some(other) = spelled(event, number) {
                *self.others.entry(other.to_owned()).or_default() += 1;
            }
            return false;
        }
        self.sequences.push(event.sequence);
        count(&mut self.states, state(event, filter));
        count(&mut self.kinds, event.kind);
        self.oldest = Some(self.oldest.map_or(event.received, |oldest| oldest.min(event.received)));
        self.newest = Some(self.newest.map_or(event.received, |newest| newest.max(event.received)));
        true
    }
}

impl Desk {
    /// Every event that matches and can be delivered or set aside, in one of the filter's states still when its turn
    /// comes. A number is meant as it is
    /// spelled: whoever acts is not to hit an order that only looks the same. Each is looked at, which takes minutes if
    /// there are a million: `looked` hears at how many of how many so far.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn plan(
        &self,
        filter: &Filter,
        deed: Deed,
        mut looked: impl FnMut(usize, usize),
    ) -> Result<Plan, InboxError> {
        let mut plan = Plan { scope: Scope::States(filter.states.clone()), ..Plan::default() };
        let all = self.sequences(filter).await?;
        for (number, batch) in all.chunks(AT_ONCE).enumerate() {
            looked(number * AT_ONCE, all.len());
            for event in self.views(batch).await? {
                if can_be_changed(&event, filter, deed) {
                    plan.add(&event, filter);
                } else {
                    plan.beyond += 1;
                }
            }
        }
        Ok(plan)
    }

    /// The events of those that match `filter` which `handler` is to catch up on: none, if there is no such handler.
    /// `looked` hears how far that is, as in [`Desk::plan`].
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn missed(
        &self,
        filter: &Filter,
        handler: &str,
        mut looked: impl FnMut(usize, usize),
    ) -> Result<Plan, InboxError> {
        let mut plan = Plan { scope: Scope::Missed, ..Plan::default() };
        let Some(route) = self.route(handler) else { return Ok(plan) };
        let filter = Filter { handler: None, ..filter.clone() };
        let all = self.sequences(&filter).await?;
        for (number, batch) in all.chunks(AT_ONCE).enumerate() {
            looked(number * AT_ONCE, all.len());
            for event in self.views(batch).await? {
                if self.lacks(&event, &route).await? {
                    plan.add(&event, &filter);
                }
            }
        }
        Ok(plan)
    }

    /// The events of those ids.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn named(&self, ids: &[String]) -> Result<Named, InboxError> {
        let mut named = Named::default();
        for id in ids {
            match self.inbox.show(id).await? {
                Some(event) => named.plan.sequences.push(event.sequence),
                None => named.missing.push((id.clone(), self.became(id).await?)),
            }
        }
        named.plan.sequences.sort_unstable();
        named.plan.sequences.dedup();
        Ok(named)
    }
}

/// Whether there is something at an event that is to be changed: to set aside, what is open; to deliver, what is not done,
/// or whatever became of it at the handler that is named.
pub(super) fn can_be_changed(event: &EventView, filter: &Filter, deed: Deed) -> bool {
    let handler = filter.handler.as_ref();
    let is_asked = |state| filter.states.is_empty() || filter.states.contains(&state);
    let mut states =
        event.deliveries.iter().filter(|one| handler.is_none_or(|name| *name == one.handler)).map(|one| one.state);
    let is_body = event.kind.is_none() && handler.is_none() && event.erased.is_none();
    match deed {
        Deed::Discard if event.kind.is_none() => is_body && event.state == State::Refused && is_asked(State::Refused),
        Deed::Discard => states.any(|state| (state.is_to_be_made() || state == State::Dead) && is_asked(state)),
        _ if event.kind.is_none() => is_body && is_asked(event.state),
        _ => {
            event.erased.is_none() && states.any(|state| (handler.is_some() || state != State::Done) && is_asked(state))
        }
    }
}

/// The state for which an event matches: that of a delivery, which need not be the one that wants the most attention.
fn state(event: &EventView, filter: &Filter) -> State {
    let asked = event.deliveries.iter().filter(|one| filter.handler.as_ref().is_none_or(|name| *name == one.handler));
    let states: Vec<_> = asked.map(|delivery| delivery.state).collect();
    if states.contains(&event.state) && (filter.states.is_empty() || filter.states.contains(&event.state)) {
        return event.state;
    }
    filter.states.iter().find(|state| states.contains(state)).copied().unwrap_or(event.state)
}

/// A reference in an event that is the same number in another spelling.
fn spelled<'e>(event: &'e EventView, number: &str) -> Option<&'e str> {
    let sought = folded(number);
    let references = event.references.iter().flatten().map(|reference| &reference.value);
    let all = references.chain(event.document_number.iter()).chain(event.subject.iter());
    all.map(String::as_str).find(|value| folded(value) == sought)
}

fn count<T: PartialEq>(counts: &mut Vec<(T, usize)>, what: T) {
    match counts.iter_mut().find(|(counted, _)| *counted == what) {
        Some((_, number)) => *number += 1,
        None => counts.push((what, 1)),
    }
}
