//! Reading, beside the writer: never waits for it, never makes it wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::open;
use crate::inbox::InboxError;

/// A connection that only reads, used by one at a time.
#[derive(Clone)]
pub(super) struct Reader(Arc<Shared>);

struct Shared {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

/// As long as it is held, the connection is closed.
pub(super) type Closed<'a> = MutexGuard<'a, Option<Connection>>;

impl Reader {
    /// A reader of the database at `path`, which is opened when it is needed.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Shared { path, connection: Mutex::default() }))
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
        tokio::task::spawn_blocking(move || shared.read(work))
            .await
            .map_err(|panic| InboxError::Failed(panic.to_string()))?
            .map_err(|error| InboxError::Failed(error.to_string()))
    }
}

impl Shared {
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut connection = self.lock();
        // Taken out while it is used: one that failed is not put back.
        let db = match connection.take() {
            Some(db) => db,
            None => open::connect_to_read(&self.path)?,
        };
        let result = work(&db)?;
        *connection = Some(db);
        Ok(result)
    }

    fn lock(&self) -> Closed<'_> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
