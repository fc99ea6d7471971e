//! Whether a handler is down, and what is done while it is.
//!
//! It is down when its back end cannot be reached or is out of order for several orders or shipments in a row:
//! what fails for one alone may be that one's fault. Then one delivery at a time is tried, each of another
//! order or shipment, so that none of them decides alone, with pauses that grow as those of a delivery do. The
//! first answer of any kind ends it. Nothing of this is kept: after a restart it is learnt anew.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::handlers::{Fault, Outcome, Unavailability};

/// So many failures in a row, of as many orders and shipments (or of all there are), mean that it is down.
const SEVERAL: usize = 3;
/// Lanes that are remembered as tried while it is down.
const REMEMBERED: usize = 1000;
/// Pause between two lines in the log that say that it still is.
const REMINDER: Duration = Duration::from_secs(60);

/// What an attempt says about the back end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answers, whatever it answers.
    Answers,
    /// It cannot be reached, or says that it is out of order; perhaps for how long.
    Away(Option<Duration>),
    /// Nothing: the fault is ours.
    Nothing,
}

impl Sign {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Unavailable(why) if why.fault == Fault::Ours => Self::Nothing,
            Outcome::Unavailable(why) if !why.of_one => Self::Away(why.pause),
            Outcome::Done | Outcome::Rejected(_) | Outcome::Unavailable(_) => Self::Answers,
        }
    }
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It is down if there are no more than so many orders and shipments: see [`Health::go_down`].
    DownIfAllAre(usize),
    /// It is down.
    Down,
    /// It is back, after so long.
    Back(Duration),
}

/// Which delivery may be tried while the handler is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// Any but those of these lanes, whose turn it has been.
    Any(Vec<i64>),
    /// One that is due, of a lane that has not failed yet: too few have for their word to count for it.
    Unheard(Vec<i64>, Duration),
    /// None before so long.
    Wait(Duration),
}

/// The health of one handler.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Failures in a row, and whose they are.
    failures: usize,
    lanes: Vec<i64>,
    /// The last of them.
    why: Option<Unavailability>,
    down: Option<Down>,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    /// Attempts in a row that failed since then.
    attempts: u32,
    next: Instant,
    /// The first lanes that have failed, up to the number that counts.
    heard: Vec<i64>,
    tried: VecDeque<i64>,
    told: Instant,
    looked: Instant,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.state().down.is_some()
    }

    /// Why it is down; `None` if it is not.
    pub(super) fn fault(&self) -> Option<Unavailability> {
        let state = self.state();
        state.down.as_ref().and(state.why.clone())
    }

    /// Notes how an attempt ended; `is_try` if it was made although the handler was down. `pause` says how long
    /// to pause after so many failures, and so long a pause that was asked for.
    pub(super) fn note(
        &self,
        lane: i64,
        outcome: &Outcome,
        is_try: bool,
        pause: impl Fn(u32, Option<Duration>) -> Duration,
    ) -> Change {
        let mut state = self.state();
        match Sign::of(outcome) {
            Sign::Answers => {
                let down = state.down.take();
                *state = State::default();
                down.map_or(Change::None, |down| Change::Back(down.since.elapsed()))
            }
            Sign::Nothing => {
                if let Some(down) = state.down.as_mut().filter(|_| is_try) {
                    down.pause(None, pause);
                }
                Change::None
            }
            Sign::Away(asked) => {
                if let Outcome::Unavailable(why) = outcome {
                    state.why = Some(why.clone());
                }
                if let Some(down) = &mut state.down {
                    if is_try {
                        down.pause(asked, pause);
                    } else if asked.is_some() {
                        // It had begun before: that it failed as well is no news, but its wish is.
                        down.next = down.next.max(Instant::now() + pause(1, asked));
                    }
                    return Change::None;
                }
                state.failures += 1;
                if !state.lanes.contains(&lane) {
                    state.lanes.push(lane);
                }
                if state.lanes.len() >= SEVERAL {
                    state.go_down(pause);
                    Change::Down
                } else if state.failures >= SEVERAL {
                    Change::DownIfAllAre(state.lanes.len())
                } else {
                    Change::None
                }
            }
        }
    }

    /// Those that have failed are all there are: it is down. Returns whether that is news.
    pub(super) fn go_down(&self, pause: impl Fn(u32, Option<Duration>) -> Duration) -> bool {
        let mut state = self.state();
        // Somebody may have had an answer meanwhile.
        let is_news = state.down.is_none() && state.failures >= SEVERAL;
        if is_news {
            state.go_down(pause);
        }
        is_news
    }

    /// Which delivery may be tried now; `None` if it is not down.
    pub(super) fn turn(&self) -> Option<Turn> {
        let state = self.state();
        let down = state.down.as_ref()?;
        Some(match down.next.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Turn::Any(down.tried.iter().copied().collect()),
            wait if down.heard.len() < SEVERAL => Turn::Unheard(down.heard.clone(), wait),
            wait => Turn::Wait(wait),
        })
    }

    /// A delivery of that lane is tried.
    pub(super) fn try_lane(&self, lane: i64) {
        if let Some(down) = &mut self.state().down {
            if down.heard.len() < SEVERAL && !down.heard.contains(&lane) {
                down.heard.push(lane);
            }
            down.tried.push_back(lane);
            if down.tried.len() > REMEMBERED {
                down.tried.pop_front();
            }
        }
    }

    /// All have had their turn: it begins with the first one again.
    pub(super) fn start_over(&self) {
        if let Some(down) = &mut self.state().down {
            down.tried.clear();
        }
    }

    /// Since when it has been down, now and then, for the log.
    pub(super) fn reminder(&self) -> Option<Duration> {
        let mut state = self.state();
        let down = state.down.as_mut()?;
        if down.told.elapsed() < REMINDER {
            return None;
        }
        down.told = Instant::now();
        Some(down.since.elapsed())
    }

    /// Whether it is time, which it is `every` so often, to look for deliveries that are to be given up.
    pub(super) fn is_time_to_look(&self, every: Duration) -> bool {
        let mut state = self.state();
        let Some(down) = state.down.as_mut().filter(|down| down.looked.elapsed() >= every) else { return false };
        down.looked = Instant::now();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn go_down(&mut self, pause: impl Fn(u32, Option<Duration>) -> Duration) {
        let now = Instant::now();
        let heard = std::mem::take(&mut self.lanes);
        let tried = heard.iter().copied().collect();
        let mut down = Down { since: now, attempts: 0, next: now, heard, tried, told: now, looked: now };
        let why = self.why.take();
        down.pause(why.as_ref().and_then(|why| why.pause), pause);
        *self = Self { why, down: Some(down), ..Self::default() };
    }
}

