//! Events that could not be read when their references were looked for: left as they are, so that they hold up nobody,
//! and tried again after a while.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::events;

/// After so long they are tried again: a disk may be back.
const AGAIN: Duration = Duration::from_secs(3600);

/// So many of them are named in one line.
const NAMED: usize = 20;

/// Those of one inbox, by their sequences.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<Left>);

#[derive(Debug, Default)]
struct Left {
    events: BTreeSet<i64>,
    /// When the first of them was left.
    since: Option<Instant>,
    /// Those that were told about: each is once.
    told: BTreeSet<i64>,
}

impl Unreadable {
    /// Those that are to be left out this time.
    pub(super) fn left(&self) -> Vec<i64> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if left.since.is_some_and(|since| since.elapsed() > AGAIN) {
            left.events.clear();
            left.since = None;
        }
        left.events.iter().copied().collect()
    }

    /// Leaves these, each with why it cannot be read.
    pub(super) fn leave(&self, failed: &[(i64, String)]) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<_> = failed.iter().filter(|(event, _)| left.told.insert(*event)).collect();
        left.events.extend(failed.iter().map(|(event, _)| *event));
        if !failed.is_empty() {
            left.since.get_or_insert_with(Instant::now);
        }
        drop(left);
        if let Some((_, why)) = new.first() {
            let mut named: Vec<_> = new.iter().take(NAMED).map(|(event, _)| event.to_string()).collect();
            if new.len() > NAMED {
                named.push("…".to_owned());
            }
            events::inbox::not_read_for_numbers(new.len(), &named.join(", "), why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_left_out_until_it_is_tried_again() {
        let unreadable = Unreadable::default();
        unreadable.leave(&[(7, "damaged".to_owned()), (3, "damaged".to_owned())]);
        unreadable.leave(&[]);
        assert_eq!(unreadable.left(), [3, 7]);

        unreadable.0.lock().unwrap().since = Instant::now().checked_sub(AGAIN + Duration::from_secs(1));
        assert!(unreadable.left().is_empty());
        unreadable.leave(&[(7, "damaged".to_owned())]);
        assert_eq!(unreadable.left(), [7]);
    }
}
