//! How often attempts at one handler begin (`max_per_second`).
//!
//! They are spread evenly, so that a back end that counts calls never sees more of them than it allows, whatever it
//! counts by. Nobody sleeps until it is an attempt's turn: a worker that may not begin one claims none. So whatever ends
//! or changes has nothing to wait for, and another receiver may take the delivery.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::route::PACES;

/// What an attempt is late by is caught up with, up to this: timers and claims take their time, and a pace of hundreds in
/// a second would be missed by far.
const CAUGHT_UP: Duration = Duration::from_millis(5);

/// The pace of one handler.
#[derive(Debug)]
pub(crate) struct Pace {
    /// From one to the next; `None` if they may begin as they like.
    interval: Option<Duration>,
    state: Mutex<State>,
    /// Told when the one that was about to begin has begun, or does not.
    decided: Notify,
}

#[derive(Debug)]
struct State {
    /// Before that, none begins.
    next: Instant,
    /// Whether one is about to begin.
    is_about_to: bool,
}

/// Leave for one attempt to begin. If it is dropped before, the next one has its turn at once.
#[derive(Debug)]
pub(super) struct Leave(Option<Arc<Pace>>);

impl Pace {
    /// So many in a second at the most.
    pub(crate) fn new(max_per_second: Option<f64>) -> Self {
        // A program that embeds the receiver may have set it to anything.
        let interval = |most: f64| Duration::try_from_secs_f64(1.0 / most.clamp(*PACES.start(), *PACES.end())).ok();
        Self {
            interval: max_per_second.and_then(interval),
            state: Mutex::new(State { next: Instant::now(), is_about_to: false }),
            decided: Notify::new(),
        }
    }

    /// Whether another one is the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.interval == other.interval
    }

    /// How many attempts may begin now; or how long none may, as far as that is known.
    pub(super) fn allows(&self) -> Result<usize, Option<Duration>> {
        if self.interval.is_none() {
            return Ok(usize::MAX);
        }
        let state = self.state();
        if state.is_about_to {
            return Err(None);
        }
        match state.next.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Ok(1),
            wait => Err(Some(wait)),
        }
    }

    /// Leave for one of those that are allowed.
    pub(super) fn leave(self: &Arc<Self>) -> Leave {
        if self.interval.is_some() {
            self.state().is_about_to = true;
        }
        Leave(Some(Arc::clone(self)))
    }

    /// Waits until the one that was about to begin has begun, or does not.
    pub(super) async fn decided(&self) {
        self.decided.notified().await;
    }

    fn decide(&self, begins: bool) {
        let Some(interval) = self.interval else { return };
        let mut state = self.state();
        if begins {
            let now = Instant::now();
            state.next = state.next.max(now.checked_sub(CAUGHT_UP).unwrap_or(now)) + interval;
        }
        state.is_about_to = false;
        drop(state);
        self.decided.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave {
    /// The attempt begins.
    pub(super) fn begin(mut self) {
        if let Some(pace) = self.0.take() {
            pace.decide(true);
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(pace) = self.0.take() {
            pace.decide(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::{Instant, advance, sleep, timeout};

    use super::{CAUGHT_UP, Pace};

    const TENTH: Duration = Duration::from_millis(100);

    /// Begins one as soon as it may; says how long that took.
    async fn begin(pace: &Arc<Pace>) -> Duration {
        let asked = Instant::now();
        if let Err(wait) = pace.allows() {
            sleep(wait.unwrap()).await;
        }
        assert_eq!(pace.allows(), Ok(1));
        pace.leave().begin();
        asked.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_begin_a_part_of_a_second_apart() {
        let pace = Arc::new(Pace::new(Some(10.0)));

        let begun = Instant::now();
        for _ in 0..11 {
            begin(&pace).await;
        }

        assert_eq!(begun.elapsed().as_millis(), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_not_saved_up() {
        let pace = Arc::new(Pace::new(Some(10.0)));
        begin(&pace).await;
        advance(Duration::from_secs(60)).await;

        assert!(begin(&pace).await.is_zero());
        assert!(begin(&pace).await + CAUGHT_UP >= TENTH);
        assert_eq!(begin(&pace).await, TENTH);
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_that_was_lost_is_caught_up_with() {
        let pace = Arc::new(Pace::new(Some(500.0)));
        let begun = Instant::now();
        for _ in 0..501 {
            if let Err(Some(wait)) = pace.allows() {
                sleep(wait).await;
            }
            let leave = pace.leave();
            // What a claim takes.
            advance(Duration::from_millis(1)).await;
            leave.begin();
        }

        let (second, took) = (Duration::from_secs(1), begun.elapsed());
        assert!(took + CAUGHT_UP >= second && took < 11 * second / 10, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_begin_costs_the_next_one_nothing() {
        let pace = Arc::new(Pace::new(Some(0.01)));
        let leave = pace.leave();
        assert_eq!(pace.allows(), Err(None));
        assert!(timeout(TENTH, pace.decided()).await.is_err());

        drop(leave);

        assert!(timeout(TENTH, pace.decided()).await.is_ok());
        assert_eq!(pace.allows(), Ok(1));
        pace.leave().begin();
        assert!(matches!(pace.allows(), Err(Some(wait)) if wait > Duration::from_secs(99)));
    }

    #[tokio::test]
    async fn without_a_bound_any_number_begins_at_once() {
        for none in [None, Some(f64::NAN)] {
            let pace = Arc::new(Pace::new(none));
            let _leaves = [pace.leave(), pace.leave()];

            assert_eq!(pace.allows(), Ok(usize::MAX));
        }
    }

    #[tokio::test]
    async fn a_bound_that_makes_no_sense_is_the_nearest_that_does() {
        for (odd, near) in [(0.0, 0.001), (-1.0, 0.001), (f64::INFINITY, 100_000.0)] {
            assert!(Pace::new(Some(odd)).is(&Pace::new(Some(near))), "{odd}");
        }
    }
}
