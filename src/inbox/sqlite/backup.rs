//! A backup of the database, while a receiver may be at work on it: of one moment, in one file that needs no other.
//!
//! `VACUUM INTO` reads all of it in one transaction. Neither the writer nor its commits wait for that; only the log
//! cannot be emptied meanwhile, and grows. It was chosen over SQLite's backup interface, which copies page by page: that
//! would take along what was removed or erased and the room that it has left, and damaged pages without a word.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};
use std::time::SystemTime;

use anyhow::{Context as _, anyhow, bail};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

use super::known::{Mark, immutable};
use super::{examine, named, open, reading, restore, timestamp};
use crate::durable::{self, Folder, Part};
use crate::inbox::copy::{Backup, Content, Copies, How, Restored};
use crate::inbox::{NoInbox, Verified};

/// The database's name in a backup.
pub(super) const FILE: &str = "inbox.db";

/// Rights of the copy, and of folders that are made: it holds what the inbox holds.
pub(super) const FOR_OWNER: u32 = 0o600;
pub(super) const FOLDER_FOR_OWNER: u32 = 0o700;

/// The inbox at that path.
#[derive(Debug)]
pub(super) struct CopiesOf(pub(super) PathBuf);

#[async_trait::async_trait]
impl Copies for CopiesOf {
    async fn back_up(&self, folder: &Path, previous: Option<&Path>) -> anyhow::Result<Backup> {
        let (path, folder, previous) = (self.0.clone(), folder.to_owned(), previous.map(Path::to_owned));
        tokio::task::spawn_blocking(move || back_up(&path, &folder, previous.as_deref())).await?
    }

    async fn examine(&self, backup: Option<&Path>) -> anyhow::Result<Vec<String>> {
        let (path, backup) = (self.0.clone(), backup.map(Path::to_owned));
        let examine = move || match backup {
            Some(folder) => examine::structure(&open_backup(&folder)?.0),
            None => examine::structure(&open_inbox(&path)?),
        };
        tokio::task::spawn_blocking(examine).await?
    }

    async fn verify(&self, backup: &Path, after: i64) -> anyhow::Result<Verified> {
        let folder = backup.to_owned();
        let verify = move || {
            let (db, version) = open_backup(&folder)?;
            Ok(verify(&db, version, after)?)
        };
        tokio::task::spawn_blocking(verify).await?
    }

    async fn restore(&self, folder: &Path) -> anyhow::Result<Restored> {
        let (path, folder) = (self.0.clone(), folder.to_owned());
        tokio::task::spawn_blocking(move || restore::restore(&path, &folder)).await?
    }
}

/// Compares events with their checksums, if there are any.
fn verify(db: &Connection, version: u32, after: i64) -> rusqlite::Result<Verified> {
    if version < open::VERSION { reading::verify_earlier(db, after, version) } else { reading::verify(db, after) }
}

fn back_up(path: &Path, folder: &Path, previous: Option<&Path>) -> anyhow::Result<Backup> {
    let db = open_inbox(path)?;
    let target = folder.join(FILE);
    if target.symlink_metadata().is_ok() {
        return Err(is_there(&target));
    }
    let failed = || format!("cannot write a backup to {}", folder.display());
    durable::make_folder(folder, Some(FOLDER_FOR_OWNER)).with_context(failed)?;
    remove_left_behind(folder).with_context(failed)?;
    let names = Folder::open(folder).with_context(failed)?;
    let not_linked = match previous {
        Some(previous) => match link(&db, previous, &target)? {
            None => {
                names.sync().with_context(failed)?;
                let content = content(&immutable(&target)?, &target)?;
                return Ok(Backup { file: target, content, how: How::Linked });
            }
            Some(why) => Some(why),
        },
        None => None,
    };
    let mut part = copy(&db, path, folder).with_context(failed)?;
    part.sync().with_context(failed)?;
    let content = content(&immutable(part.path())?, part.path()).with_context(failed)?;
    put(&mut part, &target, is_there)?;
    names.sync().with_context(failed)?;
    Ok(Backup { file: target, content, how: not_linked.map_or(How::Copied, How::NotLinked) })
}

