//! One handler's worker: claims what is due, tries it, notes how it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Dispatch, Route, Schedule};
use crate::budget::Budget;
use crate::event::Event;
use crate::handlers::{Outcome, SharedHandler};
use crate::inbox::trusted::TrustedClock;
use crate::inbox::{Claim, Finish, SharedInbox};
use crate::telemetry::whole_seconds;

/// How often to look without having been told: for deliveries that the `events` command made due.
const POLL: Duration = Duration::from_secs(1);

/// Pause before something that failed on our own side is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Pause before looking for room for a body again.
const ROOM_PAUSE: Duration = Duration::from_millis(50);

/// What a handler may take beyond its time-out to clean up behind itself.
const GRACE: Duration = Duration::from_secs(5);

/// What a worker hands events to, and how.
pub(crate) struct Job {
    pub(crate) route: Route,
    pub(crate) handler: SharedHandler,
    pub(crate) schedule: Schedule,
    /// Orders and shipments worked on at once.
    pub(crate) lanes: usize,
}

/// Where the deliveries come from and what they need besides.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) inbox: SharedInbox,
    pub(crate) dispatch: Dispatch,
    pub(crate) budget: Budget,
    pub(crate) clock: TrustedClock,
}

/// The worker of one handler name, for as long as the process lives. Its job may change under way, or be
/// taken away: so there is never a second worker of that name, and never one of its attempts too many.
pub(crate) struct Worker {
    pub(crate) source: Source,
    /// `None` while there is nothing to do for that name: the handler is paused, or not there any more.
    pub(crate) job: watch::Receiver<Option<Arc<Job>>>,
}

impl Worker {
    /// Works until `stop` says so, then finishes what has begun. What begins after the job has changed is
    /// done as the new one says; attempts that had begun end as they began.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut work = self.source.dispatch.work();
        let mut running = JoinSet::new();
        while !*stop.borrow() {
            // Listen before looking: what comes in between is not missed.
            work.borrow_and_update();
            let job = self.job.borrow_and_update().clone();
            // Ended ones give their places back.
            while running.try_join_next().is_some() {}
            let mut pause = POLL;
            let mut free = false;
            if let Some(job) = job {
                let attempts = Attempts { job, source: self.source.clone() };
                pause = attempts.start_due(&mut running).await;
                free = running.len() < attempts.job.lanes;
            }
            tokio::select! {
                Some(_) = running.join_next(), if !running.is_empty() => {}
                _ = work.changed(), if free => {}
                () = sleep(pause), if free => {}
                Ok(()) = self.job.changed() => {}
                _ = stop.changed() => {}
            }
        }
        while running.join_next().await.is_some() {}
    }
}

/// Attempts at one job.
#[derive(Clone)]
struct Attempts {
    job: Arc<Job>,
    source: Source,
}

impl Attempts {
    /// Starts what is due; returns how long there is nothing more to do.
    async fn start_due(&self, running: &mut JoinSet<()>) -> Duration {
        let free = self.job.lanes.saturating_sub(running.len());
        if free == 0 {
            return POLL;
        }
        let due = match self.source.inbox.claim(&self.job.route.name, free).await {
            Ok(due) => due,
            Err(error) => {
                if !error.is_told() {
                    tracing::error!(%error, handler = self.job.route.name, "cannot look for work");
                }
                return PAUSE;
            }
        };
        for claim in due.claims {
            let attempts = self.clone();
            running.spawn(async move { attempts.attempt(claim).await });
        }
        due.next.map_or(POLL, |next| {
            let wait = next.duration_since(Timestamp::now());
            Duration::try_from(wait).unwrap_or(Duration::ZERO).min(POLL)
        })
    }

