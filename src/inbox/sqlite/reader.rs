//! Reading, beside the writer: never waits for it, never makes it wait.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::open;
use crate::inbox::InboxError;

/// A connection that only reads, used by one at a time.
#[derive(Clone)]
pub(super) struct Reader(Arc<Shared>);

struct Shared {
    path: PathBuf,
    connection: Mutex<Option<(u64, Connection)>>,
    generation: Arc<AtomicU64>,
}

/// Tells the reader that the database was opened anew and may be another file.
#[derive(Clone)]
pub(super) struct Reopener(Arc<AtomicU64>);

impl Reopener {
    /// The reader opens its connection anew before it reads again.
    pub(super) fn reopen(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Reader {
    /// A reader of the database at `path`, which is opened when it is needed.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Shared { path, connection: Mutex::default(), generation: Arc::default() }))
    }

    pub(super) fn reopener(&self) -> Reopener {
        Reopener(Arc::clone(&self.0.generation))
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
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire);
        // Taken out while it is used: one that failed is not put back.
        let db = match connection.take() {
            Some((opened, db)) if opened == generation => db,
            _ => open::connect_to_read(&self.path)?,
        };
        let result = work(&db)?;
        *connection = Some((generation, db));
        Ok(result)
    }
}
