//! The memory that bodies may take, all together: those that are received (`server.limits.bodies_in_memory`), and
//! apart from them those that one handler's deliveries are about (`delivery.bodies_in_memory`).
//!
//! A request that finds no room is told to come again; a delivery tries again a moment later. Somebody who waits for
//! much room keeps everybody else out meanwhile, so only a delivery does that which has tried for long enough.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

/// The unit that is counted; a body takes whole units.
const UNIT: usize = 1024;

/// Pause before looking for room again.
const PAUSE: Duration = Duration::from_millis(50);
/// After so long one waits in line, and nobody is let past.
const PATIENCE: Duration = Duration::from_secs(5);

/// Room for bodies, shared by all who hold some.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    all: usize,
}

/// Some room, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share(OwnedSemaphorePermit);

impl Budget {
    /// Room for that many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let all = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    /// Waits for room for `bytes`, as long as it takes.
    pub(crate) async fn room(&self, bytes: usize) -> Share {
        let begun = Instant::now();
        loop {
            if let Some(share) = self.take(bytes) {
                return share;
            }
            sleep(PAUSE).await;
            // Small ones would for ever come before a large one.
            if begun.elapsed() > PATIENCE
                && let Some(share) = self.wait(bytes).await
            {
                return share;
            }
        }
    }

    /// Waits for room in line. Whoever comes later waits behind.
    async fn wait(&self, bytes: usize) -> Option<Share> {
        let units = u32::try_from(bytes.div_ceil(UNIT).min(self.all)).ok()?;
        Arc::clone(&self.free).acquire_many_owned(units).await.ok().map(Share)
    }

    /// Takes room for `bytes`, or `None` if there is not so much left. More than all there is counts as
    /// all there is: it is to be had one day, alone.
    pub(crate) fn take(&self, bytes: usize) -> Option<Share> {
        let units = u32::try_from(bytes.div_ceil(UNIT).min(self.all)).ok()?;
        Arc::clone(&self.free).try_acquire_many_owned(units).ok().map(Share)
    }
}

impl Share {
    /// Grows by `more`, which is part of this share from then on.
    pub(crate) fn join(&mut self, more: Self) {
        self.0.merge(more.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::{Budget, PATIENCE};

    #[test]
    fn what_is_taken_is_there_again_when_it_is_given_back() {
        let budget = Budget::new(10 * 1024);
        let mut share = budget.take(6 * 1024).unwrap();
        share.join(budget.take(3 * 1024).unwrap());
        assert!(budget.take(1025).is_none());
        drop(share);
        assert!(budget.take(10 * 1024).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_needs_much_room_gets_it_although_small_ones_go_on_coming() {
        let budget = Budget::new(10 * 1024);
        // There is always one of them that has some.
        for number in 0..3 {
            let budget = budget.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(100 * number)).await;
                loop {
                    let _share = budget.room(3 * 1024).await;
                    sleep(Duration::from_millis(300)).await;
                }
            });
        }
        sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();

        let large = tokio::time::timeout(10 * PATIENCE, budget.room(10 * 1024)).await;

        assert!(large.is_ok(), "it waits for ever");
        assert!(begun.elapsed() > PATIENCE, "small ones were not let past at first");
        assert!(budget.take(1).is_none(), "it has all there is");
        drop(large);
        sleep(Duration::from_secs(1)).await;
        assert!(budget.take(9 * 1024).is_none(), "the small ones go on");
    }
}
