//! What a person asks of the inbox and does about its events: find, show, export; deliver, catch up, accept, discard,
//! erase. It returns values and words nothing, so that the command line, and whatever else shows events, say the same
//! of them.
//!
//! Whoever acts brings an [`Errand`]: who he is, and why. What he does it to is a [`Plan`], which can be looked at
//! before, and goes to the inbox in batches, so that nobody who delivers waits long for somebody who decides. A plan that is
//! made from afar is frozen until somebody runs it, and the receiver does that in the background (`bulk`).

mod accept;
mod asked;
mod attention;
mod bulk;
mod catch_up;
mod content;
mod deeds;
mod deliver;
mod errand;
mod export;
mod find;
mod inside;
mod neighbours;
mod not_wanted;
mod outcome;
mod overtakes;
mod overview;
mod plan;
mod prefix;
mod set_aside;
mod single;
mod stats;

use std::sync::Arc;

use bytes::Bytes;

pub use self::accept::{Accepted, Unreadable};
pub use self::asked::{ORIGINS, Time, number, time};
pub use self::attention::LONG;
pub use self::bulk::{Frozen, RunError};
pub use self::deeds::{DeedSeen, Progress, Stage};
pub use self::deliver::Round;
pub use self::errand::{Errand, LONGEST_REASON, Person, reason};
pub use self::export::Line;
pub use self::find::{COUNTED, Page, Pages};
pub use self::inside::{Found, Within};
pub use self::not_wanted::NotWanted;
pub use self::outcome::{Delivered, Note, Outcome};
pub use self::overtakes::Overtaking;
pub(crate) use self::overview::{HandlerNow, Seen};
pub use self::plan::{Named, Plan};
pub use self::prefix::{CANDIDATES, SHORTEST};
pub use self::set_aside::{Aside, Erased, SetAside};
pub use self::stats::{HandlerStats, Stats};
use crate::dispatch::{Dispatch, Route};
use crate::inbox::{Archive, EventView, FETCH, Filter, InboxError, Mended};
use crate::intake::Intake;

/// An inbox, with the handlers that there are for its events.
pub struct Desk {
    inbox: Arc<dyn Archive>,
    dispatch: Dispatch,
    intake: Intake,
    bulk: bulk::Bulk,
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

impl Desk {
    /// A desk for that inbox, and for the handlers of the configuration.
    pub fn new(inbox: Arc<dyn Archive>, routes: Vec<Route>) -> Self {
        let dispatch = Dispatch::new(routes);
        let intake = Intake::new(inbox.clone(), dispatch.clone());
        Self::of_receiver(inbox, dispatch, intake)
    }

    /// The desk of a receiver that runs: for its handlers as they are at any moment, whose workers hear at once of what
    /// there is to do.
    pub(crate) fn of_receiver(inbox: Arc<dyn Archive>, dispatch: Dispatch, intake: Intake) -> Self {
        Self { inbox, dispatch, intake, bulk: bulk::Bulk::default() }
    }

    /// What there is of that handler in the configuration.
    pub fn configured(&self, handler: &str) -> Configured {
        match self.route(handler) {
            // Whoever receives fetches.
            None if handler == FETCH => Configured::Yes,
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
        Ok(!self.inbox.sequences(&filter).await?.is_empty())
    }

    /// The body of an event as it was received.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn body(&self, event: &EventView) -> Result<Bytes, InboxError> {
        self.inbox.body(event.sequence).await
    }

    /// The same, or why that one body cannot be read.
    ///
    /// # Errors
    /// If the inbox cannot be read at all.
    pub async fn body_if_readable(&self, event: &EventView) -> Result<Result<Bytes, InboxError>, InboxError> {
        match self.inbox.body(event.sequence).await {
            Err(error @ InboxError::Failed(_)) => self.ensure_there().await.map(|()| Err(error)),
            Err(error) => Err(error),
            Ok(body) => Ok(Ok(body)),
        }
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

    /// The handlers that there are at the moment.
    pub(crate) fn routes(&self) -> Arc<[Route]> {
        self.dispatch.routes()
    }

    fn route(&self, handler: &str) -> Option<Route> {
        self.routes().iter().find(|route| route.name == handler).cloned()
    }
}
