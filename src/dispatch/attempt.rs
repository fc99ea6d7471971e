//! One attempt, from the claim to the note of how it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use humantime::format_duration;
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::alone::Turn;
use super::health::Change;
use super::pace::Leave;
use super::schedule::chance;
use super::worker::{Job, PAUSE, Source};
use crate::budget::Share;
use crate::decode;
use crate::documents::Documents;
use crate::event::{Answer, Answers, Event};
use crate::handlers::{Fault, Outcome, Unavailability};
use crate::inbox::{Archive, Attempt, Claim, Ending, Finish, InboxError};
use crate::telemetry::events;

/// What a handler may take beyond its time-out to clean up behind itself.
const GRACE: Duration = Duration::from_secs(5);

/// After so many attempts in a row that the process did not survive, no further one is made.
const MOST_ENDS: u32 = 3;

/// Whose turn it is to take more than there is.
static BEYOND: Semaphore = Semaphore::const_new(1);

/// Whether it is to be tried alone: perhaps it was this event that ended the process.
pub(super) const fn is_suspect(claim: &Claim) -> bool {
    claim.ends > 0 && claim.ends < MOST_ENDS
}

/// What is kept of an attempt.
fn made(begun: Timestamp, took: Duration, outcome: &Outcome, said: Option<Answer>) -> Attempt {
    let Answer { status, text } = said.unwrap_or_default();
    let (ending, of_outcome) = match outcome {
        Outcome::Done => (Ending::Done, None),
        Outcome::Rejected(rejection) => (Ending::Rejected, rejection.status),
        Outcome::Unavailable(why) => match why.fault {
            Fault::Unreachable => (Ending::Unreachable, None),
            Fault::Late => (Ending::Late, None),
            Fault::Ours => (Ending::Fault, None),
        },
    };
    Attempt { begun, took, ending, status: status.or(of_outcome), answer: text }
}

/// Says that there is a dead letter, which somebody has to look at; or that there is none, because somebody has decided
/// otherwise while the attempt was made.
fn say_dead(claim: &Claim, attempts: u32, stands: bool, why: impl FnOnce()) {
    if stands {
        why();
    } else {
        events::delivery::overtaken(claim.about(), &claim.handler, attempts);
    }
}

/// Attempts at one job.
#[derive(Clone)]
pub(super) struct Attempts {
    pub(super) job: Arc<Job>,
    pub(super) source: Source,
}

impl Attempts {
    /// Tries what is due, unless the handler turns out to be down while it waits for its place. One under suspicion
    /// needs its `turn`.
    pub(super) async fn attempt(&self, claim: Claim, turn: Option<Turn>, leave: Leave) {
        self.attempt_or_try(claim, turn, leave, false).await;
    }

    /// Tries whether a handler is back that is down.
    pub(super) async fn try_again(&self, claim: Claim, turn: Option<Turn>, leave: Leave) {
        self.attempt_or_try(claim, turn, leave, true).await;
    }

    async fn attempt_or_try(&self, claim: Claim, turn: Option<Turn>, leave: Leave, is_try: bool) {
        if claim.ends >= MOST_ENDS {
            return self.bury(&claim).await;
        }
        let _share = self.job.budget.room(decode::memory(claim.format, claim.size)).await;
        let _place = if let Some(turn) = turn {
            events::delivery::suspected(claim.about(), &claim.handler, claim.ends);
            self.source.alone.alone(turn).await
        } else {
            self.source.alone.beside_others().await
        };
        if !is_try && self.job.health.is_down() {
            return self.source.inbox.release(&claim).await;
        }
        // Before the body is loaded: that may already be too much for the machine.
        let begun = match self.source.inbox.begin(&claim).await {
            Ok(true) => self.source.inbox.load(&claim).await,
            // It has waited since it was claimed, and somebody has discarded it, or has another one go first.
            Ok(false) => return self.source.inbox.release(&claim).await,
            Err(error) => Err(error),
        };
        match begun {
            Ok(event) => {
                let _more = self.more_room(&claim, &event).await;
                leave.begin();
                self.deliver(&claim, event, is_try).await;
            }
            Err(error) => {
                if !error.is_told() {
                    events::delivery::not_loaded(claim.about(), &claim.handler, &error);
                }
                sleep(PAUSE).await;
                self.source.inbox.release(&claim).await;
            }
        }
    }

    /// Room for what an event takes besides what was thought of it before its body was there. Who has room already
    /// must not wait for more of it, or all of them might; so if there is none left, they go one after the other.
    async fn more_room(&self, claim: &Claim, event: &Event) -> (Option<Share>, Option<SemaphorePermit<'static>>) {
        let needed = decode::memory_of(claim.format, event.content_type.as_deref(), &event.body);
        let share = self.job.budget.take(needed.saturating_sub(decode::memory(claim.format, claim.size)));
        let turn = if share.is_none() { BEYOND.acquire().await.ok() } else { None };
        (share, turn)
    }

