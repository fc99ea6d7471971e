//! The handler that fetches what notices are about: an attempt at it is a request to Tradecloud, and what comes back
//! takes the place of the notice.
//!
//! If the process dies between that and the note that the attempt has ended, the same is fetched once more, and is
//! known then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::api::Api;
use super::error::ApiError;
use super::known::Known;
use crate::decode::{self, Body};
use crate::dispatch::{Route, Schedule};
use crate::event::Event;
use crate::handlers::{Fault, Handler, Outcome, Rejection, Unavailability};
use crate::inbox::{Archive, EventKey, FETCH, InboxError};
use crate::intake::Intake;
use crate::model::{Format, What};
use crate::telemetry::events;

/// Orders and shipments that are fetched at once: their requests stand in one queue, so more would only wait.
pub(super) const LANES: usize = 4;

/// So long an attempt may wait for its place in the queue and for the answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// The pauses between attempts. An id that is not there yet is there soon; and it is never given up because Tradecloud is
/// away.
pub(super) const SCHEDULE: Schedule = Schedule {
    first_retry: Duration::from_secs(2),
    retry_factor: 2.0,
    max_retry: Duration::from_secs(60),
    give_up_after: Duration::from_secs(100 * 365 * 24 * 3600),
};

/// When there are so many doubts,
const MOST_DOUBTS: usize = 10_000;

/// those are given up that are older than this.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// What the worker of notices goes by.
pub(super) fn route() -> Route {
    let mut route = Route::all(FETCH);
    (route.timeout, route.lanes) = (PATIENCE, Some(LANES));
    route
}

/// Fetches, and puts what it has fetched in the place of a notice.
#[derive(Clone)]
pub(crate) struct Fetch {
    pub(super) api: Api,
    pub(super) archive: Arc<dyn Archive>,
    pub(super) intake: Intake,
    /// How long it is doubted that there is nothing under an id.
    pub(super) not_found_after: Duration,
    doubts: Arc<Doubts>,
}

/// Since when it is doubted that there is nothing under the ids of notices.
#[derive(Default)]
struct Doubts(Mutex<HashMap<EventKey, Instant>>);

impl Doubts {
    fn since(&self, key: EventKey) -> Instant {
        let (mut doubts, now) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        if doubts.len() >= MOST_DOUBTS && !doubts.contains_key(&key) {
            // What is over long ago is not asked for any more: somebody has set it aside.
            doubts.retain(|_, since| since.elapsed() < FORGOTTEN);
        }
        *doubts.entry(key).or_insert(now)
    }

    fn end(&self, key: EventKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// What became of a notice.
pub(crate) enum Brought {
    /// What was fetched is handed on.
    New,
    /// That state has come before, with the event of that id, if that is known.
    Known(Option<String>),
}

/// Why a notice could not be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// Tradecloud gave nothing.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What it gave is no such thing.
    #[error("what Tradecloud gave is no such {what}: {error}")]
    Other {
        /// What was asked for.
        what: &'static str,
        /// Why it is none.
        error: decode::DecodeError,
        /// It is JSON, as all that the API says, and no page of somebody who stands before it.
        is_json: bool,
    },
    /// It cannot be stored.
    #[error(transparent)]
    Store(#[from] InboxError),
}

impl Fetch {
    /// Into that inbox.
    pub(crate) fn new(api: Api, archive: Arc<dyn Archive>, intake: Intake, not_found_after: Duration) -> Self {
        Self { api, archive, intake, not_found_after, doubts: Arc::default() }
    }

    /// Fetches what the notice with that key is about, and stores it in its place unless its state is known.
    pub(crate) async fn bring(&self, key: EventKey, what: What, id: &str) -> Result<Brought, FetchError> {
        let body = self.api.fetch(what, id).await?;
        let decoded = decode::fetched(what, id, &body).map_err(|error| {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
            FetchError::Other { what: in_words(what), error, is_json }
        })?;
        let found = Body { format: Format::Json, content_type: None, bytes: body.clone() };
        let state = decode::state_of(&found);
        let known = Known::of(&*self.archive, decoded.envelope.kind, id, Some(key), state.as_ref()).await?;
        if known.has(found, state) {
            return Ok(Brought::Known(known.by));
        }
        self.intake.fetched(&*self.archive, key, decoded, body).await?;
        Ok(Brought::New)
    }

    /// There is nothing of use under an id, which is doubted for a while from the first time that it is said: before
    /// that, Tradecloud may have been away.
    fn not_there(&self, key: EventKey, status: Option<u16>, reason: String) -> Outcome {
        if self.doubts.since(key).elapsed() < self.not_found_after {
            let reason = format!("{reason}; it may be there in a moment");
            return Outcome::Unavailable(Unavailability::new(Fault::Unreachable, reason).of_one());
        }
        self.doubts.end(key);
        Outcome::Rejected(Rejection { reason, status })
    }

    /// What comes of a notice that could not be followed.
    fn failed(&self, key: EventKey, error: FetchError) -> Outcome {
        let of_one = |reason: String, pause| {
            Outcome::Unavailable(Unavailability::new(Fault::Unreachable, reason).pause(pause).of_one())
        };
        match error {
            FetchError::Api(ApiError::NotFound(reason)) => self.not_there(key, Some(404), reason),
            FetchError::Api(ApiError::Forbidden(reason)) => Outcome::Rejected(Rejection { reason, status: Some(403) }),
            FetchError::Api(ApiError::Useless { reason, pause }) => of_one(reason, pause),
            FetchError::Api(ApiError::Credentials(reason) | ApiError::NotAllowed(reason)) => {
                Outcome::unreachable(reason)
            }
            FetchError::Api(error @ ApiError::Over) => Outcome::unreachable(error.to_string()),
            FetchError::Api(ApiError::Unavailable { reason, late, pause }) => {
                let fault = if late { Fault::Late } else { Fault::Unreachable };
                Outcome::Unavailable(Unavailability::new(fault, reason).pause(pause))
            }
            FetchError::Other { is_json: true, .. } => self.not_there(key, None, error.to_string()),
            FetchError::Other { .. } => of_one(error.to_string(), None),
            FetchError::Store(error) => ours(&error),
        }
    }
}

/// What an id is the id of, in words.
pub(crate) fn in_words(what: What) -> &'static str {
    match what {
        What::ShipmentId => "shipment",
        What::LegacyOrderId => "order of the legacy platform",
        _ => "order",
    }
}

impl Handler for Fetch {
    async fn deliver(&self, event: &Event) -> Outcome {
        let key = EventKey::of_id(&event.id);
        let noticed = match self.archive.noticed(key).await {
            Ok(noticed) => noticed,
            Err(error) => return ours(&error),
        };
        let Some((what, id)) = noticed else { return Outcome::Done };
        match self.bring(key, what, &id).await {
            Ok(Brought::New) => {
                self.doubts.end(key);
                Outcome::Done
            }
            Ok(Brought::Known(by)) => {
                self.doubts.end(key);
                let with = by.map(|by| format!(", with event {by}")).unwrap_or_default();
                event.answered(Some(200), format!("its state had come before{with}: not handed on again"));
                events::tradecloud::known(event.about());
                Outcome::Done
            }
            Err(error) => self.failed(key, error),
        }
    }
}

fn ours(error: &InboxError) -> Outcome {
    Outcome::Unavailable(Unavailability::new(Fault::Ours, error.to_string()).of_one())
}
