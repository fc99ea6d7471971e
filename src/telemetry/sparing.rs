//! Lines of the log that anybody can cause as often as they like: few of them, which say how often it was.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

/// At the most one line in that time.
const PAUSE: Duration = Duration::from_secs(30);

/// Tells the first of many things at once, and of those that follow in the next [`PAUSE`] the latest when it is over,
/// with how many they were. The numbers of all lines together are those of what has happened: none is left out, not
/// even if none comes after it.
#[derive(Debug)]
pub(crate) struct Sparing<T>(Arc<Quiet<T>>);

#[derive(Debug)]
struct Quiet<T> {
    tell: fn(&T, u64),
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    /// Something was told lately.
    lately: bool,
    /// What has come since, and how many that is.
    latest: Option<T>,
    untold: u64,
}

impl<T: Send + 'static> Sparing<T> {
    /// `tell` writes the line.
    pub(crate) fn new(tell: fn(&T, u64)) -> Self {
        let state = State { lately: false, latest: None, untold: 0 };
        Self(Arc::new(Quiet { tell, state: Mutex::new(state) }))
    }

    /// Tells what has not been told yet, because the receiver ends.
    pub(crate) fn tell_rest(&self) {
        self.0.sum_up();
    }

    /// It has happened once more.
    pub(crate) fn note(&self, what: T) {
        // Without a runtime nobody would come back to tell the rest.
        let Ok(runtime) = Handle::try_current() else { return (self.0.tell)(&what, 1) };
        let mut state = self.0.state();
        if state.lately {
            state.untold += 1;
            state.latest = Some(what);
            return;
        }
        state.lately = true;
        drop(state);
        (self.0.tell)(&what, 1);
        let quiet = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            loop {
                sleep(PAUSE).await;
                if !quiet.upgrade().is_some_and(|quiet| quiet.sum_up()) {
                    return;
                }
            }
        });
    }
}

/// Else what a credential has counted would be lost with it when a reload takes it away.
impl<T> Drop for Quiet<T> {
    fn drop(&mut self) {
        self.sum_up();
    }
}

impl<T> Quiet<T> {
    /// Tells what has come meanwhile; whether there was anything.
    fn sum_up(&self) -> bool {
        let (latest, untold) = {
            let mut state = self.state();
            let latest = state.latest.take();
            state.lately = latest.is_some();
            (latest, std::mem::take(&mut state.untold))
        };
        latest.as_ref().inspect(|latest| (self.tell)(latest, untold)).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    static TOLD: Mutex<Vec<(&str, u64)>> = Mutex::new(Vec::new());

    fn tell(what: &&'static str, times: u64) {
        TOLD.lock().unwrap().push((what, times));
    }

    async fn after(pause: Duration) -> Vec<(&'static str, u64)> {
        // The one who comes back sets out before the time runs.
        tokio::task::yield_now().await;
        advance(pause).await;
        tokio::task::yield_now().await;
        std::mem::take(&mut *TOLD.lock().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_all_others_when_the_pause_is_over_even_if_none_follows() {
        let sparing = Sparing::new(tell);

        sparing.note("first");
        assert_eq!(after(Duration::ZERO).await, [("first", 1)]);
        sparing.note("second");
        sparing.note("third");
        assert_eq!(after(PAUSE / 2).await, []);
        assert_eq!(after(PAUSE).await, [("third", 2)]);
        sparing.note("fourth");
        assert_eq!(after(Duration::ZERO).await, [], "a line was just written");
        assert_eq!(after(PAUSE).await, [("fourth", 1)]);
        assert_eq!(after(PAUSE).await, []);
        sparing.note("fifth");
        assert_eq!(after(Duration::ZERO).await, [("fifth", 1)]);
        sparing.note("sixth");
        sparing.tell_rest();
        assert_eq!(after(Duration::ZERO).await, [("sixth", 1)], "the end leaves nothing untold");
    }

    static LAST_WORDS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

    /// As those of a credential that a reload takes away.
    #[tokio::test(start_paused = true)]
    async fn what_is_untold_when_nobody_needs_it_any_more_is_told_then() {
        let sparing = Sparing::new(|(), times| LAST_WORDS.lock().unwrap().push(times));
        (0..3).for_each(|_| sparing.note(()));

        drop(sparing);

        assert_eq!(*LAST_WORDS.lock().unwrap(), [1, 2]);
    }
}
