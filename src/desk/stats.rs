//! How much there is of what: counted to a bound, so that it takes as long among a million events as among a thousand.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Configured, Desk};
use crate::inbox::{Count, Filter, InboxError, State};

/// All that an event can be in, what wants attention first.
const STATES: [State; 7] =
    [State::Dead, State::Refused, State::Pending, State::Fetching, State::Done, State::Discarded, State::Unwanted];

/// The same of a delivery.
const OF_HANDLERS: [State; 5] = [State::Dead, State::Pending, State::Fetching, State::Done, State::Discarded];

/// What there is in the inbox.
#[derive(Debug, Clone)]
pub struct Stats {
    /// How many events are in each state; one that is dead with one handler and waits for another is in both.
    pub states: Vec<(State, Count)>,
    /// The handlers of the configuration, and others that have something left to do, by name.
    pub handlers: Vec<HandlerStats>,
    /// When the oldest event was received that waits for a handler or to be fetched.
    pub oldest_waiting: Option<Timestamp>,
}

/// What there is for one handler.
#[derive(Debug, Clone)]
pub struct HandlerStats {
    /// Its name.
    pub name: String,
    /// What the configuration says of it.
    pub configured: Configured,
    /// How many deliveries are in each state.
    pub states: Vec<(State, Count)>,
    /// When the oldest event was received that waits for it.
    pub oldest_waiting: Option<Timestamp>,
}

impl Desk {
    /// What there is, each counted up to [`super::COUNTED`].
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn stats(&self) -> Result<Stats, InboxError> {
        let left_over = self.inbox.backlog(1).await?.into_iter().map(|(name, _)| name);
        let names: BTreeSet<String> = self.routes().iter().map(|route| route.name.clone()).chain(left_over).collect();
        let mut handlers = Vec::with_capacity(names.len());
        for name in names {
            handlers.push(HandlerStats {
                configured: self.configured(&name),
                states: self.counts(&OF_HANDLERS, Some(&name)).await?,
                oldest_waiting: self.oldest_waiting(Some(&name)).await?,
                name,
            });
        }
        let states = self.counts(&STATES, None).await?;
        Ok(Stats { states, handlers, oldest_waiting: self.oldest_waiting(None).await? })
    }

    async fn counts(&self, states: &[State], handler: Option<&str>) -> Result<Vec<(State, Count)>, InboxError> {
        let mut counts = Vec::with_capacity(states.len());
        for state in states {
            counts.push((*state, self.count(&of(&[*state], handler)).await?));
        }
        Ok(counts)
    }

    async fn oldest_waiting(&self, handler: Option<&str>) -> Result<Option<Timestamp>, InboxError> {
        let filter = of(&[State::Pending, State::Fetching], handler);
        let Some(sequence) = self.oldest(&filter).await? else { return Ok(None) };
        Ok(self.views(&[sequence]).await?.first().map(|event| event.received))
    }

    /// The lowest sequence that matches. Lists go from the newest on, so that it is looked for by halves: some twenty steps
    /// in an index, and not past all that wait.
    pub(super) async fn oldest(&self, filter: &Filter) -> Result<Option<i64>, InboxError> {
        let first = |before: Option<i64>| Filter { before, limit: 1, ..filter.clone() };
        let Some(mut found) = self.inbox.sequences(&first(None)).await?.first().copied() else { return Ok(None) };
        // Below that there is none.
        let mut bound = 0;
        while bound < found {
            let middle = bound + (found - bound) / 2 + 1;
            match self.inbox.sequences(&first(Some(middle))).await?.first() {
                Some(older) if *older < found => found = *older,
                _ => bound = middle,
            }
        }
        Ok(Some(found))
    }
}

fn of(states: &[State], handler: Option<&str>) -> Filter {
    Filter { states: states.to_vec(), handler: handler.map(str::to_owned), ..Filter::default() }
}
