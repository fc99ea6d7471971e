//! When a failed delivery is tried again, and when no more.

use std::time::Duration;

use aws_lc_rs::rand;
use jiff::Timestamp;

/// The pauses between attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Pause after the first attempt.
    pub first_retry: Duration,
    /// Growth from one pause to the next.
    pub retry_factor: f64,
    /// The longest pause.
    pub max_retry: Duration,
    /// After that, a delivery is given up.
    pub give_up_after: Duration,
}

impl Schedule {
    /// When to try again after `attempts` failed ones, or `None` to give up. `since` is when the
    /// delivery began; the rest is as for `Schedule::pause`.
    pub fn next(&self, attempts: u32, since: Timestamp, now: Timestamp, chance: f64) -> Option<Timestamp> {
        self.next_asked(attempts, None, since, now, chance)
    }

    /// The same, where the back end has asked to be left alone for a time.
    pub(crate) fn next_asked(
        &self,
        attempts: u32,
        asked: Option<Duration>,
        since: Timestamp,
        now: Timestamp,
        chance: f64,
    ) -> Option<Timestamp> {
        let next = now + self.pause(attempts, asked, chance);
        (next <= self.last(since)).then_some(next)
    }

    /// The pause after `attempts` failed ones. `chance`, from 0 to 1, spreads it by up to a fifth to either
    /// side, so that a back end that comes back is not met by everything at once. It is not shorter than the
    /// back end has `asked`, as far as that is no more than the longest pause.
    pub(crate) fn pause(&self, attempts: u32, asked: Option<Duration>, chance: f64) -> Duration {
        let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let pause = self.first_retry.as_secs_f64() * self.retry_factor.powi(exponent);
        // `min` also tames an infinite pause.
        let pause = pause.min(self.max_retry.as_secs_f64()) * (0.8 + 0.4 * chance);
        Duration::from_secs_f64(pause).max(asked.unwrap_or_default().min(self.max_retry))
    }

    /// Whether the time of a delivery that began at `since` is over.
    pub(crate) fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        now > self.last(since)
    }

    fn last(&self, since: Timestamp) -> Timestamp {
        since.saturating_add(self.give_up_after).unwrap_or(Timestamp::MAX)
    }
}

/// A number from 0 to 1, by which times are spread.
pub(crate) fn chance() -> f64 {
    let mut random = [0; 4];
    // Without random numbers, it is the middle one.
    rand::fill(&mut random).map_or(0.5, |()| f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::Schedule;

    const MIDDLE: f64 = 0.5;

    fn schedule() -> Schedule {
        Schedule {
            first_retry: Duration::from_secs(1),
            retry_factor: 2.0,
            max_retry: Duration::from_secs(900),
            give_up_after: Duration::from_secs(14 * 86_400),
        }
    }

    fn pause(attempts: u32, chance: f64) -> f64 {
        let now = Timestamp::UNIX_EPOCH;
        let next = schedule().next(attempts, now, now, chance).unwrap();
        next.duration_since(now).as_secs_f64()
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = [1, 2, 3, 10, 11, 5_000_000].map(|attempts| pause(attempts, MIDDLE)).to_vec();
        assert_eq!(pauses, [1.0, 2.0, 4.0, 512.0, 900.0, 900.0]);
    }

    #[test]
    fn pauses_vary_by_a_fifth() {
        assert!((pause(3, 0.0) - 3.2).abs() < 1e-6);
        assert!((pause(3, 1.0) - 4.8).abs() < 1e-6);
    }

    #[test]
    fn it_does_not_ask_again_before_the_back_end_wants_to_be_asked_but_within_the_longest_pause() {
        let pause = |attempts, asked| schedule().pause(attempts, Some(Duration::from_secs(asked)), MIDDLE).as_secs();
        assert_eq!(pause(1, 30), 30);
        assert_eq!(pause(7, 30), 64, "its own pause is longer");
        assert_eq!(pause(1, 100_000), 900);
    }

    #[test]
    fn it_gives_up_when_the_next_attempt_would_be_too_late() {
        let since = Timestamp::UNIX_EPOCH;
        let just_before = since + Duration::from_secs(14 * 86_400 - 901);
        let just_after = since + Duration::from_secs(14 * 86_400 - 899);
        assert!(schedule().next(2000, since, just_before, MIDDLE).is_some());
        assert_eq!(schedule().next(2000, since, just_after, MIDDLE), None);
    }
}