impl Down {
    fn pause(&mut self, asked: Option<Duration>, pause: impl Fn(u32, Option<Duration>) -> Duration) {
        self.attempts = self.attempts.saturating_add(1);
        self.next = Instant::now() + pause(self.attempts, asked);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Change, Health, Sign, Turn};
    use crate::handlers::{Fault, Outcome, Rejection, Unavailability};

    fn away() -> Outcome {
        Outcome::unreachable("refused")
    }

    fn pause(attempts: u32, asked: Option<Duration>) -> Duration {
        Duration::from_secs(3600 * u64::from(attempts)).max(asked.unwrap_or_default())
    }

    fn note(health: &Health, lane: i64, outcome: &Outcome) -> Change {
        health.note(lane, outcome, health.is_down(), pause)
    }

    #[test]
    fn three_failures_in_a_row_of_three_lanes_mean_that_it_is_down() {
        let health = Health::default();
        assert_eq!([1, 2].map(|lane| note(&health, lane, &away())), [Change::None; 2]);
        assert_eq!(note(&health, 3, &away()), Change::Down);
        assert!(health.is_down());
        assert_eq!(health.fault().unwrap().reason, "refused");
        assert_eq!(note(&health, 4, &away()), Change::None, "it is said once");
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew_and_ends_it() {
        let health = Health::default();
        for lane in [1, 2, 3] {
            note(&health, lane, &away());
            note(&health, 9, &Outcome::Done);
        }
        assert!(!health.is_down());
        for lane in [1, 2, 3] {
            note(&health, lane, &away());
        }
        assert!(matches!(note(&health, 4, &Outcome::Done), Change::Back(_)));
        assert!(!health.is_down());
    }

    #[test]
    fn one_order_alone_takes_it_down_only_if_there_is_no_other() {
        let health = Health::default();
        assert_eq!([1, 1].map(|lane| note(&health, lane, &away())), [Change::None; 2]);
        assert_eq!(note(&health, 1, &away()), Change::DownIfAllAre(1));
        assert!(health.go_down(pause) && health.is_down());
        assert!(!health.go_down(pause), "it is said once");
        assert!(matches!(health.turn(), Some(Turn::Unheard(tried, _)) if tried == [1]), "others may say otherwise");
    }

    #[test]
    fn what_is_our_own_fault_says_nothing() {
        let health = Health::default();
        for _ in 0..2 {
            note(&health, 1, &away());
            note(&health, 2, &Outcome::ours("a full disk"));
        }
        assert_eq!(note(&health, 2, &away()), Change::DownIfAllAre(2));
        note(&health, 3, &away());
        note(&health, 4, &Outcome::ours("a full disk"));
        assert!(health.is_down());
    }

    #[test]
    fn while_it_is_down_every_lane_has_its_turn_at_growing_pauses() {
        let health = Health::default();
        let short =
            |attempts, _: Option<Duration>| if attempts == 1 { Duration::ZERO } else { Duration::from_secs(60) };
        for lane in [1, 2, 3] {
            health.note(lane, &away(), false, short);
        }
        assert_eq!(health.turn(), Some(Turn::Any(vec![1, 2, 3])));
        health.note(5, &away(), false, short);
        assert!(matches!(health.turn(), Some(Turn::Any(_))), "one that had begun before changes nothing");
        health.try_lane(4);
        health.note(4, &away(), true, short);
        assert!(matches!(health.turn(), Some(Turn::Wait(wait)) if wait > Duration::from_secs(50)));
    }

    #[test]
    fn the_pause_that_the_back_end_asks_for_is_kept() {
        let health = Health::default();
        for lane in [1, 2, 3] {
            let why = Unavailability::new(Fault::Unreachable, "503").pause(Some(Duration::from_secs(7200)));
            note(&health, lane, &Outcome::Unavailable(why));
        }
        assert!(matches!(health.turn(), Some(Turn::Wait(wait)) if wait > Duration::from_secs(7000)));
    }

    #[test]
    fn every_answer_is_one_and_a_fault_of_one_event_is_an_answer() {
        let away = Unavailability::new(Fault::Unreachable, "refused").pause(Some(Duration::from_secs(1)));
        let rejected = Rejection { reason: "no".to_owned(), status: Some(422) };
        for (outcome, sign) in [
            (Outcome::Done, Sign::Answers),
            (Outcome::Rejected(rejected), Sign::Answers),
            (Outcome::Unavailable(away.clone().of_one()), Sign::Answers),
            (Outcome::Unavailable(away), Sign::Away(Some(Duration::from_secs(1)))),
            (Outcome::late("late"), Sign::Away(None)),
            (Outcome::ours("a panic"), Sign::Nothing),
        ] {
            assert_eq!(Sign::of(&outcome), sign, "{outcome:?}");
        }
    }
}
