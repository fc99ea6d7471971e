//! The one file that this program has open as its inbox, and no other that comes in its place.
//!
//! A path may lead elsewhere at any time: a volume is unmounted, a folder moved, an old copy put back. What
//! is then found there is not the inbox, whatever it looks like, and nothing may be acknowledged into it. So
//! before anything is done, the names must still lead to the files that were opened; and what is opened by
//! its name must have the identity of the inbox and hold what was last acknowledged. Meanwhile nothing is
//! made: neither folder nor file.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::open;
use crate::inbox::{InboxError, Purpose};

/// What the names of the files end with: the database, its log, the index of that, and the lock of a receiver.
const ENDINGS: [&str; 4] = ["", "-wal", "-shm", LOCK];
const LOCK: &str = ".lock";

/// The inbox as it was last seen.
pub(super) struct Known {
    path: PathBuf,
    purpose: Purpose,
    /// See [`crate::inbox::Archive::taken_over_from`].
    pub(super) taken_over_from: Option<u32>,
    state: Mutex<State>,
}

struct State {
    mark: Mark,
    /// The database, also while it is away.
    database: Option<FileId>,
    /// What is open. Nothing while it is away, so that a volume can be taken off.
    files: Option<[Option<FileId>; 4]>,
    lock: Option<File>,
}

/// What an inbox is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    id: Vec<u8>,
    /// How often it was written to, as far as that is durable.
    commits: i64,
}

impl Mark {
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Self> {
        db.prepare_cached("SELECT id, commits FROM identity")?
            .query_row([], |row| Ok(Self { id: row.get(0)?, commits: row.get(1)? }))
    }
}

impl Known {
    /// Opens the inbox for the first time, and makes it if it is new (but only to serve).
    pub(super) fn open(path: PathBuf, purpose: Purpose) -> anyhow::Result<Self> {
        let (lock, db, taken_over_from) = open::prepare(&path, purpose)?;
        let mark = Mark::read(&db)?;
        let state = State { mark, database: FileId::of(&path), files: None, lock };
        let known = Self { path, purpose, taken_over_from, state: Mutex::new(state) };
        known.opened()?;
        Ok(known)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whether the names still lead to what is open.
    pub(super) fn here(&self) -> Result<(), InboxError> {
        let now = self.seen();
        let Some(files) = self.state().files.clone() else { return Err(self.gone("", "is not open")) };
        match (0..ENDINGS.len()).find(|number| files[*number] != now[*number]) {
            None => Ok(()),
            Some(number) if now[number].is_none() => Err(self.gone(ENDINGS[number], "is not there any more")),
            Some(number) => Err(self.gone(ENDINGS[number], "is another file than before")),
        }
    }

    /// Whether what the path leads to may be opened: it is this inbox, and no other receiver works on it.
    /// Takes the lock that is there. Changes nothing, and makes nothing in a place that is not known.
    pub(super) fn find(&self) -> Result<(), InboxError> {
        let Some(found) = FileId::of(&self.path) else { return Err(self.gone("", "is not there any more")) };
        let mut state = self.state();
        let same_file = state.database.as_ref() == Some(&found);
        let id = id_in(&self.path);
        match &id {
            Ok(id) if *id != state.mark.id => return Err(self.gone("", "is another inbox")),
            // What was written last may be in the log only, where this does not look.
            Err(_) if same_file => {}
            Err(error) => return Err(self.gone("", &format!("cannot be recognised as the inbox: {error}"))),
            Ok(_) => {}
        }
        if self.purpose == Purpose::Serve {
            self.take_lock(&mut state, same_file && id.is_ok())?;
        }
        state.database = Some(found);
        Ok(())
    }

    fn take_lock(&self, state: &mut State, make: bool) -> Result<(), InboxError> {
        let path = open::beside(&self.path, LOCK);
        if let Some(held) = &state.lock
            && FileId::of_open(held) == FileId::of(&path)
        {
            return Ok(());
        }
        state.lock = None;
        let lock = OpenOptions::new().write(true).create(make).truncate(false).open(&path).map_err(|error| {
            self.gone(
                LOCK,
                &format!("cannot be opened ({error}): start the receiver anew if the inbox is the right one"),
            )
        })?;
        match lock.try_lock() {
            Ok(()) if FileId::of_open(&lock) == FileId::of(&path) => {
                state.lock = Some(lock);
                Ok(())
            }
            Ok(()) => Err(self.gone(LOCK, "is another file than before")),
            Err(TryLockError::WouldBlock) => Err(self.gone("", "is in the hands of another receiver by now. Stop it")),
            Err(TryLockError::Error(error)) => Err(self.gone(LOCK, &format!("cannot be locked: {error}"))),
        }
    }

    /// Whether an open connection leads to this inbox, with all that was acknowledged.
    pub(super) fn judge(&self, db: &Connection) -> Result<(), InboxError> {
        let found = Mark::read(db).map_err(|error| self.gone("", &format!("cannot be recognised: {error}")))?;
        let mark = self.state().mark.clone();
        if found.id != mark.id {
            return Err(self.gone("", "is another inbox"));
        }
        if found.commits < mark.commits {
            return Err(self.gone("", "is a copy of the inbox from before the last events were acknowledged"));
        }
        Ok(())
    }

    /// Everything is open: from now on these files are it, if the database still is the one that was found.
    pub(super) fn opened(&self) -> Result<(), InboxError> {
        let files = self.seen();
        let mut state = self.state();
        if files[0] != state.database {
            return Err(self.gone("", "is another file than a moment ago"));
        }
        state.files = Some(files);
        Ok(())
    }

    /// Everything is closed, the lock given back.
    pub(super) fn left(&self) {
        let mut state = self.state();
        state.files = None;
        state.lock = None;
    }

    /// Something was written, and is durable.
    pub(super) fn committed(&self, commits: i64) {
        let mut state = self.state();
        state.mark.commits = commits.max(state.mark.commits);
    }

    /// Counts a transaction that writes; returns how many there were.
    pub(super) fn count(db: &Connection) -> rusqlite::Result<i64> {
        db.prepare_cached("UPDATE identity SET commits = commits + 1 RETURNING commits")?
            .query_row([], |row| row.get(0))
    }

    fn seen(&self) -> [Option<FileId>; 4] {
        ENDINGS.map(|ending| {
            let of_interest = ending != LOCK || self.purpose == Purpose::Serve;
            of_interest.then(|| FileId::of(&open::beside(&self.path, ending))).flatten()
        })
    }

    fn gone(&self, ending: &str, what: &str) -> InboxError {
        InboxError::Gone(format!("{} {what}", open::beside(&self.path, ending).display()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The identity in a database, without its log, and without a trace that somebody has looked.
fn id_in(path: &Path) -> rusqlite::Result<Vec<u8>> {
    immutable(path)?.query_row("SELECT id FROM identity", [], |row| row.get(0))
}

/// A database without its log, to be read by somebody who leaves no trace. Nobody may write to it meanwhile.
pub(super) fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    let name: String = percent_encoded(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
}

fn percent_encoded(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut name = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            name.push(char::from(*byte));
        } else {
            // To write into a text cannot fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// Which file a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of_metadata(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(metadata.dev(), metadata.ino())
    }

    /// An open file cannot be exchanged on Windows.
    #[cfg(not(unix))]
    fn of_metadata(_: &std::fs::Metadata) -> Self {
        Self(0, 0)
    }

    /// Nothing if there is no file.
    fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|metadata| Self::of_metadata(&metadata))
    }

    fn of_open(file: &File) -> Option<Self> {
        file.metadata().ok().map(|metadata| Self::of_metadata(&metadata))
    }
}
