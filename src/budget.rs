//! The memory that bodies may take, all together: those that are received (`server.limits.bodies_in_memory`), and
//! apart from them those that one handler's deliveries are about (`delivery.bodies_in_memory`).
//!
//! A request that finds no room is told to come again; a delivery tries again a moment later. Somebody who waits for
//! much room keeps everybody else out meanwhile, so only a delivery does that which has tried for long enough.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit that is counted; a body takes whole units.
const UNIT: usize = 1024;

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

    /// Waits for room for `bytes`. Whoever comes later waits behind.
    pub(crate) async fn wait(&self, bytes: usize) -> Option<Share> {
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
    use super::Budget;

    #[test]
    fn what_is_taken_is_there_again_when_it_is_given_back() {
        let budget = Budget::new(10 * 1024);
        let mut share = budget.take(6 * 1024).unwrap();
        share.join(budget.take(3 * 1024).unwrap());
        assert!(budget.take(1025).is_none());
        drop(share);
        assert!(budget.take(10 * 1024).is_some());
    }
}
