//! More requests than can be worked on: some are told to come again, while that still costs little.
//!
//! Two things are bounded: how many are worked on at once, because HTTP/2 lets one connection carry a
//! hundred; and how long an event waits for the inbox, because one that has waited too long is repeated
//! although it gets stored, which makes an overload worse.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::sparing::Sparing;

/// So many are taken however slow the inbox is; by them it shows when it has recovered.
const ALWAYS: usize = 64;

/// How much is being done.
#[derive(Debug, Clone)]
pub(crate) struct Load(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    slow: Duration,
    working: AtomicUsize,
    /// How long storing an event took lately, in microseconds.
    storing: AtomicU64,
    log: Sparing,
}

/// One request that is worked on.
#[derive(Debug)]
pub(crate) struct Place(Load);

impl Load {
    /// Room for `most` requests, and for few once storing an event takes longer than `slow`.
    pub(crate) fn new(most: usize, slow: Duration) -> Self {
        Self(Arc::new(Shared {
            most,
            slow,
            working: AtomicUsize::new(0),
            storing: AtomicU64::new(0),
            log: Sparing::default(),
        }))
    }

    /// Takes a place, if there is one.
    pub(crate) fn enter(&self) -> Option<Place> {
        let place = Place(self.clone());
        let before = self.0.working.fetch_add(1, Ordering::Relaxed);
        let is_slow = Duration::from_micros(self.0.storing.load(Ordering::Relaxed)) > self.0.slow;
        let most = if is_slow { self.0.most.min(ALWAYS) } else { self.0.most };
        (before < most).then_some(place)
    }

    /// Waits until an event is stored, and notes how long that takes.
    pub(crate) async fn storing<T>(&self, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let mut work = pin!(work);
        let early = timeout(self.0.slow * 2, &mut work).await;
        // If it hangs, that is to be known before it ends.
        self.stored_in(begun.elapsed());
        match early {
            Ok(stored) => stored,
            Err(_) => work.await,
        }
    }

    /// Tells the log that a request was told to come again.
    pub(crate) fn shed(&self) {
        if let Some(unsaid) = self.0.log.speak(Instant::now()) {
            tracing::warn!(
                unsaid,
                "there is more to do than can be done (server.limits, or a slow disk): some are told to come again"
            );
        }
    }

    /// Notes how long it took to store an event, or how long it has taken so far.
    fn stored_in(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // An update that gets lost between two threads is made up for by the next.
        let before = self.0.storing.load(Ordering::Relaxed);
        self.0.storing.store(before - before / 8 + time / 8, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.working.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_back_is_there_for_the_next() {
        let load = Load::new(2, Duration::from_secs(1));
        let (first, second) = (load.enter(), load.enter());
        assert!(first.is_some() && second.is_some() && load.enter().is_none());
        drop(first);
        assert!(load.enter().is_some());
    }

    #[test]
    fn while_storing_is_slow_only_few_are_taken() {
        let load = Load::new(1000, Duration::from_secs(1));
        (0..50).for_each(|_| load.stored_in(Duration::from_secs(4)));
        let few: Vec<_> = (0..1000).filter_map(|_| load.enter()).collect();
        assert_eq!(few.len(), ALWAYS);
        (0..50).for_each(|_| load.stored_in(Duration::from_millis(1)));
        assert!(load.enter().is_some(), "it has recovered");
    }
}
