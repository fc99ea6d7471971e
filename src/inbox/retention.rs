//! What the inbox needs now and then while a receiver serves: events that have been kept for long enough are
//! removed, the time is noted, and lanes that stand still are set right.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::trusted::TrustedClock;
use super::{Archive, InboxError, Mended, Overdue};
use crate::telemetry::events::{self, About};

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_secs(60);
/// Pause between two times of clearing the inbox, and before the first. It outlives the receiver, or one that is started
/// anew all the time would never get so far.
const SWEEP_PAUSE: Duration = Duration::from_secs(3600);
/// Pause between two steps of clearing it.
const STEP_PAUSE: Duration = Duration::from_millis(100);
/// Pause between two steps of reading old events: they are nobody's hurry, and deliveries go first.
const READING_PAUSE: Duration = Duration::from_millis(25);
/// How long ahead it is said what goes, and how often.
const DAY: Duration = Duration::from_secs(86_400);

/// The name that the time goes by in the inbox when it was last cleared.
const SWEPT: &str = "swept";
/// The same for when it was last said what goes next.
const SAID: &str = "said what goes next";

/// Those who work the inbox off, as far as its upkeep has to do with them.
#[async_trait::async_trait]
pub(crate) trait Workers: Send + Sync {
    /// Says that there may be work.
    fn wake(&self);

    /// Whether there is any handler.
    fn are_there(&self) -> bool;

    /// Removes what they keep beside the inbox for events that are gone.
    async fn tidy(&self, _inbox: &dyn Archive) {}
}

/// Keeps the inbox in order.
pub(crate) struct Upkeep {
    inbox: Arc<dyn Archive>,
    clock: TrustedClock,
    workers: Box<dyn Workers>,
    kept: Kept,
}

/// How long what is kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// What is done.
    pub finished: Duration,
    /// What nobody wanted.
    pub unwanted: Duration,
    /// Who did what.
    pub actions: Duration,
}

impl Upkeep {
    /// For an inbox in which that is kept for so long.
    pub(crate) fn new(
        inbox: Arc<dyn Archive>,
        clock: TrustedClock,
        workers: impl Workers + 'static,
        kept: Kept,
    ) -> Self {
        Self { inbox, clock, workers: Box::new(workers), kept }
    }

    /// Works until it is dropped.
    pub(crate) async fn run(self) {
        let rounds = async {
            loop {
                self.round(Timestamp::now(), Instant::now()).await;
                sleep(PAUSE).await;
            }
        };
        tokio::join!(rounds, self.read());
    }

    /// Reads what came before its references were kept, a little at a time, so that people find it by them.
    async fn read(&self) {
        let mut told = match self.inbox.unread().await {
            Ok(Some(unread)) => {
                events::inbox::reading_old_events(unread.events, unread.newest);
                true
            }
            _ => false,
        };
        loop {
            match self.inbox.read_on().await {
                Ok(Some(0)) => {
                    if std::mem::take(&mut told) {
                        events::inbox::old_events_read();
                    }
                    sleep(PAUSE).await;
                }
                Ok(Some(_)) => sleep(READING_PAUSE).await,
                Ok(None) => sleep(PAUSE).await,
                Err(error) => {
                    tracing::debug!(%error, "cannot read old events for their references; trying again later");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// What is to be done at that time.
    pub(super) async fn round(&self, now: Timestamp, at: Instant) {
        self.mend().await;
        if !self.clock.look(now, at) {
            return;
        }
        if let Err(error) = self.clock.note(&*self.inbox, now).await
            && !error.is_told()
        {
            events::inbox::time_not_noted(&error);
        }
        if let Err(error) = self.clear(now).await
            && !error.is_told()
        {
            events::inbox::not_removed(&error);
        }
    }

    /// Clears the inbox, if that is due.
    async fn clear(&self, now: Timestamp) -> Result<(), InboxError> {
        match self.passed_since(SWEPT, now).await? {
            Some(passed) if passed < SWEEP_PAUSE => Ok(()),
            Some(_) => {
                let swept = self.sweep(now).await;
                self.workers.tidy(&*self.inbox).await;
                self.inbox.note(SWEPT, now).await.and(swept)
            }
            // The first time, or a clock was ahead then.
            None => self.inbox.note(SWEPT, now).await,
        }
    }

    /// How much time has passed since something was done; `None` if it never was, or not by this clock.
    async fn passed_since(&self, name: &str, now: Timestamp) -> Result<Option<Duration>, InboxError> {
        let noted = self.inbox.noted(name).await?;
        Ok(noted.and_then(|at| Duration::try_from(now.duration_since(at)).ok()))
    }

    async fn mend(&self) {
        match self.inbox.mend().await {
            Ok(mended) => {
                if !mended.is_empty() {
                    self.workers.wake();
                }
                for Mended { id, number, handler } in &mended {
                    let event = About { id: Some(id), number: number.as_deref(), event: None };
                    events::delivery::set_right(event, handler);
                }
            }
            Err(error) if error.is_told() => {}
            Err(error) => events::delivery::not_looked_after(&error),
        }
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), InboxError> {
        let before = |keep: Duration| now.saturating_sub(keep).unwrap_or(Timestamp::MIN);
        // Without any handler, all events would go in the end, and somebody counts on getting them later.
        let unwanted = self.workers.are_there().then(|| before(self.kept.unwanted));
        let day = SignedDuration::try_from(DAY).unwrap_or_default();
        let after = |time: Timestamp| time.saturating_add(day).unwrap_or(Timestamp::MAX);
        let soon = after(before(self.kept.unwanted));
        // Events are stamped up to a day ahead to keep their order (see `store` of each inbox).
        let overdue = Overdue { finished: before(self.kept.finished), unwanted, soon, possible: after(now) };
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
            events::inbox::removed(removed);
        }
        let forgotten = before(self.kept.actions);
        while self.inbox.forget_actions(forgotten).await? > 0 {
            sleep(STEP_PAUSE).await;
        }
        if next > 0 && self.passed_since(SAID, now).await?.is_none_or(|passed| passed >= DAY) {
            self.inbox.note(SAID, now).await?;
            events::inbox::unwanted_go_soon(next);
        }
        tracing::debug!(removed, next, "the inbox was looked through for what is kept no longer");
        Ok(())
    }
}
