//! The machine's clock, which somebody may set: what waits must not wait for hours because of that, nor
//! be given up.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::micros;

/// Clocks are kept right in small steps all the time; those do not matter.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// Notices that the clock was set.
#[derive(Default)]
pub(super) struct Clock(Mutex<Option<(Instant, Timestamp)>>);

/// How the clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// Back, or nobody knows: it may have been set while no receiver was running.
    Back,
    /// By so much.
    Forward(SignedDuration),
}

impl Clock {
    /// Whether the clock was set since the last look, for which one that goes on evenly is compared.
    pub(super) fn look(&self) -> Option<Set> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (Instant::now(), Timestamp::now());
        let Some((then, time)) = last.replace(now) else { return Some(Set::Back) };
        let expected = time.saturating_add(now.0.duration_since(then)).unwrap_or(Timestamp::MAX);
        let by = now.1.duration_since(expected);
        if by < -STEP { Some(Set::Back) } else { (by > STEP).then_some(Set::Forward(by)) }
    }

    /// Has the next look say that the clock may have been set: what followed from it could not be done.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Moves the times of what waits along with the clock; returns how many deliveries that are.
pub(super) fn follow(db: &Connection, set: Set, now: Timestamp) -> rusqlite::Result<usize> {
    match set {
        // Something that happened in the future shows that the due time is of the other clock.
        Set::Back => db.execute(
            "UPDATE deliveries SET due = ?1, since = min(since, ?1), changed = ?1
             WHERE state = 0 AND due > ?1 AND changed > ?1",
            [micros(now)],
        ),
        // What is due by that is due; but nothing has been tried for all that time.
        Set::Forward(by) => db.execute(
            "UPDATE deliveries SET since = min(since + ?1, ?2) WHERE state = 0 AND due IS NOT NULL",
            params![i64::try_from(by.as_micros()).unwrap_or(i64::MAX), micros(now)],
        ),
    }
}
