//! One handler's worker: claims what is due and has it tried; while the handler is down, one at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::alone::{self, Alone};
use super::attempt::{Attempts, is_suspect};
use super::health::{Health, Turn};
use super::pace::Pace;
use super::suspects::Suspects;
use super::{Dispatch, Route, Schedule};
use crate::budget::Budget;
use crate::handlers::SharedHandler;
use crate::inbox::trusted::TrustedClock;
use crate::inbox::{Archive, Claim, SharedInbox};
use crate::telemetry::events;

/// How often to look without having been told: for deliveries that the `events` command made due.
const POLL: Duration = Duration::from_secs(1);

/// Pause before something that failed on our own side is tried again.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// While a handler is down, how often to look for deliveries whose time is over, at the least.
const LOOK: Duration = Duration::from_secs(60);

/// Deliveries that are given up at one look.
const GIVEN_UP: usize = 100;

/// What waits is counted up to this many.
const COUNTED: usize = 10_000;

/// What a worker hands events to, and how.
pub(crate) struct Job {
    pub(crate) route: Route,
    pub(crate) handler: SharedHandler,
    pub(crate) schedule: Schedule,
    /// Orders and shipments worked on at once.
    pub(crate) lanes: usize,
    /// How often attempts begin.
    pub(crate) pace: Arc<Pace>,
    /// The memory that its deliveries may take, all together.
    pub(crate) budget: Budget,
    /// Of the handler: it stays as long as that does.
    pub(crate) health: Arc<Health>,
}

/// Where the deliveries come from and what they need besides.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) inbox: SharedInbox,
    /// Where nothing is kept, it is for the sender to repeat what failed, and no handler is ever down.
    pub(crate) archive: Option<Arc<dyn Archive>>,
    pub(crate) dispatch: Dispatch,
    pub(crate) alone: Alone,
    pub(crate) clock: TrustedClock,
    /// Whether it is kept what back ends said.
    pub(crate) keep_answers: bool,
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
        let mut suspects = Suspects::new(self.source.alone.clone());
        while !*stop.borrow() {
            // Listen before looking: what comes in between is not missed.
            work.borrow_and_update();
            let job = self.job.borrow_and_update().clone();
            let pace = job.as_ref().map(|job| Arc::clone(&job.pace));
            // Ended ones give their places back.
            while running.try_join_next().is_some() {}
            let mut pause = POLL;
            let mut free = false;
            if let Some(job) = job {
                let attempts = Attempts { job, source: self.source.clone() };
                match &self.source.archive {
                    Some(archive) if attempts.job.health.is_down() => {
                        pause = attempts.try_one(&**archive, &mut running, &mut suspects).await;
                        free = true;
                    }
                    _ => {
                        pause = attempts.start_due(&mut running, &mut suspects).await;
                        free = running.len() < attempts.job.lanes;
                    }
                }
            } else {
                suspects.release(&*self.source.inbox).await;
            }
            tokio::select! {
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = suspects.come(), if suspects.is_asking() => {}
                () = decided(pace), if free => {}
                _ = work.changed(), if free => {}
                () = sleep(pause), if free => {}
                Ok(()) = self.job.changed() => {}
                _ = stop.changed() => {}
            }
        }
        suspects.release(&*self.source.inbox).await;
        while running.join_next().await.is_some() {}
    }
}

/// How long to look away while no attempt may begin. Nobody else under suspicion waits for one that is not to be tried
/// for long; but when its time comes, it is its turn.
fn until_allowed(wait: Option<Duration>, suspects: &mut Suspects) -> Duration {
    match wait {
        Some(wait) if wait > POLL => suspects.stand_back(),
        _ => suspects.ask(),
    }
    wait.unwrap_or(POLL).min(POLL)
}

/// Waits until it is decided whether the attempt begins that was about to; for ever if there is no pace.
async fn decided(pace: Option<Arc<Pace>>) {
    match pace {
        Some(pace) => pace.decided().await,
        None => std::future::pending().await,
    }
}

