//! The machine's clock, as far as it can be believed.
//!
//! A machine may start with a clock that is years fast, until somebody or NTP sets it right. What was done by
//! then in the name of that time cannot be undone: events removed, deliveries given up. So a clock that is more
//! than a day ahead of the last time that the inbox knew has to stay so for an hour before that counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{Archive, Filter, InboxError};

/// The name that the time goes by in the inbox.
const NOTE: &str = "clock";

/// A receiver may have been off for so long, or a clock be wrong by that: it does no harm.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// After so long, it is the right time after all.
const BELIEVED_AFTER: Duration = Duration::from_secs(3600);

/// Clocks are kept right in small steps all the time; those do not matter.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// What is known of the clock; clones are one.
#[derive(Clone, Default)]
pub(crate) struct TrustedClock(Arc<Mutex<State>>);

/// What the clock said, and when, by one that goes on evenly.
#[derive(Clone, Copy)]
struct Look {
    time: Timestamp,
    at: Instant,
}

impl Look {
    /// How far a later look is ahead of what this one makes expect.
    fn ahead(self, later: Self) -> SignedDuration {
        let expected = self.time.saturating_add(later.at.duration_since(self.at)).unwrap_or(Timestamp::MAX);
        later.time.duration_since(expected)
    }
}

#[derive(Default)]
struct State {
    /// The last time that was believed.
    known: Option<Look>,
    doubt: Option<Doubt>,
    warned: bool,
}

struct Doubt {
    since: Instant,
    last: Look,
}

impl TrustedClock {
    /// Begins with the last time that the inbox knew: what was noted, or when its newest event came.
    pub(crate) async fn recall(&self, inbox: &dyn Archive) -> Result<(), InboxError> {
        let noted = match inbox.noted(NOTE).await? {
            Some(noted) => Some(noted),
            None => inbox.list(&Filter { limit: 1, ..Filter::default() }).await?.first().map(|event| event.received),
        };
        if let Some(time) = noted {
            self.begin(time, Instant::now());
        }
        self.is_believed();
        Ok(())
    }

    /// Notes the time in the inbox, if it can be believed.
    pub(crate) async fn note(&self, inbox: &dyn Archive, now: Timestamp) -> Result<(), InboxError> {
        inbox.note(NOTE, now).await
    }

    /// Whether the clock can be believed now.
    pub(crate) fn is_believed(&self) -> bool {
        self.look(Timestamp::now(), Instant::now())
    }

    fn begin(&self, time: Timestamp, at: Instant) {
        self.state().known = Some(Look { time, at });
    }

    /// The same for a clock that says `time`, `at` that moment.
    pub(crate) fn look(&self, time: Timestamp, at: Instant) -> bool {
        let mut state = self.state();
        let now = Look { time, at };
        let Some(known) = state.known.filter(|known| known.ahead(now) > AHEAD) else {
            *state = State { known: Some(now), doubt: None, warned: false };
            return true;
        };
        match &mut state.doubt {
            // A step back: whoever has made it may not be through.
            Some(doubt) if doubt.last.ahead(now) < -STEP => *doubt = Doubt { since: at, last: now },
            Some(doubt) if at.duration_since(doubt.since) >= BELIEVED_AFTER => {
                *state = State { known: Some(now), doubt: None, warned: false };
                tracing::warn!(%time, "the clock has stayed ahead for an hour: it is believed from now on");
                return true;
            }
            Some(doubt) => doubt.last = now,
            None => state.doubt = Some(Doubt { since: at, last: now }),
        }
        if !state.warned {
            state.warned = true;
            let last_known = known.time;
            tracing::warn!(
                %time,
                %last_known,
                "the clock is more than a day ahead of the last time that the inbox knew; until it has stayed so for \
                 an hour, no event is removed or forgotten, and none given up. If it is wrong, set it right"
            );
        }
        false
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jiff::{SignedDuration, Timestamp};

    use super::TrustedClock;

    const DAY: i64 = 24;

    /// A clock that was believed last, and what it says so many hours ahead after so many minutes.
    struct Machine(TrustedClock, Timestamp, Instant);

    impl Machine {
        fn new() -> Self {
            let machine = Self(TrustedClock::default(), Timestamp::UNIX_EPOCH, Instant::now());
            machine.0.begin(machine.1, machine.2);
            machine
        }

        fn is_believed(&self, ahead: i64, minutes: u64) -> bool {
            let passed = Duration::from_secs(60 * minutes);
            self.0.look(self.1 + SignedDuration::from_hours(ahead) + passed, self.2 + passed)
        }
    }

    #[test]
    fn a_clock_that_goes_on_evenly_is_believed_and_so_is_one_that_is_hours_off_or_set_back() {
        let machine = Machine::new();
        for (ahead, minutes) in [(0, 0), (0, 90 * 24 * 60), (23, 1), (-100 * DAY, 2)] {
            assert!(Machine::new().is_believed(ahead, minutes), "{ahead} {minutes}");
        }
        assert!(machine.is_believed(20, 1) && machine.is_believed(40, 2), "in steps, each from the last");
    }

    #[test]
    fn a_clock_that_is_days_ahead_is_believed_after_an_hour_and_not_before() {
        let machine = Machine::new();
        assert!(!machine.is_believed(40 * DAY, 0));
        assert!(!machine.is_believed(40 * DAY, 59));
        assert!(machine.is_believed(40 * DAY, 60));
        assert!(machine.is_believed(40 * DAY, 61));
    }

    #[test]
    fn a_step_back_begins_the_hour_anew_and_one_to_the_right_time_ends_the_doubt() {
        let machine = Machine::new();
        assert!(!machine.is_believed(40 * DAY, 0));
        assert!(!machine.is_believed(30 * DAY, 50));
        assert!(!machine.is_believed(30 * DAY, 100));
        assert!(machine.is_believed(0, 101));
        assert!(!machine.is_believed(40 * DAY, 102), "and the next jump is doubted again");
        assert!(!machine.is_believed(40 * DAY, 150));
    }

    #[test]
    fn without_a_time_to_compare_it_with_a_clock_is_believed() {
        assert!(TrustedClock::default().is_believed());
    }
}