    /// One attempt, from the claim to the note of how it ended.
    async fn attempt(&self, claim: Claim) {
        // The body itself, and the form the handler makes of it.
        let _share = loop {
            match self.source.budget.take(claim.size.saturating_mul(2)) {
                Some(share) => break share,
                None => sleep(ROOM_PAUSE).await,
            }
        };
        let event = match self.source.inbox.load(&claim).await {
            Ok(event) => event,
            Err(error) => {
                if !error.is_told() {
                    tracing::error!(%error, id = ?claim.id, "cannot load an event; it is tried again");
                }
                sleep(PAUSE).await;
                self.source.inbox.release(&claim).await;
                return;
            }
        };
        let (started, time) = (Instant::now(), Timestamp::now());
        let outcome = self.hand_on(event).await;
        let took = started.elapsed();
        // Should the clock be set meanwhile, what has passed since then is not what the clock says.
        let since =
            claim.since.saturating_add(Timestamp::now().duration_since(time)).and_then(|at| at.checked_sub(took));
        let finish = self.finish(&claim, since.unwrap_or(claim.since), &outcome, took);
        while let Err(error) = self.source.inbox.finish(&claim, finish.clone(), took).await {
            // Not noting it would mean doing it again; as long as we live, we try.
            if !error.is_told() {
                tracing::error!(%error, id = ?claim.id, "cannot note how a delivery ended; trying again");
            }
            sleep(PAUSE).await;
        }
        self.source.dispatch.announce(claim.key, &outcome);
    }

    /// Calls the handler. Whatever it does, there is an outcome.
    async fn hand_on(&self, event: Event) -> Outcome {
        let handler = Arc::clone(&self.job.handler);
        // A task of its own contains a panic; the set ends the task if we are ended.
        let mut task = JoinSet::new();
        task.spawn(async move { handler.deliver(&event).await });
        match timeout(self.job.route.timeout + GRACE, task.join_next()).await {
            Ok(Some(Ok(outcome))) => outcome,
            Ok(Some(Err(error))) => Outcome::ours(format!("the handler ended in a panic: {error}")),
            Ok(None) => Outcome::ours("the handler was not started"),
            Err(_) => Outcome::late(format!("not finished within {:?}", self.job.route.timeout)),
        }
    }

    /// What follows from an outcome. `since` is when the delivery was first due, by the clock as it is now.
    fn finish(&self, claim: &Claim, since: Timestamp, outcome: &Outcome, took: Duration) -> Finish {
        let attempt = claim.attempts + 1;
        let (id, handler) = (&claim.id, &self.job.route.name);
        match outcome {
            Outcome::Done => {
                tracing::info!(?id, handler, attempt, ?took, "delivered");
                Finish::Done
            }
            Outcome::Rejected(rejection) => {
                let reason = rejection.reason.clone();
                tracing::error!(
                    ?id,
                    handler,
                    attempt,
                    ?reason,
                    "rejected: a dead letter; see `events list --state dead`"
                );
                Finish::Dead { reason, status: rejection.status }
            }
            Outcome::Unavailable(why) => {
                let reason = why.reason.clone();
                if !self.source.inbox.keeps() {
                    tracing::warn!(?id, handler, attempt, ?reason, "not delivered; the sender has to repeat the event");
                    return Finish::Retry { at: Timestamp::now(), reason };
                }
                if let Some(at) = self.next(attempt, since) {
                    let next = whole_seconds(at);
                    tracing::warn!(?id, handler, attempt, ?reason, %next, "not delivered; it is tried again");
                    return Finish::Retry { at, reason };
                }
                tracing::error!(
                    ?id,
                    handler,
                    attempt,
                    ?reason,
                    "given up: a dead letter; see `events list --state dead`"
                );
                Finish::Dead { reason: format!("given up after {attempt} attempts: {reason}"), status: None }
            }
        }
    }
}

impl Attempts {
    /// When to try again, if at all. By a clock that cannot be believed nothing is given up.
    fn next(&self, attempt: u32, since: Timestamp) -> Option<Timestamp> {
        let (schedule, now) = (&self.job.schedule, Timestamp::now());
        let doubted =
            || if self.source.clock.is_believed() { None } else { schedule.next(attempt, now, now, chance()) };
        schedule.next(attempt, since, now, chance()).or_else(doubted)
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let mut random = [0; 4];
    // Without random numbers, every pause is the middle one.
    rand::fill(&mut random).map_or(0.5, |()| f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}
