//! Whose turn it is: one at a time for the same document, and few downloads at once; and what was said lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard, Semaphore, SemaphorePermit};

/// Downloads at once.
const AT_ONCE: usize = 2;

/// For so long it is not said again that a document is not to be had.
const QUIET: Duration = Duration::from_secs(3600);

/// Of so many documents it is remembered that it was said.
const REMEMBERED: usize = 1000;

/// Turns by document, and places for downloads.
#[derive(Debug)]
pub(super) struct Turns {
    of: Mutex<HashMap<String, Weak<Turn<()>>>>,
    places: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { of: Mutex::default(), places: Semaphore::new(AT_ONCE) }
    }
}

impl Turns {
    /// Waits until nobody else has to do with that document; nobody has as long as this is held.
    pub(super) async fn of(&self, document: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(turn) = turns.get(document).and_then(Weak::upgrade) {
                turn
            } else {
                // Few are under way at a time, so this looks at few.
                turns.retain(|_, turn| turn.strong_count() > 0);
                let turn = Arc::new(Turn::new(()));
                turns.insert(document.to_owned(), Arc::downgrade(&turn));
                turn
            }
        };
        turn.lock_owned().await
    }

    /// Waits for a place to download in; nobody closes the door.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }
}

/// What was said lately.
#[derive(Debug, Default)]
pub(super) struct Unsaid(Mutex<HashMap<String, Instant>>);

impl Unsaid {
    /// Whether that has not been said lately. From now on it has.
    pub(super) fn is_news(&self, what: &str) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(what).is_some_and(|at| at.elapsed() < QUIET) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.retain(|_, at| at.elapsed() < QUIET);
        }
        if said.len() < REMEMBERED {
            said.insert(what.to_owned(), Instant::now());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_has_to_do_with_a_document_and_nothing_is_left_of_those_that_are_done() {
        let turns = Turns::default();

        let first = turns.of("a").await;
        let _other = turns.of("b").await;
        let second = tokio::time::timeout(Duration::from_millis(20), turns.of("a")).await;

        assert!(second.is_err());
        drop(first);
        let _third = turns.of("a").await;
        assert_eq!(turns.of.lock().unwrap().len(), 2);
    }

    #[test]
    fn what_was_said_is_not_said_again_at_once() {
        let unsaid = Unsaid::default();

        assert!(unsaid.is_news("a") && unsaid.is_news("b"));
        assert!(!unsaid.is_news("a"));
    }
}
