//! Reading for people: on connections of their own and only for so long, so that no question can hold up a delivery,
//! nor keep the log from being moved into the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::known::Known;
use super::reader::{Closed, Reader};
use crate::inbox::InboxError;

/// How long a question may take, the time included that it waits for its turn.
const LONGEST: Duration = Duration::from_secs(2);

/// How many questions are answered at once.
const AT_ONCE: usize = 2;

/// The connections that people read on.
#[derive(Clone)]
pub(super) struct People {
    readers: [Reader; AT_ONCE],
    free: Arc<Mutex<Vec<Reader>>>,
    turns: Arc<Semaphore>,
}

impl People {
    /// Of the inbox, opened when they are needed.
    pub(super) fn new(known: &Arc<Known>) -> Self {
        let readers = [(); AT_ONCE].map(|()| Reader::new(Arc::clone(known)));
        let free = Arc::new(Mutex::new(readers.to_vec()));
        Self { readers, free, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Closes them, once nobody reads.
    pub(super) fn close(&self) -> [Closed<'_>; AT_ONCE] {
        self.readers.each_ref().map(Reader::close)
    }

    /// Reads, if it does not take too long: else it is [`InboxError::TooLong`].
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let end = Instant::now() + LONGEST;
        let turn = timeout(LONGEST, Arc::clone(&self.turns).acquire_owned()).await.map_err(|_| InboxError::TooLong)?;
        let turn = turn.map_err(|_| InboxError::Closed)?;
        let reader = self.free().pop().ok_or(InboxError::TooLong)?;
        let people = self.clone();
        let back = Back { people, reader: reader.clone() };
        reader
            .run_until(Some(end), move |db| {
                // Both are given back when it is over, whether or not somebody still waits for the answer.
                let _back = (back, turn);
                work(db)
            })
            .await
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a connection back.
struct Back {
    people: People,
    reader: Reader,
}

impl Drop for Back {
    fn drop(&mut self) {
        self.people.free().push(self.reader.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tempfile::TempDir;

    use super::*;
    use crate::inbox::Purpose;
    use crate::inbox::sqlite::reader::Readers;

    const ENDLESS: &str =
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT count(*) FROM numbers";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_question_without_end_is_ended_and_holds_up_neither_the_work_nor_the_next_one() {
        let folder = TempDir::new().unwrap();
        let known = Arc::new(Known::open(folder.path().join("inbox.db"), Purpose::Serve).unwrap());
        let readers = Readers::new(&known);
        let endless = |db: &Connection| db.query_row(ENDLESS, [], |row| row.get::<_, i64>(0));
        let begun = Instant::now();

        let asked = tokio::join!(readers.people.ask(endless), readers.people.ask(endless), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let worked = readers.work.run(|db| db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))).await;
            (worked, begun.elapsed(), readers.people.ask(endless).await)
        });

        let (one, other, (worked, after, waited)) = asked;
        assert!(matches!(
            (one, other, waited),
            (Err(InboxError::TooLong), Err(InboxError::TooLong), Err(InboxError::TooLong))
        ));
        assert!(worked.is_ok() && after < LONGEST, "{worked:?} after {after:?}");
        let next = readers.people.ask(|db| db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))).await;
        assert_eq!(next.ok(), Some(1));
    }
}
