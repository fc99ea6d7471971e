//! `auth_grace`: for how long wrong credentials cost a delay instead of orders.
//!
//! Somebody changes a password on one side and slips: every event would be answered 401 and be gone.
//! Where credentials have worked lately, it is more likely a slip than an attack, and a 503 gives as
//! little away. When they worked last is known from memory, or else from the inbox, where it is noted for each
//! path: so it outlives a restart, and several receivers on one inbox know it of each other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::timeout;

use crate::auth::AddressList;
use crate::config::settings::Endpoint;
use crate::inbox::{Archive, Filter, InboxError};

/// The inbox is asked about an endpoint at most once in that time,
const ASK_PAUSE: Duration = Duration::from_secs(2);
/// and has so long to answer.
const ASK_TIME: Duration = Duration::from_secs(1);
/// If it does not answer, the grace is taken to go on for so long.
const PERHAPS: Duration = Duration::from_secs(30);
/// That credentials have worked is noted in the inbox at most once in that time.
const NOTE_PAUSE: Duration = Duration::from_secs(60);
/// The newest events that are looked at where nothing is noted: more paths than a receiver has.
const NEWEST: usize = 100;

/// When credentials worked last.
pub(crate) struct Grace {
    inbox: Option<Arc<dyn Archive>>,
    tradecloud: AddressList,
    paths: Mutex<HashMap<String, Known>>,
    asking: tokio::sync::Mutex<()>,
}

/// What is known of one endpoint.
#[derive(Default)]
struct Known {
    last: Option<Success>,
    asked: Option<Instant>,
    noted: Option<Instant>,
}

/// The clock may be set meanwhile, so only its own time is measured by it.
#[derive(Clone, Copy)]
struct Success {
    known: Instant,
    age_then: Duration,
}

impl Success {
    fn age(self) -> Duration {
        self.age_then + self.known.elapsed()
    }
}

impl Grace {
    /// Nothing is known yet but what is noted in the inbox, if anything is kept in that.
    pub(crate) fn new(inbox: Option<Arc<dyn Archive>>) -> Self {
        Self {
            inbox,
            tradecloud: AddressList::tradecloud(),
            paths: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// Notes that credentials have worked at this endpoint; in the inbox too, but not now. That is done
    /// whether it has a grace or not: it may get one with the change that brings the slip.
    pub(crate) fn worked(&self, endpoint: &Endpoint) {
        let now = Instant::now();
        let mut paths = self.paths();
        let known = paths.entry(endpoint.path.clone()).or_default();
        known.last = Some(Success { known: now, age_then: Duration::ZERO });
        if known.noted.is_some_and(|noted| noted.elapsed() < NOTE_PAUSE) {
            return;
        }
        known.noted = Some(now);
        drop(paths);
        let Some(inbox) = self.inbox.clone() else { return };
        let (name, at) = (name_of(&endpoint.path), Timestamp::now());
        // No answer waits for it. Should it fail, the next minute brings another one.
        tokio::spawn(async move {
            if let Err(error) = inbox.note(&name, at).await {
                tracing::debug!(%error, name, "that credentials have worked could not be noted");
            }
        });
    }

    /// How long wrong credentials from `address` are still to be answered with a delay; `None` if not, or
    /// not any more. An address is believed to be Tradecloud's if it is a published one, or if the
    /// endpoint takes calls from listed ones only: then the caller has made sure that it is one of those.
    pub(crate) async fn left(&self, endpoint: &Endpoint, address: IpAddr) -> Option<Duration> {
        let grace = endpoint.auth_grace?;
        if endpoint.gate.allow_from.is_none() && !self.tradecloud.contains(address) {
            return None;
        }
        if let Some(left) = self.remembered(&endpoint.path, grace) {
            return Some(left);
        }
        // Nobody can say in time: a delay costs less than an order.
        timeout(ASK_TIME, self.ask(&endpoint.path, grace)).await.unwrap_or(Some(PERHAPS))
    }

    async fn ask(&self, path: &str, grace: Duration) -> Option<Duration> {
        // Whoever comes meanwhile waits for the same answer.
        let _asking = self.asking.lock().await;
        let remembered = self.remembered(path, grace);
        let asked = self.paths().get(path).and_then(|known| known.asked);
        if remembered.is_some() || asked.is_some_and(|asked| asked.elapsed() < ASK_PAUSE) {
            return remembered;
        }
        let Ok(at) = self.noted(path).await else { return Some(PERHAPS) };
        let age = |at: Timestamp| Timestamp::now().duration_since(at).try_into().unwrap_or_default();
        let last = at.map(|at| Success { known: Instant::now(), age_then: age(at) });
        {
            let mut paths = self.paths();
            let known = paths.entry(path.to_owned()).or_default();
            known.asked = Some(Instant::now());
            // Unless they have worked here meanwhile, or the inbox knows less.
            known.last = last.into_iter().chain(known.last).min_by_key(|last| last.age());
        }
        self.remembered(path, grace)
    }

    /// When credentials worked last at that path, as far as the inbox knows.
    async fn noted(&self, path: &str) -> Result<Option<Timestamp>, InboxError> {
        let Some(inbox) = &self.inbox else { return Ok(None) };
        let noted = inbox.noted(&name_of(path)).await?;
        if noted.is_some() {
            return Ok(noted);
        }
        // A version that noted nothing may have worked on this inbox: it holds only what came with good credentials.
        let newest = inbox.list(&Filter { limit: NEWEST, ..Filter::default() }).await?;
        Ok(newest.iter().find(|event| event.path == path).map(|event| event.received))
    }

    fn remembered(&self, path: &str, grace: Duration) -> Option<Duration> {
        self.paths().get(path)?.last.and_then(|last| grace.checked_sub(last.age()))
    }

    fn paths(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Under which name it is noted.
fn name_of(path: &str) -> String {
    format!("credentials {path}")
}
