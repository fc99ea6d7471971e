//! What there is at a glance: how much of something, and since when. Each is counted to a bound and looked for by an index, so
//! that it takes as long among a million events as among a thousand; what takes too long all the same is left out.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Configured, Desk, LONG};
use crate::inbox::{Count, EventView, Filter, InboxError, State};

/// Attempts of that many events tell how long a handler takes.
const MEASURED: usize = 50;

/// How much there is of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many; `None` if counting took too long.
    pub(crate) count: Option<Count>,
    /// When the oldest of them came.
    pub(crate) oldest: Option<Timestamp>,
}

impl Seen {
    /// Whether there is none, as far as is known.
    pub(crate) fn is_none(self) -> bool {
        self.count == Some(Count::Exactly(0))
    }
}

/// What wants attention.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overview {
    /// A handler has rejected it, or it was given up.
    pub(crate) dead: Seen,
    /// It could not be taken as an event.
    pub(crate) refused: Seen,
    /// It waits for longer than it should.
    pub(crate) waiting_long: Seen,
    /// It waits at all.
    pub(crate) waiting: Seen,
}

/// A handler, as things are with it.
#[derive(Debug, Clone)]
pub(crate) struct HandlerNow {
    pub(crate) name: String,
    pub(crate) configured: Configured,
    pub(crate) waiting: Seen,
    pub(crate) dead: Seen,
}

/// How long the last events took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Of so many events.
    pub(crate) events: usize,
    /// Half of the attempts took no longer, in milliseconds,
    pub(crate) half: u64,
    /// and 95 of 100.
    pub(crate) most: u64,
}

impl Desk {
    /// What wants attention.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn overview(&self) -> Result<Overview, InboxError> {
        let of = |states: &[State]| Filter { states: states.to_vec(), ..Filter::default() };
        let waits = of(&[State::Pending, State::Fetching]);
        let until = Timestamp::now().checked_sub(LONG).ok();
        Ok(Overview {
            dead: self.seen(&of(&[State::Dead])).await?,
            refused: self.seen(&of(&[State::Refused])).await?,
            waiting_long: self.seen(&Filter { until, ..waits.clone() }).await?,
            waiting: self.seen(&waits).await?,
        })
    }

    /// How much there is that matches, and since when.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn seen(&self, filter: &Filter) -> Result<Seen, InboxError> {
        let count = if_in_time(self.count(filter).await)?;
        let oldest = match count {
            Some(Count::Exactly(0)) => None,
            _ => if_in_time(self.oldest(filter).await)?.flatten(),
        };
        let oldest = match oldest {
            Some(sequence) => self.views(&[sequence]).await?.first().map(|event| event.received),
            None => None,
        };
        Ok(Seen { count, oldest })
    }

    /// The handlers of the configuration, and others for which something waits, by name.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn handlers_now(&self) -> Result<Vec<HandlerNow>, InboxError> {
        let left_over = if_in_time(self.inbox.backlog(1).await)?.unwrap_or_default();
        let of_now = self.routes();
        let names = of_now.iter().map(|route| route.name.clone()).chain(left_over.into_iter().map(|(name, _)| name));
        let names: BTreeSet<_> = names.collect();
        let mut handlers = Vec::with_capacity(names.len());
        for name in names {
            handlers.push(self.handler_now(&name).await?);
        }
        Ok(handlers)
    }

    /// How things are with one handler.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn handler_now(&self, name: &str) -> Result<HandlerNow, InboxError> {
        let of =
            |states: &[State]| Filter { states: states.to_vec(), handler: Some(name.to_owned()), ..Filter::default() };
        Ok(HandlerNow {
            name: name.to_owned(),
            configured: self.configured(name),
            waiting: self.seen(&of(&[State::Pending, State::Fetching])).await?,
            dead: self.seen(&of(&[State::Dead])).await?,
        })
    }

    /// The newest event that a handler is done with.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn last_done(&self, handler: &str) -> Result<Option<EventView>, InboxError> {
        Ok(self.last_done_by(handler, 1).await?.pop())
    }

    /// How long its last events took it; `None` if there are none of which that is kept.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn pace(&self, handler: &str) -> Result<Option<Pace>, InboxError> {
        let events = self.last_done_by(handler, MEASURED).await?;
        let of_handler = |event: &EventView| {
            let last = event.attempts.iter().rev().find(|attempt| attempt.handler == handler);
            last.map(|attempt| attempt.milliseconds)
        };
        let mut took: Vec<_> = events.iter().filter_map(of_handler).collect();
        took.sort_unstable();
        let at = |hundredth: usize| took.get((took.len() * hundredth / 100).min(took.len().saturating_sub(1))).copied();
        Ok(at(50).zip(at(95)).map(|(half, most)| Pace { events: took.len(), half, most }))
    }

    async fn last_done_by(&self, handler: &str, limit: usize) -> Result<Vec<EventView>, InboxError> {
        let filter =
            Filter { states: vec![State::Done], handler: Some(handler.to_owned()), limit, ..Filter::default() };
        match self.window(&filter).await {
            Err(InboxError::TooLong) => Ok(Vec::new()),
            found => found.map(|(page, _)| page.events),
        }
    }
}

/// What takes too long is not known.
fn if_in_time<T>(found: Result<T, InboxError>) -> Result<Option<T>, InboxError> {
    match found {
        Err(InboxError::TooLong) => Ok(None),
        found => found.map(Some),
    }
}