    /// Calls the handler and notes how it ended.
    async fn deliver(&self, claim: &Claim, event: Event, is_try: bool) {
        let event = Event { answers: self.answers(), ..event };
        let (started, time, said) = (Instant::now(), Timestamp::now(), event.answers.clone());
        let outcome = match self.with_documents(claim, event).await {
            Ok(Some(event)) => self.hand_on(event).await,
            Ok(None) => return self.source.inbox.release(claim).await,
            Err(why) => Outcome::Unavailable(why),
        };
        let took = started.elapsed();
        // Should the clock be set meanwhile, what has passed since then is not what the clock says.
        let since =
            claim.since.saturating_add(Timestamp::now().duration_since(time)).and_then(|at| at.checked_sub(took));
        let (finish, was_down) =
            (self.finish(claim, since.unwrap_or(claim.since), &outcome, took), self.job.health.is_down());
        // Not after the note: where the inbox cannot be written to, the handler may be back all the same.
        if let Some(archive) = &self.source.archive {
            self.judge(archive, claim.lane, &outcome, is_try).await;
        }
        let attempt = made(time, took, &outcome, said.take());
        let stands = self.note(claim, &finish, Some(attempt)).await;
        match &finish {
            Finish::Done => {}
            Finish::Retry { at, .. } if stands => self.say_tried_again(claim, &outcome, took, *at, was_down),
            Finish::Retry { .. } => events::delivery::overtaken(claim.about(), &claim.handler, claim.attempts + 1),
            Finish::Dead { .. } => {
                say_dead(claim, claim.attempts + 1, stands, || self.say_why_dead(claim, &outcome, took));
            }
        }
        self.source.dispatch.announce(claim.key, &outcome);
    }

    /// Where a handler is to note what its back end said.
    fn answers(&self) -> Answers {
        if self.source.keep_answers { Answers::default() } else { Answers::unwanted() }
    }

    /// Notes how it ended; returns whether the delivery stands so. Not noting it would mean doing it again; as long as we
    /// live, we try.
    async fn note(&self, claim: &Claim, finish: &Finish, attempt: Option<Attempt>) -> bool {
        loop {
            match self.source.inbox.finish(claim, finish.clone(), attempt.clone()).await {
                Ok(stands) => return stands,
                Err(error) if error.is_told() => {}
                Err(error) => events::delivery::end_not_noted(claim.about(), &claim.handler, &error),
            }
            sleep(PAUSE).await;
        }
    }

    /// Says that an event is a dead letter by that outcome.
    fn say_why_dead(&self, claim: &Claim, outcome: &Outcome, took: Duration) {
        let (handler, attempt) = (&self.job.route.name, claim.attempts + 1);
        match outcome {
            Outcome::Done => {}
            Outcome::Rejected(why) => events::delivery::rejected(claim.about(), handler, attempt, took, &why.reason),
            Outcome::Unavailable(why) => events::delivery::given_up(claim.about(), handler, attempt, &why.reason),
        }
    }

    /// Says that an event was not taken, and when it is tried again.
    fn say_tried_again(&self, claim: &Claim, outcome: &Outcome, took: Duration, at: Timestamp, was_down: bool) {
        let (event, handler) = (claim.about(), &self.job.route.name);
        let reason = if let Outcome::Unavailable(why) = outcome { why.reason.as_str() } else { "" };
        let failed = events::delivery::Attempt { number: claim.attempts + 1, took, reason };
        if self.source.archive.is_none() {
            events::delivery::not_delivered_nor_kept(event, handler, failed);
        } else if was_down {
            events::delivery::not_delivered_while_down(event, handler, failed);
        } else {
            events::delivery::not_delivered(event, handler, failed, at);
        }
    }

    /// The event with its documents, if the handler wants to have them: fetched in the time that it takes, which is not
    /// the handler's. If one cannot be had, it is no fault of the handler's either. Nothing, if it is not the turn of the
    /// delivery any more once they are here.
    async fn with_documents(&self, claim: &Claim, event: Event) -> Result<Option<Event>, Unavailability> {
        if !self.job.route.documents {
            return Ok(Some(event));
        }
        let ours = |reason: String| Unavailability::new(Fault::Ours, reason).of_one();
        let Some(documents) = self.source.dispatch.documents() else {
            return Err(ours("`documents` is true, but the configuration has no [documents]".to_owned()));
        };
        let named = Documents::named(&event).await.map_err(|failure| ours(failure.reason))?;
        if named.is_empty() {
            return Ok(Some(Event { documents: Some([].into()), ..event }));
        }
        // The process may be ended often in the time that a large one takes, and the event is not to blame for it.
        let not_noted =
            |error: InboxError| ours(format!("the inbox cannot note that the documents are fetched: {error}"));
        self.source.inbox.pause(claim).await.map_err(not_noted)?;
        // As with the handler.
        let mut task = JoinSet::new();
        task.spawn(async move { documents.gather(&event, named).await.map(|gathered| (event, gathered)) });
        let event = match task.join_next().await {
            Some(Ok(Ok((event, gathered)))) => Event { documents: Some(gathered), ..event },
            Some(Ok(Err(failure))) => return Err(ours(failure.reason).pause(failure.pause)),
            Some(Err(error)) => return Err(ours(format!("fetching the documents ended in a panic: {error}"))),
            None => return Err(ours("fetching the documents was not started".to_owned())),
        };
        let is_its_turn = self.source.inbox.begin(claim).await.map_err(not_noted)?;
        Ok(is_its_turn.then_some(event))
    }

