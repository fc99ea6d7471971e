//! From the inbox to the handlers: order, retry, dead letters.
//!
//! Each handler has a `worker` of its own, so that one that is down holds back nobody else. A worker
//! claims what is due, at most one event per order or shipment, hands it to the handler, and notes how
//! it ended. The inbox is where the work is; nothing here has to survive a restart. `attempt` is one delivery
//! from the claim to its end, `schedule` when the next one is, `pace` how often any begins, `health` what follows if
//! several fail in a row, `alone` and `suspects` what if the process does not survive one.
//!
//! `route` says which events a handler wants, `doubts` what in that looks like a slip, `staff` gives the workers their
//! jobs, `watch` waits for what becomes of an event (for endpoints that acknowledge with `handled`), and `settings` reads
//! `[delivery]`.

mod alone;
mod attempt;
mod doubts;
mod health;
mod pace;
mod route;
mod schedule;
mod settings;
mod staff;
mod suspects;
mod watch;
pub(crate) mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch as signal;

pub(crate) use alone::Alone;
use health::Health;
pub(crate) use pace::Pace;
pub use route::Route;
pub use schedule::Schedule;
pub(crate) use schedule::chance;
pub use settings::Delivery;
pub(crate) use staff::Staff;
pub(crate) use watch::{Settled, Watch};

use crate::documents::Documents;
use crate::handlers::Outcome;
use crate::inbox::retention::Workers;
use crate::inbox::{Archive, EventKey};

/// The routes of the handlers there are at the moment.
type Routes = Arc<ArcSwap<Arc<[Route]>>>;

/// How each handler does, by name.
type Healths = Arc<ArcSwap<BTreeMap<String, Arc<Health>>>>;

/// What the rest of the program tells the workers, and hears from them.
#[derive(Clone)]
pub(crate) struct Dispatch {
    routes: Routes,
    healths: Healths,
    /// The documents of events, if there is a place for them.
    documents: Arc<ArcSwapOption<Documents>>,
    work: signal::Sender<()>,
    watchers: watch::Watchers,
}

impl Dispatch {
    /// For handlers with these routes.
    pub(crate) fn new(routes: Vec<Route>) -> Self {
        let routes = Arc::new(ArcSwap::from_pointee(routes.into()));
        Self {
            routes,
            healths: Healths::default(),
            documents: Arc::default(),
            work: signal::Sender::new(()),
            watchers: watch::Watchers::default(),
        }
    }

    /// Which handler wants what.
    pub(crate) fn routes(&self) -> Arc<[Route]> {
        Arc::clone(&self.routes.load())
    }

    /// From now on these. What is stored already stays with the handlers it was stored for.
    pub(crate) fn reroute(&self, routes: Vec<Route>) {
        self.routes.store(Arc::new(routes.into()));
    }

    /// From now on, documents are kept so, or not at all.
    pub(crate) fn keep_documents(&self, documents: Option<Arc<Documents>>) {
        self.documents.store(documents);
    }

    /// How documents are kept, if they are.
    pub(crate) fn documents(&self) -> Option<Arc<Documents>> {
        self.documents.load_full()
    }

    /// Those whose health is looked at from now on.
    fn attend(&self, healths: BTreeMap<String, Arc<Health>>) {
        self.healths.store(Arc::new(healths));
    }

    /// Says that there may be work.
    pub(crate) fn wake(&self) {
        self.work.send_replace(());
    }

    /// Hears of work from now on.
    pub(crate) fn work(&self) -> signal::Receiver<()> {
        self.work.subscribe()
    }

    /// Hears what becomes of an event from now on.
    pub(crate) fn watch(&self, key: EventKey) -> Watch {
        self.watchers.watch(key, Arc::clone(&self.routes), Arc::clone(&self.healths))
    }

    /// Tells those who watch the event how an attempt ended.
    pub(crate) fn announce(&self, key: EventKey, outcome: &Outcome) {
        self.watchers.announce(key, outcome);
    }
}

#[async_trait::async_trait]
impl Workers for Dispatch {
    fn wake(&self) {
        self.wake();
    }

    fn are_there(&self) -> bool {
        !self.routes().is_empty()
    }

    async fn tidy(&self, inbox: &dyn Archive) {
        if let Some(documents) = self.documents() {
            documents.tidy(inbox).await;
        }
    }
}
