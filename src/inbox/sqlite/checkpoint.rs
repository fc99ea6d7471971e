//! Moving the write-ahead log into the database, on a thread of its own, so that nobody waits.
//!
//! What a failed sync leaves unwritten, no later sync writes: the system takes it for written. Nor does
//! SQLite write it again, because it counts how far the log was moved, some of it before any sync. So
//! after a failure nothing is moved until every connection was closed and one opened anew: then SQLite
//! counts from the beginning of the log, which holds everything that the database may lack. And nothing is
//! added to the log before all of it is in the database and an empty one is begun: what comes after a
//! gap that a failed sync has left in it would not be found again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::open::BUSY;

use crate::telemetry::events;

/// How often the log is moved while events come.
const PAUSE: Duration = Duration::from_millis(200);

/// What the writer and the one who moves the log know of each other.
#[derive(Default)]
pub(super) struct Checkpoints {
    due: AtomicBool,
    ended: AtomicBool,
    distrusted: AtomicBool,
    /// Opened and closed by the writer, together with its own: opened by its path later, it could be another
    /// file that came in its place.
    connection: Mutex<Option<Connection>>,
}

/// As long as it is held, nothing is moved.
pub(super) type Held<'a> = MutexGuard<'a, Option<Connection>>;

impl Checkpoints {
    /// Moves the log whenever something was written (see [`Self::wrote`]), until the writer has ended.
    pub(super) fn run(&self) {
        loop {
            thread::park();
            while !self.ended.load(Ordering::Acquire) && self.due.swap(false, Ordering::AcqRel) {
                self.try_move("PRAGMA wal_checkpoint(PASSIVE)");
                thread::park_timeout(PAUSE);
            }
            if self.ended.load(Ordering::Acquire) {
                self.try_move("PRAGMA wal_checkpoint(TRUNCATE)");
                return;
            }
        }
    }

    /// There is something to move.
    pub(super) fn wrote(&self) {
        self.due.store(true, Ordering::Release);
    }

    /// The writer has ended: nothing more comes.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Something has failed: nothing is moved until [`Self::trust`].
    pub(super) fn distrust(&self) {
        self.distrusted.store(true, Ordering::Release);
    }

    /// Whether every connection is to be closed and opened anew.
    pub(super) fn is_distrusted(&self) -> bool {
        self.distrusted.load(Ordering::Acquire)
    }

    /// Every connection was closed, and this one is opened anew.
    pub(super) fn trust(&self, mut held: Held<'_>, connection: Connection) {
        *held = Some(connection);
        self.distrusted.store(false, Ordering::Release);
    }

    /// Closes the connection, once nothing is moved.
    pub(super) fn close(&self) -> Held<'_> {
        let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        *held = None;
        held
    }

    fn try_move(&self, how: &str) {
        let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_distrusted() {
            return;
        }
        if let Some(connection) = &*held
            && let Err(error) = connection.query_row(how, [], |_| Ok(()))
        {
            self.distrust();
            *held = None;
            // The log grows meanwhile, and the writer moves it itself from a certain size on.
            events::inbox::log_not_moved(&error);
        }
    }
}

/// Moves all of the log into the database, on the only connection there is, and begins an empty one.
/// `failed`: something has failed, so that it has to be done before anything is stored. Otherwise nobody
/// waits for another program that reads.
pub(super) fn start_over(db: &Connection, failed: bool) -> Result<(), String> {
    let patience = if failed { BUSY } else { Duration::ZERO };
    let busy =
        empty_log(db, patience).map_err(|error| format!("its log cannot be moved into the database: {error}"))?;
    if busy && failed {
        return Err("another program uses it, so that it cannot be set right after a failure".to_owned());
    }
    Ok(())
}

/// Moves all of the log into the database, and leaves it empty. Returns whether somebody else is in the way,
/// after so long.
pub(super) fn empty_log(db: &Connection, patience: Duration) -> rusqlite::Result<bool> {
    db.busy_timeout(patience)?;
    let busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    db.busy_timeout(BUSY)?;
    busy
}
