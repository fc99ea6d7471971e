//! What the inbox needs now and then while a receiver serves: events that have been kept for long enough are
//! removed, the time is noted, and lanes that stand still are set right.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::trusted::TrustedClock;
use super::{InboxError, Overdue, SharedInbox};
use crate::dispatch::Dispatch;

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_secs(60);
/// Pause between two times of clearing the inbox, and before the first.
const SWEEP_PAUSE: Duration = Duration::from_secs(3600);
/// Pause between two steps of clearing it.
const STEP_PAUSE: Duration = Duration::from_millis(100);
/// How long ahead it is said what goes, and how often.
const DAY: Duration = Duration::from_secs(86_400);

/// Keeps the inbox in order.
pub(crate) struct Upkeep {
    inbox: SharedInbox,
    clock: TrustedClock,
    dispatch: Dispatch,
    keep: Duration,
    keep_unwanted: Duration,
    /// When the inbox was last cleared.
    swept: Instant,
    /// When it was last said what goes next.
    said: Option<Instant>,
}

impl Upkeep {
    /// For what is done and what nobody wanted to be kept for so long.
    pub(crate) fn new(
        inbox: SharedInbox,
        clock: TrustedClock,
        dispatch: Dispatch,
        keep: Duration,
        keep_unwanted: Duration,
    ) -> Self {
        Self { inbox, clock, dispatch, keep, keep_unwanted, swept: Instant::now(), said: None }
    }

    /// Works until it is dropped.
    pub(crate) async fn run(mut self) {
        if !self.inbox.keeps() {
            return;
        }
        loop {
            self.round(Timestamp::now(), Instant::now()).await;
            sleep(PAUSE).await;
        }
    }

    /// What is to be done at that time.
    pub(super) async fn round(&mut self, now: Timestamp, at: Instant) {
        self.mend().await;
        if !self.clock.look(now, at) {
            return;
        }
        if let Err(error) = self.clock.note(&*self.inbox, now).await
            && !error.is_told()
        {
            tracing::warn!(%error, "the time could not be noted in the inbox; trying again later");
        }
        if at.duration_since(self.swept) >= SWEEP_PAUSE {
            self.swept = at;
            if let Err(error) = self.sweep(now, at).await {
                tracing::warn!(%error, "old events could not be removed; trying again later");
            }
        }
    }

    async fn mend(&self) {
        match self.inbox.mend().await {
            Ok(mended) => {
                if !mended.is_empty() {
                    self.dispatch.wake();
                }
                for (id, handler) in mended {
                    tracing::error!(
                        id,
                        handler,
                        "a delivery waited for nothing, and all behind it: it was set right, and is due now. That \
                         should not happen: please report it"
                    );
                }
            }
            Err(error) if error.is_told() => {}
            Err(error) => tracing::warn!(%error, "cannot look for deliveries that wait for nothing"),
        }
    }

    async fn sweep(&mut self, now: Timestamp, at: Instant) -> Result<(), InboxError> {
        let before = |keep: Duration| now.saturating_sub(keep).unwrap_or(Timestamp::MIN);
        // Without any handler, all events would go in the end, and somebody counts on getting them later.
        let has_handlers = !self.dispatch.routes().is_empty();
        let unwanted = has_handlers.then(|| before(self.keep_unwanted));
        let day = SignedDuration::try_from(DAY).unwrap_or_default();
        let soon = before(self.keep_unwanted).saturating_add(day).unwrap_or(Timestamp::MAX);
        let overdue = Overdue { finished: before(self.keep), unwanted, soon };
        let (mut removed, mut next) = (0, 0);
        loop {
            let swept = self.inbox.sweep(overdue).await?;
            removed += swept.removed;
            next += swept.soon;
            if swept.complete {
                break;
            }
            sleep(STEP_PAUSE).await;
        }
        if removed > 0 {
            tracing::info!(removed, "events removed after their time (inbox.keep, inbox.keep_unwanted)");
        }
        if next > 0 && self.said.is_none_or(|said| at.duration_since(said) >= DAY) {
            self.said = Some(at);
            tracing::warn!(
                events = next,
                "events that no handler wanted are removed within a day (inbox.keep_unwanted). To give a handler what \
                 it wants of them: `events deliver --handler NAME`; to see them: `events list --state unwanted`"
            );
        }
        Ok(())
    }
}
