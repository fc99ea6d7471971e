//! What a person asks of the inbox and does about its events: find, show, deliver, catch up, accept, discard,
//! export. It returns values and words nothing, so that the command line, and whatever else shows events, say the
//! same of them.

mod accept;
mod catch_up;
mod deliver;
mod export;
mod not_wanted;

use std::sync::Arc;

use bytes::Bytes;

pub use self::accept::{Accepted, Unreadable};
pub use self::deliver::{Delivered, Note, Outcome, Round};
pub use self::export::Line;
pub use self::not_wanted::NotWanted;
use crate::dispatch::{Dispatch, Route};
use crate::inbox::{Archive, EventView, Filter, InboxError, Mended};
use crate::intake::Intake;

/// Events that are read from the inbox at once.
const PAGE: usize = 500;

/// An inbox, with the handlers that there are for its events.
pub struct Desk {
    inbox: Arc<dyn Archive>,
    routes: Arc<[Route]>,
    intake: Intake,
}

/// What the configuration says of a handler that an event has gone to, or is to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Configured {
    /// There is none of that name.
    No,
    /// There is, and it is paused.
    Paused,
    /// There is.
    Yes,
}

/// The events that somebody named.
#[derive(Debug, Default)]
pub struct Chosen {
    /// Those that there are, the oldest first.
    pub events: Vec<EventView>,
    /// The ids that there are no events of.
    pub missing: Vec<String>,
}

impl Desk {
    /// A desk for that inbox, and for the handlers of the configuration.
    pub fn new(inbox: Arc<dyn Archive>, routes: Arc<[Route]>) -> Self {
        let intake = Intake::new(inbox.clone(), Dispatch::new(routes.to_vec()));
        Self { inbox, routes, intake }
    }

    /// What there is of that handler in the configuration.
    pub fn configured(&self, handler: &str) -> Configured {
        match self.route(handler) {
            None => Configured::No,
            Some(route) if route.paused => Configured::Paused,
            Some(_) => Configured::Yes,
        }
    }

    /// Whether an event has ever gone to that handler, or is to go.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn had_any(&self, handler: &str) -> Result<bool, InboxError> {
        let filter = Filter { handler: Some(handler.to_owned()), limit: 1, ..Filter::default() };
        Ok(!self.inbox.list(&filter).await?.is_empty())
    }

    /// Events that match, the newest first, without their bodies: no more than the filter's limit.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError> {
        self.inbox.list(filter).await
    }

    /// Every event that matches, the oldest first.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn every(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError> {
        let mut filter = Filter { limit: PAGE, ..filter.clone() };
        let mut events = Vec::new();
        loop {
            let page = self.inbox.list(&filter).await?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.number);
            events.extend(page);
        }
        events.reverse();
        Ok(events)
    }

    /// The events of those ids, and those that match the filter, if one is given.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn chosen(&self, ids: &[String], matching: Option<&Filter>) -> Result<Chosen, InboxError> {
        let mut chosen = Chosen::default();
        if let Some(filter) = matching {
            chosen.events = self.every(filter).await?;
        }
        for id in ids {
            match self.inbox.show(id).await? {
                Some(event) => chosen.events.push(event),
                None => chosen.missing.push(id.clone()),
            }
        }
        chosen.events.sort_by_key(|event| event.number);
        Ok(chosen)
    }

    /// One event in full, by its id, if it is there.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError> {
        self.inbox.show(id).await
    }

    /// The body of an event as it was received.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn body(&self, event: &EventView) -> Result<Bytes, InboxError> {
        self.inbox.body(event.number).await
    }

    /// Sets an event aside: what is pending, dead or refused of it is not delivered. Returns how many deliveries (or
    /// bodies) that are.
    ///
    /// # Errors
    /// If the inbox cannot be written; nothing is set aside then.
    pub async fn discard(&self, event: &EventView) -> Result<usize, InboxError> {
        self.inbox.discard(event.number).await
    }

    /// Sets right what waits for nothing (see [`Archive::mend`]). Returns which they were.
    ///
    /// # Errors
    /// If the inbox cannot be written.
    pub async fn mend(&self) -> Result<Vec<Mended>, InboxError> {
        self.inbox.mend().await
    }

    /// Ends the work on the inbox; what was done is durable before.
    pub async fn close(&self) {
        self.inbox.close().await;
    }

    fn route(&self, handler: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == handler)
    }
}
