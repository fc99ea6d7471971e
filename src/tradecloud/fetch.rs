//! The handler that fetches what notices are about: an attempt at it is a request to Tradecloud, and what comes back
//! takes the place of the notice.
//!
//! If the process dies between that and the note that the attempt has ended, the same is fetched once more, and is
//! known then.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

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
    },
    /// It cannot be stored.
    #[error(transparent)]
    Store(#[from] InboxError),
}

impl Fetch {
    /// Into that inbox.
    pub(crate) fn new(api: Api, archive: Arc<dyn Archive>, intake: Intake, not_found_after: Duration) -> Self {
        Self { api, archive, intake, not_found_after }
    }

    /// Fetches what the notice with that key is about, and stores it in its place unless its state is known.
    pub(crate) async fn bring(&self, key: EventKey, what: What, id: &str) -> Result<Brought, FetchError> {
        let body = self.api.fetch(what, id).await?;
        let decoded =
            decode::fetched(what, id, &body).map_err(|error| FetchError::Other { what: in_words(what), error })?;
        let known = Known::of(&*self.archive, decoded.envelope.kind, id, Some(key)).await?;
        if known.has(Body { format: Format::Json, content_type: None, bytes: body.clone() }) {
            return Ok(Brought::Known(known.by));
        }
        self.intake.fetched(&*self.archive, key, decoded, body).await?;
        Ok(Brought::New)
    }

    fn not_found(&self, received: Timestamp, reason: String) -> Outcome {
        let doubted = Timestamp::now().duration_since(received).unsigned_abs() < self.not_found_after;
        if doubted {
            let reason = format!("{reason}; it may be there in a moment");
            return Outcome::Unavailable(Unavailability::new(Fault::Unreachable, reason).of_one());
        }
        Outcome::Rejected(Rejection { reason, status: Some(404) })
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
            Ok(Brought::New) => Outcome::Done,
            Ok(Brought::Known(by)) => {
                let with = by.map(|by| format!(", with event {by}")).unwrap_or_default();
                event.answered(Some(200), format!("its state had come before{with}: not handed on again"));
                events::tradecloud::known(event.about());
                Outcome::Done
            }
            Err(FetchError::Api(ApiError::NotFound(reason))) => self.not_found(event.received, reason),
            Err(FetchError::Api(ApiError::Forbidden(reason))) => {
                Outcome::Rejected(Rejection { reason, status: Some(403) })
            }
            Err(FetchError::Api(ApiError::Credentials(reason))) => Outcome::unreachable(reason),
            // The next attempt is made by who has taken the place.
            Err(error @ FetchError::Api(ApiError::Over)) => {
                Outcome::Unavailable(Unavailability::new(Fault::Ours, error.to_string()).of_one())
            }
            Err(FetchError::Api(ApiError::Unavailable { reason, late, pause })) => {
                let fault = if late { Fault::Late } else { Fault::Unreachable };
                Outcome::Unavailable(Unavailability::new(fault, reason).pause(pause))
            }
            Err(error @ FetchError::Other { .. }) => Outcome::rejected(error.to_string()),
            Err(FetchError::Store(error)) => ours(&error),
        }
    }
}

fn ours(error: &InboxError) -> Outcome {
    Outcome::Unavailable(Unavailability::new(Fault::Ours, error.to_string()).of_one())
}