    /// Calls the handler. Whatever it does, there is an outcome.
    async fn hand_on(&self, event: Event) -> Outcome {
        let handler = Arc::clone(&self.job.handler);
        let patience = self.job.route.patience(&event);
        // A task of its own contains a panic; the set ends the task if we are ended.
        let mut task = JoinSet::new();
        task.spawn(async move { handler.deliver(&event).await });
        match timeout(patience.saturating_add(GRACE), task.join_next()).await {
            Ok(Some(Ok(outcome))) => outcome,
            Ok(Some(Err(error))) => Outcome::ours(format!("the handler ended in a panic: {error}")),
            Ok(None) => Outcome::ours("the handler was not started"),
            Err(_) => Outcome::late(format!("not finished within {}", format_duration(patience))),
        }
    }

    /// What follows from an outcome. `since` is when the delivery was first due, by the clock as it is now.
    fn finish(&self, claim: &Claim, since: Timestamp, outcome: &Outcome, took: Duration) -> Finish {
        match outcome {
            Outcome::Done => {
                events::delivery::delivered(claim.about(), &self.job.route.name, claim.attempts + 1, took);
                Finish::Done
            }
            Outcome::Rejected(rejection) => Finish::Dead { reason: rejection.reason.clone(), status: rejection.status },
            Outcome::Unavailable(why) => self.again(claim, since, why),
        }
    }

    /// When a delivery is tried again that was not taken.
    fn again(&self, claim: &Claim, since: Timestamp, why: &Unavailability) -> Finish {
        let (attempt, reason) = (claim.attempts + 1, why.reason.clone());
        if self.source.archive.is_none() {
            return Finish::Retry { at: Timestamp::now(), reason };
        }
        match self.next(attempt, why.pause, since) {
            Some(at) => Finish::Retry { at, reason },
            None => Finish::Dead { reason: format!("given up after {attempt} attempts: {reason}"), status: None },
        }
    }

    /// When to try again, if at all. By a clock that cannot be believed nothing is given up.
    fn next(&self, attempt: u32, asked: Option<Duration>, since: Timestamp) -> Option<Timestamp> {
        let now = Timestamp::now();
        let next_if_since = |since| self.job.schedule.next_asked(attempt, asked, since, now, chance());
        next_if_since(since).or_else(|| if self.source.clock.is_believed() { None } else { next_if_since(now) })
    }

    /// Gives up a delivery whose time has passed while the handler was down.
    pub(super) async fn give_up(&self, claim: &Claim) {
        let reason = format!("given up after {} attempts: the handler is down", claim.attempts);
        let stands = self.note(claim, &Finish::Dead { reason, status: None }, None).await;
        say_dead(claim, claim.attempts, stands, || {
            events::delivery::given_up(claim.about(), &claim.handler, claim.attempts, "the handler is down");
        });
    }

    /// Gives up an event that ends the process each time.
    async fn bury(&self, claim: &Claim) {
        let reason = format!("the process ended during each of the last {} attempts", claim.ends);
        let stands = self.note(claim, &Finish::Dead { reason: reason.clone(), status: None }, None).await;
        say_dead(claim, claim.attempts, stands, || {
            events::delivery::ends_the_process(claim.about(), &claim.handler, &reason);
        });
    }

    /// Notes what an attempt says about the handler.
    async fn judge(&self, archive: &Arc<dyn Archive>, lane: i64, outcome: &Outcome, is_try: bool) {
        let (health, handler) = (&self.job.health, &self.job.route.name);
        let pause = |attempts, asked| self.job.schedule.pause(attempts, asked, chance());
        match health.note(lane, outcome, is_try, pause) {
            Change::None => {}
            Change::Down => self.say_down(outcome),
            Change::DownIfAllAre(few) => match archive.lanes(handler, few + 1).await {
                Ok(lanes) if lanes <= few && health.go_down(pause) => self.say_down(outcome),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, handler, "cannot tell whether a handler is down"),
            },
            Change::Back(after) => {
                events::delivery::back(handler, after);
                // There may be very many, and the place of this attempt is for the next one.
                tokio::spawn(self.clone().hurry(Arc::clone(archive)));
            }
        }
    }

    fn say_down(&self, outcome: &Outcome) {
        let reason = if let Outcome::Unavailable(why) = outcome { why.reason.as_str() } else { "" };
        events::delivery::down(&self.job.route.name, reason);
    }

    /// Makes due what waits for the handler, in steps, as nobody else can write meanwhile.
    async fn hurry(self, archive: Arc<dyn Archive>) {
        let handler = &self.job.route.name;
        while !self.job.health.is_down() {
            match archive.hurry_handler(handler).await {
                Ok(0) | Err(InboxError::Closed) => return,
                Ok(_) => self.source.dispatch.wake(),
                Err(error) => {
                    if !error.is_told() {
                        events::delivery::not_hurried(handler, &error);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }
}
