//! Room for an event that the process may not survive.
//!
//! Who knows which event it was that ended the process, if several were worked on? So each of them is tried
//! alone next. It must not cost the others much: a back end that hangs would else hold up all of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long an attempt that is to be alone waits for those that have begun, and how long it stays alone. After
/// that others go on beside it: what ends a process does so soon, and what takes longer waits for a back end.
const LONGEST: Duration = Duration::from_secs(10);

/// All attempts of the process go through here.
#[derive(Clone, Default)]
pub(crate) struct Alone {
    /// Held for reading by everybody, for writing by who is alone. It is fair.
    attempts: Arc<RwLock<()>>,
    /// Held by one under suspicion until its attempt has ended: two of them are never at work together, or one
    /// would answer for the other.
    suspects: Arc<Mutex<()>>,
}

/// The turn of one under suspicion.
pub(super) struct Turn {
    _held: OwnedMutexGuard<()>,
}

/// An attempt may go on for as long as it has this.
pub(super) struct Place {
    _among_others: Option<OwnedRwLockReadGuard<()>>,
    _alone: JoinSet<()>,
    _suspect: Option<Turn>,
}

impl Alone {
    /// Waits for a place for an attempt that may go on beside others.
    pub(super) async fn beside_others(&self) -> Place {
        let place = Arc::clone(&self.attempts).read_owned().await;
        Place { _among_others: Some(place), _alone: JoinSet::new(), _suspect: None }
    }

    /// Waits until no other one under suspicion is at work. It may be long.
    pub(super) async fn turn(&self) -> Turn {
        Turn { _held: Arc::clone(&self.suspects).lock_owned().await }
    }

    /// Waits for a place for an attempt that is to be alone, whose turn it is.
    pub(super) async fn alone(&self, turn: Turn) -> Place {
        let mut alone = JoinSet::new();
        if let Ok(all) = timeout(LONGEST, Arc::clone(&self.attempts).write_owned()).await {
            alone.spawn(async move {
                let _all = all;
                sleep(LONGEST).await;
            });
        }
        Place { _among_others: None, _alone: alone, _suspect: Some(turn) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::{Alone, LONGEST};

    const A_MOMENT: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn one_under_suspicion_waits_for_the_others_and_they_for_it() {
        let places = Alone::default();
        let first = places.beside_others().await;
        let turn = places.turn().await;
        assert!(timeout(A_MOMENT, places.alone(turn)).await.is_err());
        drop(first);

        let alone = places.alone(places.turn().await).await;
        assert!(timeout(A_MOMENT, places.beside_others()).await.is_err());
        drop(alone);

        assert!(timeout(A_MOMENT, places.beside_others()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_hangs_holds_up_the_others_for_a_few_seconds_only() {
        let places = Alone::default();
        let _hangs = places.beside_others().await;
        let begun = Instant::now();

        let _also_hangs = places.alone(places.turn().await).await;
        assert!(begun.elapsed() <= LONGEST + A_MOMENT);
        drop(places.beside_others().await);

        assert!(begun.elapsed() <= 2 * LONGEST + A_MOMENT);
        assert!(timeout(10 * LONGEST, places.turn()).await.is_err(), "two under suspicion are never at work together");
    }
}
