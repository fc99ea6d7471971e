//! Tells the log about callers that were turned away: what is answered 401 is gone for good, and an
//! operator whose portal has the wrong password must not learn of it from a missing order.
//!
//! Anybody on the internet can be turned away as often as they like, so the lines are few. Tradecloud's
//! own addresses are counted apart, so that nobody can drown it out.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::auth::AddressList;

/// At the most one line in that time, for Tradecloud and for all others.
const PAUSE: Duration = Duration::from_secs(30);
/// Of a path, whoever invented it, so much is logged.
const LONGEST_PATH: usize = 100;

/// What was logged lately.
pub(crate) struct TurnedAway {
    known: AddressList,
    tradecloud: Sparing,
    others: Sparing,
    delayed: Sparing,
}

impl TurnedAway {
    /// Nobody has been turned away yet.
    pub(crate) fn new() -> Self {
        Self {
            known: AddressList::tradecloud(),
            tradecloud: Sparing::default(),
            others: Sparing::default(),
            delayed: Sparing::default(),
        }
    }

    /// Notes that somebody was asked to come again though its credentials are wrong (`auth_grace`), for so
    /// much longer.
    pub(crate) fn note_delay(&self, address: IpAddr, path: &str, reason: &str, detail: &str, left: Duration) {
        let Some(unsaid) = self.delayed.speak(Instant::now()) else { return };
        let left = Duration::from_secs(left.as_secs());
        tracing::error!(
            reason,
            detail,
            from = %address,
            path = ?shortened(path),
            unsaid,
            left = %humantime::format_duration(left),
            "credentials that worked lately do not work any more: the sender is asked to come again (auth_grace), but \
             when that is over, its events are gone; correct the portal's settings or the credentials here"
        );
    }

    /// Notes that somebody was turned away, and why; `detail` may be empty.
    pub(crate) fn note(&self, address: IpAddr, path: &str, reason: &str, detail: &str) {
        let is_tradecloud = self.known.contains(address);
        let sparing = if is_tradecloud { &self.tradecloud } else { &self.others };
        let Some(unsaid) = sparing.speak(Instant::now()) else { return };
        let path = shortened(path);
        if is_tradecloud {
            tracing::error!(
                reason,
                detail,
                from = %address,
                ?path,
                unsaid,
                "Tradecloud was turned away, and does not send this event again; correct the portal's settings or the \
                 credentials here"
            );
        } else {
            tracing::warn!(
                reason,
                detail,
                from = %address,
                ?path,
                unsaid,
                "a caller was turned away; if it was Tradecloud, it does not send this event again"
            );
        }
    }
}

fn shortened(path: &str) -> String {
    path.chars().take(LONGEST_PATH).collect()
}

/// Speaks at the most once in [`PAUSE`], and counts what it did not say.
#[derive(Default)]
struct Sparing(Mutex<(Option<Instant>, u64)>);

impl Sparing {
    /// How much was not said since the last time; `None` if this is not to be said either.
    fn speak(&self, now: Instant) -> Option<u64> {
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
