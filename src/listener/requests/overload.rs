//! More requests than can be worked on: most wait for a moment, and what would wait too long is told to come
//! again.
//!
//! Two things are bounded: how many requests are there at once, because HTTP/2 lets one connection carry a
//! hundred; and how many events are stored at once. The others wait in the order they came: that holds their
//! senders back, while an answer would have them come again at once, and cost nearly as much as the event. It
//! is also bounded how long they wait, because an event that is answered too late is repeated although it gets
//! stored, which makes an overload worse.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::telemetry::{Sparing, events};

/// So many events are stored at once: enough for each sync of the disk to be for many.
const AT_ONCE: usize = 128;

/// How much is being done.
#[derive(Debug, Clone)]
pub(crate) struct Load(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    /// When an answer is due.
    within: Duration,
    working: AtomicUsize,
    turns: Semaphore,
    /// How long storing an event took lately, in microseconds.
    storing: AtomicU64,
    log: Sparing<()>,
}

/// One request that is worked on.
#[derive(Debug)]
pub(crate) struct Place(Load);

impl Load {
    /// Room for `most` requests, each to be answered `within` that time.
    pub(crate) fn new(most: usize, within: Duration) -> Self {
        Self(Arc::new(Shared {
            most,
            within,
            working: AtomicUsize::new(0),
            turns: Semaphore::new(AT_ONCE),
            storing: AtomicU64::new(0),
            log: Sparing::new(|(), calls| events::intake::overloaded(calls)),
        }))
    }

    /// Takes a place, if there is one.
    pub(crate) fn enter(&self) -> Option<Place> {
        let place = Place(self.clone());
        let before = self.0.working.fetch_add(1, Ordering::Relaxed);
        (before < self.0.most).then_some(place)
    }

    /// Stores an event by `work` when it is its turn, and notes how long that takes. `None` if its turn does not
    /// come in time for an answer that is `due`; then nothing was done.
    pub(crate) async fn storing<T>(&self, due: Instant, work: impl Future<Output = T>) -> Option<T> {
        let _turn = self.turn(due).await?;
        let begun = Instant::now();
        let mut work = pin!(work);
        let early = timeout(self.0.within / 2, &mut work).await;
        // If it hangs, that is to be known before it ends.
        self.stored_in(begun.elapsed());
        Some(match early {
            Ok(stored) => stored,
            Err(_) => work.await,
        })
    }

    /// A turn, if it comes while there is still time to store an event.
    async fn turn(&self, due: Instant) -> Option<SemaphorePermit<'_>> {
        let storing = Duration::from_micros(self.0.storing.load(Ordering::Relaxed));
        let left = due.saturating_duration_since(Instant::now());
        let patience = left.saturating_sub(storing * 2).min(self.0.within / 2);
        if patience.is_zero() {
            // Those that find a free one show when it has recovered.
            return self.0.turns.try_acquire().ok();
        }
        timeout(patience, self.0.turns.acquire()).await.ok()?.ok()
    }

    /// Tells the log that a request was told to come again.
    pub(crate) fn shed(&self) {
        self.0.log.note(());
    }

    /// Tells what has not been told yet, because the receiver ends.
    pub(crate) fn tell_rest(&self) {
        self.0.log.tell_rest();
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
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(4);

    fn due() -> Instant {
        Instant::now() + WITHIN
    }

    /// Events that are being stored without end; the rest is told to come again.
    async fn begin(load: &Load, events: usize) -> Vec<std::pin::Pin<Box<impl Future<Output = Option<()>>>>> {
        let mut begun = Vec::new();
        for _ in 0..events {
            let mut event = Box::pin(load.storing(due(), pending()));
            if poll_fn(|cx| Poll::Ready(event.as_mut().poll(cx))).await.is_pending() {
                begun.push(event);
            }
        }
        begun
    }

    #[test]
    fn a_place_that_is_given_back_is_there_for_the_next() {
        let load = Load::new(2, WITHIN);
        let (first, second) = (load.enter(), load.enter());
        assert!(first.is_some() && second.is_some() && load.enter().is_none());
        drop(first);
        assert!(load.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_waits_for_its_turn_but_not_for_long() {
        let load = Load::new(1000, WITHIN);
        let mut stored = begin(&load, AT_ONCE).await;
        let begun = Instant::now();
        assert_eq!(load.storing(due(), async {}).await, None);
        assert_eq!(begun.elapsed().as_secs(), 2);
        assert_eq!(load.storing(Instant::now() + WITHIN / 4, async {}).await, None);
        assert_eq!(begun.elapsed().as_secs(), 3, "there was less time left");

        let waiting = load.storing(due(), async {});
        let (turn, ()) = tokio::join!(waiting, async { drop(stored.pop()) });
        assert_eq!(turn, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn while_storing_is_slow_no_event_waits() {
        let load = Load::new(1000, WITHIN);
        (0..50).for_each(|_| load.stored_in(WITHIN));
        let stored = begin(&load, 2 * AT_ONCE).await;
        assert_eq!(stored.len(), AT_ONCE);

        drop(stored);
        (0..50).for_each(|_| load.stored_in(Duration::from_millis(1)));
        assert_eq!(load.storing(due(), async {}).await, Some(()), "it has recovered");
    }
}
