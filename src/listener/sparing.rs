//! Lines of the log that anybody can cause as often as they like: few of them, and a count of the rest.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At the most one line in that time.
const PAUSE: Duration = Duration::from_secs(30);

/// Speaks at the most once in [`PAUSE`], and counts what it did not say.
#[derive(Debug, Default)]
pub(crate) struct Sparing(Mutex<(Option<Instant>, u64)>);

impl Sparing {
    /// How much was not said since the last time; `None` if this is not to be said either.
    pub(crate) fn speak(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            state.1 += 1;
            return None;
        }
        let unsaid = std::mem::take(&mut state.1);
        state.0 = Some(now);
        Some(unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::{PAUSE, Sparing};
    use std::time::Instant;

    #[test]
    fn what_is_repeated_is_counted_and_told_after_a_pause() {
        let (sparing, begin) = (Sparing::default(), Instant::now());
        assert_eq!(sparing.speak(begin), Some(0));
        assert_eq!(sparing.speak(begin), None);
        assert_eq!(sparing.speak(begin + PAUSE / 2), None);
        assert_eq!(sparing.speak(begin + PAUSE), Some(2));
        assert_eq!(sparing.speak(begin + PAUSE * 2), Some(0));
    }
}
