//! Opening the database: the file, its settings, its version.

use std::ffi::c_int;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{attempts, events};
use crate::config::private;
use crate::inbox::{NoInbox, Purpose};
use crate::telemetry;

/// The version of the schema this program works with.
pub(super) const VERSION: u32 = 4;

/// What leads from each version to the next; the first starts from an empty file.
const MIGRATIONS: [fn(&Connection) -> rusqlite::Result<()>; VERSION as usize] = [
    |db| db.execute_batch(include_str!("schema.sql")),
    |db| db.execute_batch(include_str!("schema2.sql")),
    events::note_newest_of_all,
    |db| db.execute_batch(include_str!("schema4.sql")),
];

/// How long a receiver waits for another process (the `events` command, a backup) that is writing.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// How long such a command waits for a receiver. One that is busy writes nearly all the time, and takes no turns.
const BUSY_OF_TOOLS: Duration = Duration::from_secs(60);

/// Pages (of 4 KiB) that may pile up in the write-ahead log before the writer itself moves them to
/// their place. Normally the checkpointer has done it by then.
const PAGES_IN_LOG: c_int = 8192;

/// Makes sure that the database is there in the right version, and takes the lock of a receiver. What the last
/// one has left begun is noted as not survived. With the version that it was of, if that was an earlier one.
pub(super) fn prepare(path: &Path, purpose: Purpose) -> anyhow::Result<(Option<File>, Connection, Option<u32>)> {
    let there = path.try_exists().with_context(|| {
        format!("the inbox {} cannot be looked at. Run it as the user of the receiver", path.display())
    })?;
    if purpose == Purpose::Tool && !there {
        bail!(NoInbox::NotYet { place: path.display().to_string() });
    }
    let directory = directory(path);
    if !directory.exists() {
        make_directory(&directory)
            .with_context(|| format!("cannot make the directory of the inbox {}", path.display()))?;
    }
    let lock = if purpose == Purpose::Serve { Some(lock(path)?) } else { None };
    if !path.exists() {
        // SQLite would leave the rights to the umask. What it puts beside the file gets the rights of this one.
        private::for_owner()
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot make the inbox {}", path.display()))?;
    }
    let mut db = connect(path, purpose).with_context(|| format!("cannot open the inbox {}", path.display()))?;
    let mut from = None;
    if !is_current(&db) {
        // A receiver of the version before would go on writing in its own way.
        let _lock = if purpose == Purpose::Tool {
            if is_locked(path) {
                bail!(old(path));
            }
            Some(self::lock(path)?)
        } else {
            None
        };
        from = migrate(&mut db).map_err(|error| not_taken_over(error, path))?;
    }
    if purpose == Purpose::Serve {
        attempts::count_ends(&db).with_context(|| format!("cannot prepare the inbox {}", path.display()))?;
    }
    sync_names(path)?;
    Ok((lock, db, from))
}

/// Makes the names of the database and of its log durable. SQLite syncs the files themselves, and takes no
/// notice if it cannot sync their directory.
pub(super) fn sync_names(path: &Path) -> anyhow::Result<()> {
    // Windows has no such call and needs none.
    #[cfg(unix)]
    File::open(directory(path))
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("cannot sync the directory of the inbox {}", path.display()))?;
    Ok(())
}

/// A connection that writes, with every commit on disk before it returns.
pub(super) fn connect(path: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    // Who makes the file is `prepare`, and nobody else.
    let mut db =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(if purpose == Purpose::Serve { BUSY } else { BUSY_OF_TOOLS })?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        // SQLite does not call it an error, and would go on in another mode.
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
            Some("its write-ahead log cannot be set up (a disk that fails, or a network drive?)".to_owned()),
        ));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    // Only macOS has it, and there a plain sync stops at the disk's cache.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    db.pragma_update(None, "cache_size", -16 * 1024)?; // KiB
    db.set_prepared_statement_cache_capacity(64);
    keep_log_on_close(&db)?;
    db.wal_hook(Some(bound_log))?;
    Ok(db)
}

/// A connection that only reads.
pub(super) fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -8 * 1024)?; // KiB
    keep_log_on_close(&db)?;
    Ok(db)
}

/// By default the last connection that is closed moves the log into the database and removes it, and tells
/// nobody if that fails.
fn keep_log_on_close(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
}

/// Moves the log into the database after a commit that left it too long. SQLite's own way to do so takes no
/// notice if it fails; here the commit counts as failed, although it is in the log.
fn bound_log(log: &mut Wal, pages: c_int) -> rusqlite::Result<()> {
    if pages < PAGES_IN_LOG {
        return Ok(());
    }
    match log.checkpoint() {
        // Somebody else is at it, or reads what is in the log.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        result => result,
    }
}

/// Whether this program knows that version of the schema.
pub(super) fn ensure_known(version: u32) -> anyhow::Result<()> {
    ensure!(
        version <= VERSION,
        "it was written by a newer version of this program (schema {version}, this one knows {VERSION}). Use that one"
    );
    Ok(())
}

/// Whether the inbox is in this program's version. Nearly always it is, and then nobody who only looks needs a turn to
/// write.
fn is_current(db: &Connection) -> bool {
    db.pragma_query_value(None, "user_version", |row| row.get(0)).is_ok_and(|version: u32| version == VERSION)
}

/// What to say to who would take an inbox over while a receiver works on it.
fn old(path: &Path) -> String {
    format!(
        "the inbox {} is of an earlier version of this program, and a receiver of that version is at work on it. Stop it \
         and start this version's: that brings the inbox up to date",
        path.display()
    )
}

/// What to do about an inbox that cannot be taken over. All of it is read for that, so that damage shows which nobody has
/// noticed.
fn not_taken_over(error: anyhow::Error, path: &Path) -> anyhow::Error {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    if code == Some(ErrorCode::DatabaseCorrupt) {
        return anyhow!(
            "the inbox {} is of an earlier version of this program, and cannot be brought to this one, because it is damaged \
             ({error}). It was left as it is. Look at the disk first. What can still be read of it, the program of the \
             earlier version writes out (`events export`). Then put a backup in its place (`inbox restore`) that \
             `inbox verify DIR` finds whole",
            path.display()
        );
    }
    error.context(format!("cannot prepare the inbox {}", path.display()))
}

/// Brings the inbox to this program's version; returns which it was of, if there was one and it was an earlier one.
pub(super) fn migrate(db: &mut Connection) -> anyhow::Result<Option<u32>> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    ensure_known(version)?;
    if (1..VERSION).contains(&version) {
        telemetry::events::inbox::upgraded(version, VERSION);
    }
    for migration in MIGRATIONS.iter().skip(version as usize) {
        migration(&transaction)?;
    }
    if version < VERSION {
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(Some(version).filter(|version| (1..VERSION).contains(version)))
}

/// Two receivers on one file would deliver everything twice.
pub(super) fn lock(path: &Path) -> anyhow::Result<File> {
    let lock_path = beside(path, ".lock");
    let file = File::create(&lock_path).with_context(|| format!("cannot write {}", lock_path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another receiver is working on the inbox {}. Stop it, or give this one another inbox.path",
                path.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", lock_path.display())),
    }
}

/// Whether a receiver is working on the inbox.
pub(super) fn is_locked(path: &Path) -> bool {
    let lock = File::open(beside(path, ".lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// The file beside the database whose name ends so.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

pub(super) fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes the directory and those above it, each durably: a file is only as safe as the way to it. Orders are
/// nobody else's business.
fn make_directory(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = directory(path);
    make_directory(&parent)?;
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is nothing to set"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    File::open(parent)?.sync_all()?;
    Ok(())
}
