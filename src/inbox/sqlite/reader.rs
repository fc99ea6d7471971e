//! Reading, beside the writer: never waits for it, never makes it wait.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::{Connection, ErrorCode};

use super::known::Known;
use super::open;
use super::people::People;
use super::writer::failed;
use crate::inbox::InboxError;

/// Steps of SQLite's machine between two looks at the clock: some microseconds.
const STEPS: c_int = 1000;

/// A connection that only reads, used by one at a time.
#[derive(Clone)]
pub(super) struct Reader(Arc<Shared>);

struct Shared {
    known: Arc<Known>,
    connection: Mutex<Option<Connection>>,
}

/// As long as it is held, the connection is closed.
pub(super) type Closed<'a> = MutexGuard<'a, Option<Connection>>;

impl Reader {
    /// A reader of the inbox, which is opened when it is needed.
    pub(super) fn new(known: Arc<Known>) -> Self {
        Self(Arc::new(Shared { known, connection: Mutex::default() }))
    }

    /// Closes the connection, once nobody reads. The next one who reads opens one anew.
    pub(super) fn close(&self) -> Closed<'_> {
        let mut connection = self.0.lock();
        *connection = None;
        connection
    }

    /// Does `work` on a thread where it may block.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        self.run_until(None, work).await
    }

    /// The same, ended at that moment if it is not through by then.
    pub(super) async fn run_until<T: Send + 'static>(
        &self,
        end: Option<Instant>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let shared = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || shared.read(end, work)).await.map_err(failed)?
    }
}

/// The readers of an inbox: for its work, for what is done in the background, and for people.
#[derive(Clone)]
pub(super) struct Readers {
    pub(super) work: Reader,
    pub(super) background: Reader,
    pub(super) people: People,
}

impl Readers {
    /// Of the inbox; none is open yet.
    pub(super) fn new(known: &Arc<Known>) -> Self {
        let reader = || Reader::new(Arc::clone(known));
        Self { work: reader(), background: reader(), people: People::new(known) }
    }

    /// Closes all connections, each once nobody reads on it. Those who read next open them anew.
    pub(super) fn close(&self) -> Vec<Closed<'_>> {
        let mut closed = vec![self.work.close(), self.background.close()];
        closed.extend(self.people.close());
        closed
    }
}

impl Shared {
    fn read<T>(
        &self,
        end: Option<Instant>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, InboxError> {
        let mut connection = self.lock();
        self.known.here()?;
        // Taken out while it is used: one that failed is not put back.
        let mut db = match connection.take() {
            Some(db) => db,
            None => self.connect()?,
        };
        if let Some(end) = end {
            db.progress_handler(STEPS, Some(move || Instant::now() >= end)).map_err(failed)?;
        }
        let result = work(&db);
        if let Err(error) = &result
            && error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
        {
            return Err(InboxError::TooLong);
        }
        let result = result.map_err(failed)?;
        *connection = Some(db);
        Ok(result)
    }

    /// Opened by its name, which may lead elsewhere by now.
    fn connect(&self) -> Result<Connection, InboxError> {
        let db = open::connect_to_read(self.known.path()).map_err(failed)?;
        self.known.judge(&db)?;
        self.known.here()?;
        Ok(db)
    }

    fn lock(&self) -> Closed<'_> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