/// Links the earlier backup to `target` if it has what the inbox has; else says why not.
fn link(db: &Connection, previous: &Path, target: &Path) -> anyhow::Result<Option<String>> {
    let (shown, earlier) = (previous.display(), previous.join(FILE));
    // By way of a link, it is the file behind that which is meant.
    let Ok(earlier) = earlier.canonicalize() else {
        return Ok(Some(format!("there is no earlier backup in {shown}")));
    };
    let state = |db: &Connection| Ok::<_, rusqlite::Error>((version(db)?, Mark::read(db)?));
    let now = state(db).ok();
    match immutable(&earlier).and_then(|db| state(&db)) {
        _ if has_log(&earlier) => return Ok(Some(format!("what is in {shown} is no backup of one file"))),
        Err(_) => return Ok(Some(format!("the earlier backup in {shown} cannot be read"))),
        // What people are shown changes with a commit, which counts; so does what is erased.
        Ok(before) if Some(&before) != now.as_ref() => {
            return Ok(Some(format!("the inbox was written to since the backup in {shown}")));
        }
        Ok((version, _)) => {
            if let Some(why) = in_doubt(&earlier, version) {
                return Ok(Some(format!("the earlier backup in {shown} {why}")));
            }
        }
    }
    match fs::hard_link(&earlier, target) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(is_there(target)),
        // Another file system, or one that has no links.
        Err(error) => Ok(Some(format!("no link can be made to the backup in {shown} ({error})"))),
    }
}

/// Why a backup that has the mark of the inbox may not have its content all the same: the disk that it is on may have
/// gone bad since. All of it is read, which takes less than to write it. `None` if there is no doubt.
fn in_doubt(file: &Path, of_version: u32) -> Option<String> {
    if of_version < open::VERSION {
        return Some("has no checksums, so that nobody knows whether it is whole".to_owned());
    }
    let look = || -> anyhow::Result<Option<&str>> {
        let db = immutable(file)?;
        if !examine::structure(&db)?.is_empty() {
            return Ok(Some("is damaged: `inbox verify` says what of it"));
        }
        let mut after = 0;
        loop {
            let step = reading::verify(&db, after)?;
            match step.last {
                _ if !step.damaged.is_empty() => return Ok(Some("is damaged: `inbox verify` says what of it")),
                _ if step.without > 0 => return Ok(Some("has events without checksums, which may be damaged")),
                Some(last) if last > after => after = last,
                _ => return Ok(None),
            }
        }
    };
    match look() {
        Ok(why) => why.map(str::to_owned),
        Err(error) => Some(format!("cannot be read to its end ({error:#})")),
    }
}

/// Writes all that `db`, which is the file `path`, has at this moment into a file of `folder` that has no name of its
/// own yet.
pub(super) fn copy(db: &Connection, path: &Path, folder: &Path) -> anyhow::Result<Part> {
    // SQLite would read a beginning like "file:" in its own way.
    let folder = absolute(folder)?;
    let mut part = Part::create(&folder, Some(FOR_OWNER))?;
    if cfg!(windows) {
        // There a lock keeps SQLite from writing.
        part.file()?.unlock()?;
    }
    let name = part.path().to_str().context("SQLite takes only names that are UTF-8")?;
    // It is this connection that writes the copy.
    db.pragma_update(None, "query_only", false)?;
    db.execute("VACUUM INTO ?1", [name]).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => anyhow!("there is no room for it: it takes about as much as the inbox"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            let is_earlier = version(db).is_ok_and(|version| version < open::VERSION);
            anyhow!(
                "{} is damaged, and cannot be read as a whole ({error}). `inbox verify` says more. Keep the backups that \
                 you have; what `events export`{} can still read of it, it writes out",
                path.display(),
                if is_earlier { " of the program of its version, which is an earlier one," } else { "" }
            )
        }
        _ => error.into(),
    })?;
    Ok(part)
}