impl Attempts {
    /// Starts what is due; returns how long there is nothing more to do.
    async fn start_due(&self, running: &mut JoinSet<()>, suspects: &mut Suspects) -> Duration {
        let allowed = match self.job.pace.allows() {
            Ok(allowed) => allowed,
            Err(wait) => return until_allowed(wait, suspects),
        };
        let mut free = self.job.lanes.saturating_sub(running.len()).min(allowed);
        if free > 0
            && let Some((claim, turn)) = suspects.next()
        {
            let (attempts, leave) = (self.clone(), self.job.pace.leave());
            running.spawn(async move { attempts.attempt(claim, Some(turn), leave).await });
            free -= 1;
        }
        if free == 0 {
            return POLL;
        }
        let due = match self.source.inbox.claim(&self.job.route.name, free).await {
            Ok(due) => due,
            Err(error) => {
                if !error.is_told() {
                    events::delivery::no_work_seen(&self.job.route.name, &error);
                }
                return PAUSE;
            }
        };
        let (suspected, others): (Vec<_>, Vec<_>) = due.claims.into_iter().partition(is_suspect);
        for claim in others {
            let (attempts, leave) = (self.clone(), self.job.pace.leave());
            running.spawn(async move { attempts.attempt(claim, None, leave).await });
        }
        if !suspected.is_empty() {
            suspects.add(suspected);
            // Their lanes are free for what stands behind them.
            return Duration::ZERO;
        }
        due.next.map_or(POLL, |next| {
            let wait = next.duration_since(Timestamp::now());
            Duration::try_from(wait).unwrap_or(Duration::ZERO).min(POLL)
        })
    }

    /// Tries one delivery, if it is time for it and none is tried; returns how long there is nothing more to do.
    async fn try_one(&self, archive: &dyn Archive, running: &mut JoinSet<()>, suspects: &mut Suspects) -> Duration {
        let (health, name) = (&self.job.health, &self.job.route.name);
        self.remind(archive).await;
        self.give_up_overdue(archive).await;
        if !running.is_empty() {
            return POLL;
        }
        if let Err(wait) = self.job.pace.allows() {
            return until_allowed(wait, suspects);
        }
        let turn = health.turn();
        let next = if let Some(Turn::Any(_)) = turn { suspects.next() } else { None };
        if let Some((claim, turn)) = next {
            self.start_try(running, claim, Some(turn));
            return POLL;
        }
        let (except, until, wait) = match turn {
            None => return Duration::ZERO,
            Some(Turn::Wait(wait)) => {
                suspects.stand_back();
                return wait.min(POLL);
            }
            Some(Turn::Unheard(heard, wait)) => {
                suspects.stand_back();
                (heard, Timestamp::now(), wait.min(POLL))
            }
            // Whether its own time has come or not: that was for a handler that is there.
            Some(Turn::Any(tried)) => (tried, Timestamp::MAX, POLL),
        };
        match archive.claim_one(name, &except, until).await {
            Ok(Some(claim)) if is_suspect(&claim) => {
                suspects.add([claim]);
                Duration::ZERO
            }
            Ok(Some(claim)) => {
                self.start_try(running, claim, None);
                POLL
            }
            Ok(None) if until == Timestamp::MAX && !except.is_empty() => {
                health.start_over();
                Duration::ZERO
            }
            Ok(None) => wait,
            Err(error) => {
                if !error.is_told() {
                    events::delivery::no_work_seen(name, &error);
                }
                PAUSE
            }
        }
    }

    fn start_try(&self, running: &mut JoinSet<()>, claim: Claim, turn: Option<alone::Turn>) {
        self.job.health.try_lane(claim.lane);
        let (attempts, leave) = (self.clone(), self.job.pace.leave());
        running.spawn(async move { attempts.try_again(claim, turn, leave).await });
    }

    /// Says now and then that the handler is still down: in place of a line for every attempt.
    async fn remind(&self, archive: &dyn Archive) {
        let Some(down_for) = self.job.health.reminder() else { return };
        let handler = &self.job.route.name;
        let waiting = match archive.backlog(COUNTED).await {
            Ok(backlog) => backlog.into_iter().find(|(name, _)| name == handler).map_or(0, |(_, count)| count),
            Err(error) => {
                if !error.is_told() {
                    events::delivery::not_counted(handler, &error);
                }
                return;
            }
        };
        events::delivery::still_down(handler, waiting, waiting == COUNTED, down_for);
    }

    /// Gives up what has waited for too long. Few of the deliveries are tried while the handler is down, but
    /// the time of each runs on.
    async fn give_up_overdue(&self, archive: &dyn Archive) {
        let schedule = &self.job.schedule;
        if !self.source.clock.is_believed() || !self.job.health.is_time_to_look((schedule.give_up_after / 10).min(LOOK))
        {
            return;
        }
        for _ in 0..GIVEN_UP {
            // The longest due is the one that has waited longest.
            let now = Timestamp::now();
            let Ok(Some(claim)) = archive.claim_one(&self.job.route.name, &[], now).await else { return };
            if !schedule.is_over(claim.since, now) {
                self.source.inbox.release(&claim).await;
                return;
            }
            self.give_up(&claim).await;
        }
    }
}
