//! How often somebody may ask: one request after another, and ten in a second.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// So many requests in a second.
const MOST: usize = 10;

/// A client that leaves exactly a tenth of a second between two of its requests may have them arrive a little closer;
/// that is no fault of his.
const SECOND: Duration = Duration::from_millis(900);

/// What has been asked, and what is being answered.
#[derive(Default)]
pub(crate) struct Gate {
    /// When the requests of the last second came: all of them,
    times: VecDeque<Instant>,
    /// and those that were let in.
    let_in: VecDeque<Instant>,
    busy: usize,
    /// The most requests in any second, whether or not they were let in.
    pub(crate) most: usize,
    /// How often each operation was asked for.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// How many were turned away because of their number.
    pub(crate) turned_away: u64,
}

impl Gate {
    /// Counts a request.
    pub(super) fn count(&mut self, operation: &'static str) {
        *self.counts.entry(operation).or_default() += 1;
    }

    /// Lets a request in, or says why not. Who was let in has to [`Gate::leave`].
    pub(super) fn enter(&mut self, now: Instant) -> Result<(), &'static str> {
        keep(&mut self.times, now, Duration::from_secs(1));
        self.times.push_back(now);
        self.most = self.most.max(self.times.len());
        keep(&mut self.let_in, now, SECOND);
        let refused = if self.busy > 0 {
            Some("Too many requests: send one after the other")
        } else {
            (self.let_in.len() >= MOST).then_some("Too many requests: at most 10 in a second")
        };
        if let Some(why) = refused {
            self.turned_away += 1;
            return Err(why);
        }
        self.let_in.push_back(now);
        self.busy += 1;
        Ok(())
    }

    /// A request is answered, or its client has left.
    pub(super) fn leave(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }
}

fn keep(times: &mut VecDeque<Instant>, now: Instant, within: Duration) {
    while times.front().is_some_and(|at| now.duration_since(*at) >= within) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_a_second_are_let_in_and_one_at_a_time() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        for request in 0..10 {
            assert_eq!(gate.enter(now + Duration::from_millis(request * 10)), Ok(()));
            gate.leave();
        }

        assert!(gate.enter(now + Duration::from_millis(500)).unwrap_err().contains("10 in a second"));
        assert_eq!(gate.enter(now + Duration::from_secs(1)), Ok(()));
        assert!(gate.enter(now + Duration::from_millis(1010)).unwrap_err().contains("one after the other"));
        assert_eq!((gate.most, gate.turned_away), (11, 2));
    }
}
