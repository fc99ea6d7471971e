//! Reading, beside the writer: never waits for it, never makes it wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::known::Known;
use super::open;
use super::writer::failed;
use crate::inbox::InboxError;

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
        let shared = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || shared.read(work)).await.map_err(failed)?
    }
}

impl Shared {
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, InboxError> {
        let mut connection = self.lock();
        self.known.here()?;
        // Taken out while it is used: one that failed is not put back.
        let db = match connection.take() {
            Some(db) => db,
            None => self.connect()?,
        };
        let result = work(&db).map_err(failed)?;
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