/// Gives a part its name, which nothing may have.
pub(super) fn put(part: &mut Part, target: &Path, is_there: impl Fn(&Path) -> anyhow::Error) -> anyhow::Result<()> {
    part.put_new(target).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => is_there(target),
        _ => anyhow::Error::new(error).context(format!("cannot write {}", target.display())),
    })
}

/// What is in a database, which is the file `path`.
pub(super) fn content(db: &Connection, path: &Path) -> anyhow::Result<Content> {
    let events = db.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
    let last = "SELECT number, received FROM events ORDER BY number DESC LIMIT 1";
    let last = db.query_row(last, [], |row| Ok((row.get(0)?, timestamp(row.get(1)?)))).optional()?;
    Ok(Content { events, last, bytes: path.metadata()?.len() })
}

/// The inbox, to be read, in whatever version it is: before an upgrade is when a backup is made.
fn open_inbox(path: &Path) -> anyhow::Result<Connection> {
    let is_there = path.try_exists();
    if !is_there.map_err(|error| no_look(error, path, "the receiver's user"))? {
        bail!(NoInbox::NotYet { place: path.display().to_string() });
    }
    let opened = open::connect_to_read(path).and_then(|db| Ok((version(&db)?, db)));
    let (version, db) = opened.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => {
            anyhow!("{} is damaged where its tables are described ({error}). Put a backup in its place", path.display())
        }
        _ => named(anyhow::Error::new(error).context(format!("cannot open the inbox {}", path.display())), path),
    })?;
    open::ensure_known(version).with_context(|| format!("cannot open the inbox {}", path.display()))?;
    Ok(db)
}

/// The backup in a folder, with its version. Opened without a trace: it may be where nothing can be written, and its file
/// may be that of other backups, too.
pub(super) fn open_backup(folder: &Path) -> anyhow::Result<(Connection, u32)> {
    let file = folder.join(FILE);
    let is_there = file.try_exists();
    if !is_there.map_err(|error| no_look(error, &file, "the user it belongs to"))? || !file.is_file() {
        bail!("there is no backup in {}: name a folder that has a file {FILE}", folder.display());
    }
    // A folder that somebody has copied from a receiver that was stopped has a log besides.
    let opened = if has_log(&file) { open::connect_to_read(&file) } else { immutable(&file) };
    let opened = opened.and_then(|db| Ok((version(&db)?, db)));
    let (version, db) = opened.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => anyhow!(
            "{} is no backup of an inbox: it is some other file, or it is damaged ({error}). Use an earlier backup",
            file.display()
        ),
        _ => anyhow::Error::new(error).context(format!("cannot open {}", file.display())),
    })?;
    open::ensure_known(version).with_context(|| format!("cannot use {}", file.display()))?;
    Ok((db, version))
}

/// Whether something is there is not known to who may not look.
fn no_look(error: std::io::Error, file: &Path, user: &str) -> anyhow::Error {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            anyhow!("{} cannot be looked at: permission denied. Run it as {user}", file.display())
        }
        _ => anyhow::Error::new(error).context(format!("{} cannot be looked at", file.display())),
    }
}

/// The version of an inbox. What has no table of events is none.
fn version(db: &Connection) -> rusqlite::Result<u32> {
    let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let is_inbox = version > 0
        && db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'events'", [], |row| row.get::<_, bool>(0))?;
    let none = || rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
    if is_inbox { Ok(version) } else { Err(rusqlite::Error::SqliteFailure(none(), None)) }
}

/// Whether there is something in a log beside a database.
fn has_log(file: &Path) -> bool {
    open::beside(file, "-wal").metadata().is_ok_and(|log| log.len() > 0)
}

/// Removes from a folder what those have left that were killed.
pub(super) fn remove_left_behind(folder: &Path) -> std::io::Result<()> {
    durable::remove_left_behind(folder, SystemTime::now())?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // SQLite's note on a part that was begun.
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix("-journal"));
        if name.is_some_and(|part| durable::is_part(part) && !folder.join(part).exists()) {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

fn is_there(target: &Path) -> anyhow::Error {
    anyhow!("{} is there already, and no backup is replaced. Name another folder", target.display())
}
