//! The folder of documents: `<directory>/<objectId>/<name>`, and beside each a file that says what it is, so that what
//! is here is known after a restart without being read again.
//!
//! A document is written under a name that nobody looks for, synced, and renamed; only then is it noted beside it. What
//! is not noted, or not as it was noted, counts as not here.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use reqwest::Response;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::failures::ours;
use super::name;
use crate::decode::Place;
use crate::durable::{self, Part};
use crate::event::Held;
use crate::outgoing::{Failure, cause, place};

/// Where it is noted what a document is.
const NOTE: &str = ".document.json";

/// Rights of the files: the group may read, and nobody run them.
const MODE: u32 = 0o640;
/// Rights of the folders that are made.
const MODE_OF_FOLDERS: u32 = 0o750;

/// How long nothing may come of a document that is under way.
pub(super) const SILENCE: Duration = Duration::from_secs(20);

/// Whoever gives less than so many bytes in a second, on average, holds up all other documents for nothing,
const SLOWEST: u64 = 1024;

/// once he has had this time.
const BEGINNING: Duration = Duration::from_secs(60);

/// What is younger than this may still be wanted by somebody.
pub(super) const YOUNG: Duration = Duration::from_secs(3600);

/// Which document.
#[derive(Debug)]
pub(super) struct Key {
    /// Its id or its address, as in the event.
    pub(super) of: String,
    /// Its folder.
    pub(super) folder: String,
}

impl Key {
    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::Object(id) => Self { of: id.clone(), folder: name::folder_of_object(id) },
            Place::Url(url) => Self { of: url.clone(), folder: name::folder_of_url(url) },
        }
    }
}

/// What is noted beside a document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// Its id or its address.
    pub(super) of: String,
    /// The name of its file.
    pub(super) file: String,
    size: u64,
    sha256: String,
    #[serde(rename = "contentType", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
}

/// What came of taking a document.
pub(super) enum Taken {
    Whole(Held),
    /// It has more than so many bytes.
    TooLarge(u64),
}

/// The folder of all documents.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) directory: PathBuf,
    largest: u64,
}

impl Store {
    pub(super) fn new(directory: PathBuf, largest: u64) -> Self {
        Self { directory, largest }
    }

    /// The document, if it is here, whole.
    pub(super) async fn known(&self, key: &Key) -> Option<Held> {
        let (folder, of) = (self.directory.join(&key.folder), key.of.clone());
        spawn_blocking(move || {
            let note = note_in(&folder).filter(|note| note.of == of)?;
            let file = folder.join(&note.file);
            let there = file.symlink_metadata().ok()?;
            if !there.is_file() || there.len() != note.size {
                return None;
            }
            // From now on it is in use; if that cannot be noted, it is removed a little early, and got again.
            let noted = OpenOptions::new().write(true).open(folder.join(NOTE));
            let _ = noted.and_then(|noted| noted.set_modified(SystemTime::now()));
            Some(here(file, note))
        })
        .await
        .ok()
        .flatten()
    }

