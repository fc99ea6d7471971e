//! A backup becomes the inbox, where there is none.
//!
//! It gets an identity of its own. A receiver that still has the old inbox open would otherwise take it for that one, as
//! soon as as much was written to it: what it has acknowledged meanwhile would be missing, and nobody would know. And a
//! backup from before would be taken for one of what was written to it since.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use rusqlite::{Connection, OpenFlags};

use super::backup::{FILE, FOLDER_FOR_OWNER, content, copy, open_backup, put, remove_left_behind};
use super::{examine, open};
use crate::durable::{self, Folder, Part};
use crate::inbox::copy::Restored;

/// Since which version of the schema an inbox has an identity. One from before gets it when a receiver opens it.
const WITH_IDENTITY: u32 = 2;

/// What belongs to an inbox. A log that was left behind would be read as part of whatever database comes beside it.
const ENDINGS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

pub(super) fn restore(path: &Path, folder: &Path) -> anyhow::Result<Restored> {
    let (db, version) = open_backup(folder)?;
    if let Some(first) = examine::structure(&db)?.first() {
        bail!(
            "the backup in {} is damaged: {first}. Use an earlier one; `inbox verify` with its folder says more",
            folder.display()
        );
    }
    ensure_nothing_is_there(path)?;
    let directory = open::directory(path);
    let failed = || format!("cannot put the backup at {}", path.display());
    durable::make_folder(&directory, Some(FOLDER_FOR_OWNER)).with_context(failed)?;
    // As long as it is held, no receiver starts on what is not whole yet.
    let _lock = open::lock(path)
        .map_err(|error| if open::is_locked(path) { still_running(path) } else { error.context(failed()) })?;
    ensure_nothing_is_there(path)?;
    remove_left_behind(&directory).with_context(failed)?;
    let names = Folder::open(&directory).with_context(failed)?;
    let mut part = copy(&db, &folder.join(FILE), &directory).with_context(failed)?;
    if version >= WITH_IDENTITY {
        renew_identity(&part).with_context(failed)?;
    }
    hand_over(&directory, &[part.path(), &open::beside(path, ".lock")]);
    part.sync().with_context(failed)?;
    let content = content(&db, part.path()).with_context(failed)?;
    put(&mut part, path, is_there)?;
    names.sync().with_context(failed)?;
    Ok(Restored { place: path.to_owned(), content })
}

fn still_running(path: &Path) -> anyhow::Error {
    anyhow!("a receiver is still running on {}: stop it, then restore once more", path.display())
}

fn renew_identity(part: &Part) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(part.path(), flags)?;
    // What is not whole is thrown away, so it needs no way back.
    db.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    db.execute("UPDATE identity SET id = randomblob(16)", []).map(drop)
}

/// Gives files to whom the directory belongs. Root restores, and somebody else is to receive.
fn hand_over(directory: &Path, files: &[&Path]) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let Ok(owner) = directory.metadata() else { return };
        for file in files {
            if file.metadata().is_ok_and(|file| file.uid() != owner.uid()) {
                // Who may not do so is not root, and not the only one who may write there.
                let _ = chown(file, Some(owner.uid()), Some(owner.gid()));
            }
        }
    }
    #[cfg(not(unix))]
    let _ = (directory, files);
}

fn ensure_nothing_is_there(path: &Path) -> anyhow::Result<()> {
    let found =
        ENDINGS.map(|ending| open::beside(path, ending)).into_iter().find(|file| file.symlink_metadata().is_ok());
    found.map_or(Ok(()), |file| Err(is_there(&file)))
}

fn is_there(file: &Path) -> anyhow::Error {
    anyhow!(
        "{} is there already, and nothing is replaced. Stop the receiver, move the old inbox away (its file and those \
         beside it that end with -wal and -shm), and restore once more. Keep the old one: what came after the backup may \
         still be read from it",
        file.display()
    )
}
