//! What Tradecloud has and the inbox has not: looked for over a span of time, and handed on if that is wanted.

use std::io;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::api::{Api, Polled};
use super::known::{Known, believed};
use super::poll::{Pages, RoundError, store, time};
use crate::decode::{self, Body, StateOf};
use crate::inbox::Archive;
use crate::intake::Intake;
use crate::model::{Format, Kind};
use crate::telemetry::events;

/// Looks for what is missing.
pub(crate) struct Backfill {
    pub(crate) api: Api,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) intake: Intake,
}

/// A state that the inbox has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// `order` or `shipment`.
    pub(crate) what: &'static str,
    /// Its id at Tradecloud.
    pub(crate) id: String,
    /// The purchase order or shipment number.
    pub(crate) number: Option<String>,
    /// When it was changed last, as Tradecloud writes it.
    pub(crate) updated: Option<String>,
    /// When the newest state was changed that the inbox has of it, if it has any.
    pub(crate) here: Option<Timestamp>,
}

/// What was looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Orders and shipments.
    pub(crate) at: usize,
    /// Those that the inbox has not as they are.
    pub(crate) missing: usize,
}

/// Why it was not finished. What it had handed on stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackfillError {
    #[error(transparent)]
    Round(#[from] RoundError),
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

impl Backfill {
    /// Looks at everything of a kind that was changed from `since` on, and before `until` if that is given; tells `tell`
    /// of each state that is missing, and hands it on if `hand_on`.
    ///
    /// # Errors
    /// If Tradecloud or the inbox cannot be asked now. To be begun again: what was handed on is known then.
    pub(crate) async fn run(
        &self,
        of: Polled,
        (since, until): (Timestamp, Option<Timestamp>),
        hand_on: bool,
        mut tell: impl FnMut(&Missing) -> io::Result<()>,
    ) -> Result<Looked, BackfillError> {
        let before = since.saturating_sub(SignedDuration::from_millis(1)).unwrap_or(since);
        let mut pages = Pages::after(&self.api, of, before);
        let mut looked = Looked::default();
        let mut seen = std::collections::HashMap::new();
        while let Some(page) = pages.next().await? {
            for what in &page.odd {
                events::tradecloud::no_event(of.as_str(), "", what);
            }
            for item in &page.items {
                let at = time(item);
                if at.is_some_and(|at| at < since || until.is_some_and(|until| at >= until)) {
                    continue;
                }
                if seen.insert(item.id.clone(), item.updated.clone()).is_some_and(|seen| seen == item.updated) {
                    continue;
                }
                looked.at += 1;
                let body = Body { format: Format::Json, content_type: None, bytes: item.body.clone() };
                let state = believed(decode::state_of(&body).unwrap_or(StateOf { updated: at, ..StateOf::default() }));
                let kind = if of == Polled::Shipments { Kind::Shipment } else { Kind::Order };
                let known = Known::of(&*self.archive, kind, &item.id, None, Some(&state)).await;
                let known = known.map_err(RoundError::from)?;
                let is_known = match state.updated {
                    Some(_) => known.news(&state, Some(before)).is_empty(),
                    None => known.has(body, Some(state)),
                };
                if is_known {
                    continue;
                }
                looked.missing += 1;
                let number = decode::fetched(of.what(), &item.id, &item.body).ok().and_then(|it| it.envelope.number);
                let what = if of == Polled::Shipments { "shipment" } else { "order" };
                tell(&Missing {
                    what,
                    id: item.id.clone(),
                    number,
                    updated: item.updated.clone(),
                    here: known.updated,
                })?;
                if hand_on {
                    store(&self.intake, of, item, "backfill").await?;
                }
            }
            let is_behind = |at: Timestamp| until.is_some_and(|until| at >= until);
            if page.items.last().and_then(time).is_some_and(is_behind) {
                break;
            }
        }
        Ok(looked)
    }
}