    /// Takes the body of an answer for the document.
    ///
    /// # Errors
    /// The answer broke off, or the disk does not take it. Nothing is left of it then.
    pub(super) async fn take(
        &self,
        key: &Key,
        name: &str,
        content_type: Option<String>,
        mut response: Response,
    ) -> Result<Taken, Failure> {
        if response.content_length().is_some_and(|length| length > self.largest) {
            return Ok(Taken::TooLarge(self.largest));
        }
        let folder = self.directory.join(&key.folder);
        let on_disk = |what: &'static str, path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| ours(format!("{what}: {path}: {error}"))
        };
        let made = {
            let folder = folder.clone();
            blocking(move || {
                durable::make_folder(&folder, Some(MODE_OF_FOLDERS))?;
                let mut part = Part::create(&folder, Some(MODE))?;
                let file = part.file()?.try_clone()?;
                Ok((part, file))
            })
        };
        let (mut part, file) = made.await.map_err(on_disk("a document cannot be written", &folder))?;
        let mut file = tokio::fs::File::from_std(file);
        let (mut size, mut digest) = (0_u64, Context::new(&SHA256));
        let (from, began) = (place(response.url()), Instant::now());
        loop {
            let chunk = match timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(ours(format!("{from} broke off: {}", cause(&error)))),
                Err(_) => {
                    let silence = humantime::format_duration(SILENCE);
                    let reason = format!("{from} broke off: nothing came for {silence}");
                    return Err(Failure { late: true, ..ours(reason) });
                }
            };
            size += chunk.len() as u64;
            if size > self.largest {
                return Ok(Taken::TooLarge(self.largest));
            }
            if is_too_slow(began.elapsed(), size) {
                let slowest = bytesize::ByteSize(SLOWEST).display().iec();
                let reason = format!("{from} is too slow: less than {slowest} a second. Others wait for their turn");
                return Err(Failure { late: true, ..ours(reason) });
            }
            digest.update(&chunk);
            file.write_all(&chunk).await.map_err(on_disk("a document cannot be written", &folder))?;
        }
        // What the disk says of the last bytes is heard here, and nowhere else.
        file.flush().await.map_err(on_disk("a document cannot be written", &folder))?;
        drop(file);
        let sha256 = name::hex(digest.finish().as_ref());
        let note = Note { of: key.of.clone(), file: name::safe(name), size, sha256, content_type };
        let put = {
            let folder = folder.clone();
            blocking(move || {
                let file = folder.join(&note.file);
                part.sync()?;
                part.put(&file)?;
                durable::Folder::open(&folder)?.sync()?;
                let json = serde_json::to_vec(&note).map_err(io::Error::from)?;
                durable::write(&folder.join(NOTE), Some(MODE), &json)?;
                Ok(here(file, note))
            })
        };
        put.await.map(Taken::Whole).map_err(on_disk("a document cannot be kept", &folder))
    }

    /// Removes the parts of documents that somebody was killed over a while ago; returns how many.
    pub(super) fn remove_left_behind(&self) -> usize {
        let since = SystemTime::now() - YOUNG;
        self.folders().iter().filter_map(|folder| durable::remove_left_behind(folder, since).ok()).sum()
    }

    /// All folders in it.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        // Not what a link leads to: that is somebody else's.
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
    }
}

/// What is noted in a folder, if it is one of ours.
pub(super) fn note_in(folder: &Path) -> Option<Note> {
    let note: Note = serde_json::from_slice(&fs::read(folder.join(NOTE)).ok()?).ok()?;
    // Whoever may write there could have us hand on, or remove, anything else.
    (note.file == name::safe(&note.file)).then_some(note)
}

/// When a document was used last; `None` if that cannot be told.
pub(super) fn last_used(folder: &Path) -> Option<SystemTime> {
    folder.join(NOTE).symlink_metadata().and_then(|note| note.modified()).ok()
}

/// Removes a document with its folder, unless something else is in that. What is noted goes first, so that nothing
/// counts as here that is half removed.
pub(super) fn remove(folder: &Path, note: &Note) -> io::Result<()> {
    fs::remove_file(folder.join(NOTE))?;
    fs::remove_file(folder.join(&note.file))?;
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Whether so much in that time is too little.
fn is_too_slow(time: Duration, size: u64) -> bool {
    time > BEGINNING && size < time.as_secs().saturating_mul(SLOWEST)
}

fn here(file: PathBuf, note: Note) -> Held {
    Held::Here { file, size: note.size, sha256: note.sha256, content_type: note.content_type }
}

/// Does what may have to wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_trickles_is_given_up_after_a_while_and_whoever_is_only_slow_is_not() {
        let seconds = Duration::from_secs;
        assert!(!is_too_slow(seconds(60), 60) && is_too_slow(seconds(61), 61));
        assert!(!is_too_slow(seconds(600), 700 * 1024));
    }
}
