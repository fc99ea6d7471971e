//! What a start would do to the inbox, done and taken back: before anybody relies on it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rusqlite::TransactionBehavior;

use super::open::{VERSION, beside, connect, directory, ensure_known, migrate, sync_names};
use crate::config::private;
use crate::durable::{self, Part};
use crate::inbox::Purpose;

/// Says what a start would make of the inbox; nothing if it is there as it should be, and only has to be opened.
pub(super) fn of(path: &Path) -> anyhow::Result<Option<String>> {
    if !path.exists() {
        make(path)?;
        return Ok(Some("is not there yet; `serve` makes it".to_owned()));
    }
    let failed = || format!("cannot open the inbox {}", path.display());
    look_at_lock(path)?;
    let mut db = connect(path, Purpose::Tool).with_context(failed)?;
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).with_context(failed)?;
    ensure_known(version)?;
    if version == VERSION {
        return Ok(None);
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).with_context(failed)?;
    transaction.pragma_update(None, "user_version", version).with_context(failed)?;
    transaction.rollback().with_context(failed)?;
    sync_names(path)?;
    Ok(Some(match version {
        0 => "is empty; `serve` makes its tables".to_owned(),
        _ => format!(
            "has version {version} of the schema; `serve` brings it to {VERSION}, and then no program from before opens it"
        ),
    }))
}

/// Makes one with all that belongs to it under another name, in the directory or in the nearest above it that is there.
fn make(path: &Path) -> anyhow::Result<()> {
    let directory = directory(path);
    let there = durable::nearest(&directory);
    let trial = Trial(Part::name_in(there));
    let failed = || format!("cannot make the inbox {} (tried in {})", path.display(), there.display());
    private::for_owner().create_new(true).open(&trial.0).with_context(failed)?;
    let mut db = connect(&trial.0, Purpose::Tool).with_context(failed)?;
    migrate(&mut db).with_context(failed)?;
    sync_names(&trial.0)
}

/// The file that a receiver locks has to be made, or opened. It is not locked here, not even for a moment: in that, one
/// may start.
fn look_at_lock(path: &Path) -> anyhow::Result<()> {
    let lock = beside(path, ".lock");
    let opened = if lock.exists() {
        OpenOptions::new().write(true).open(&lock).map(drop)
    } else {
        Part::create(&directory(path), None).map(drop)
    };
    opened.with_context(|| format!("cannot write {}", lock.display()))
}

/// A database that is removed again, with what SQLite puts beside it.
struct Trial(PathBuf);

impl Drop for Trial {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(beside(&self.0, ending));
        }
    }
}
