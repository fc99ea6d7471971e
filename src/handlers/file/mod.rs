//! Handler `file`: every event becomes a file in a directory, complete or not at all.
//!
//! The event is written under a temporary name (`.<random>.part`), synced, and renamed; so whoever
//! picks up `*.json` never sees half an event. A temporary file that a power cut leaves behind is removed at
//! the next start: its event is written again. A repeated attempt replaces the file of the first, and never one
//! that is another's.
//!
//! `name` is what a file is called, `mode` the rights that it is to get, and `rights` who can read it with those it has.
//!
//! The file that appears is a fact: an ERP may have taken it a moment later. So whatever can fail is tried
//! before. What fails all the same behind that point is no reason to write the event once more.

mod mode;
mod name;
mod rights;

use std::collections::HashMap;
use std::io::{self, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use self::mode::Mode;
use super::{BuildError, Configured, Fault, Handler, Outcome, Readable, SharedHandler, Unavailability};
use crate::config::Section;
use crate::durable::{self, Folder, Names, Part};
use crate::event::Event;
use crate::telemetry::events;

/// The keys of `type = "file"`, checked.
#[derive(Debug)]
pub struct Settings {
    directory: PathBuf,
    mode: Mode,
}

impl Readable for Settings {
    fn read(section: &Section, _timeout: Duration) -> Option<Self> {
        let directory = section.required("directory", "\"data/events\"", Section::file);
        let mode = Mode::read(section);
        let directory = directory?;
        if directory.as_os_str().is_empty() {
            section.error("directory", "is empty. Name the directory that the events go to");
            return None;
        }
        Some(Self { directory, mode: mode? })
    }
}

impl Configured for Settings {
    fn describe(&self) -> String {
        format!("file, {}", self.directory.display())
    }

    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        Ok(Arc::new(Files(Arc::new(Directory {
            handler: name.to_owned(),
            path: self.directory,
            mode: self.mode.0,
            placed: Mutex::default(),
            trusted: AtomicBool::new(false),
            warned: AtomicBool::new(false),
        }))))
    }
}

struct Files(Arc<Directory>);

impl Handler for Files {
    async fn deliver(&self, event: &Event) -> Outcome {
        let (directory, event) = (Arc::clone(&self.0), event.clone());
        let written = tokio::task::spawn_blocking(move || match event.cloud_event() {
            Ok(json) => match directory.write(&event, &json) {
                Ok(()) => {
                    event.answered(None, name::file_name(&event));
                    Outcome::Done
                }
                Err(why) => Outcome::Unavailable(why),
            },
            Err(error) => Outcome::rejected(format!("the body cannot be passed on: {error}")),
        });
        written.await.unwrap_or_else(|_| Outcome::ours("a fault of this program: writing the file panicked"))
    }

    async fn probe(&self) -> Result<String, String> {
        let directory = Arc::clone(&self.0);
        let tried = tokio::task::spawn_blocking(move || directory.try_writing().map(|tried| tried.words));
        tried.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    async fn start(&self) {
        let directory = Arc::clone(&self.0);
        let _ = tokio::task::spawn_blocking(move || directory.begin()).await;
    }
}

/// By name and round, the folder that a file is in.
type Placed = HashMap<(String, u32), Option<(u64, u64)>>;

/// Where the files go.
struct Directory {
    /// The name the user gave the handler.
    handler: String,
    path: PathBuf,
    /// Permission bits of the files.
    mode: Option<u32>,
    /// Files that have appeared although the last step failed behind that.
    placed: Mutex<Placed>,
    /// Whether the directory could be synced last time.
    trusted: AtomicBool,
    /// Whether it has been said that it cannot be synced.
    warned: AtomicBool,
}

/// What came of a trial.
struct Tried {
    words: String,
    /// When it was, by the clock of the file system.
    at: Option<SystemTime>,
}

impl Directory {
    /// Writes the file durably; the reason says which step failed on what.
    fn write(&self, event: &Event, json: &[u8]) -> Result<(), Unavailability> {
        let ours = |reason: String| Unavailability::new(Fault::Ours, reason);
        durable::make_folder(&self.path, None).map_err(at("the directory cannot be made", &self.path)).map_err(ours)?;
        let folder = Folder::open(&self.path).map_err(at(NOT_OPENED, &self.path)).map_err(ours)?;
        let name = name::file_name(event);
        let (target, key) = (self.path.join(&name), (name, event.round));
        if self.placed().get(&key).is_some_and(|placed| *placed == folder.identity()) {
            // It has appeared already. An ERP that takes the files away would get it twice.
            self.sync(&folder).map_err(ours)?;
            self.placed().remove(&key);
            return Ok(());
        }
        let mut part = self.write_part(json).map_err(at("the event cannot be written", &self.path)).map_err(ours)?;
        if !self.trusted.load(Ordering::Relaxed) {
            self.sync(&folder).map_err(ours)?;
        }
        match part.put_new(&target) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if !holds(&target, &event.id) {
                    let what =
                        "is there already, and what is in it is not this event. It is not replaced; move it away";
                    return Err(ours(format!("{} {what}", target.display())).of_one());
                }
                part.put(&target)
            }
            put => put,
        }
        .map_err(at("the file cannot be renamed", &target))
        .map_err(ours)?;
        self.sync(&folder).map_err(|reason| {
            self.placed().insert(key, folder.identity());
            ours(format!("{reason}. The file is there, and is not written again"))
        })
    }

    fn write_part(&self, content: &[u8]) -> io::Result<Part> {
        let mut part = Part::create(&self.path, self.mode)?;
        part.file()?.write_all(content)?;
        part.sync()?;
        Ok(part)
    }

    fn sync(&self, folder: &Folder) -> Result<(), String> {
        let synced = folder.sync();
        self.trusted.store(synced.is_ok(), Ordering::Relaxed);
        if synced.map_err(at("the directory cannot be synced", &self.path))? == Names::NotItsToSync
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            events::handlers::directory_not_synced(&self.handler, &self.path);
        }
        Ok(())
    }

    /// What is to be done before the first event.
    fn begin(&self) {
        match self.try_writing() {
            Ok(Tried { at: Some(since), .. }) => {
                // A folder that may not be listed shows nobody what was left in it.
                if let Ok(removed @ 1..) = durable::remove_left_behind(&self.path, since) {
                    events::handlers::remains_removed(&self.handler, removed);
                }
            }
            Ok(_) => {}
            Err(reason) => events::handlers::files_not_written(&self.handler, &reason),
        }
    }

    /// Whether events could be written: goes the whole way with a file of another name, in the directory or in
    /// the nearest one above it that is there.
    fn try_writing(&self) -> Result<Tried, String> {
        let there = durable::nearest(&self.path);
        let failed = |what| at(what, there);
        let folder = Folder::open(there).map_err(failed(NOT_OPENED))?;
        let mut part = Part::create(there, self.mode).map_err(failed("event files cannot be made"))?;
        let file = part.file().and_then(|file| file.write_all(b"{}"));
        file.and_then(|()| part.sync()).map_err(failed("the event files cannot be written"))?;
        let metadata = part.path().metadata().map_err(failed("the event files cannot be looked at"))?;
        let named = Part::name_in(there);
        part.put_new(&named).map_err(failed("the event files cannot be renamed"))?;
        let synced = folder.sync().map_err(failed("the directory cannot be synced"));
        let _ = std::fs::remove_file(&named);
        let unsynced = match synced? {
            Names::Synced => "",
            Names::NotItsToSync => "; its file system cannot sync a directory (power cuts are its own affair)",
        };
        let is_there = there == self.path;
        let what = if is_there { "is writable" } else { "can be made" };
        let rights = rights::of(&metadata, if is_there { Some(there) } else { None });
        let words = format!("{} {what}{rights}{unsynced}", self.path.display());
        Ok(Tried { words, at: is_there.then(|| metadata.modified().ok()).flatten() })
    }

    fn placed(&self) -> MutexGuard<'_, Placed> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is wrong where files may be put into a directory, but not listed.
const NOT_OPENED: &str = "the directory cannot be opened, which it takes to make a file in it safe (right to read)";

/// Whether the file is one of ours with the event `id` in it. An empty one holds nothing.
fn holds(path: &Path, id: &str) -> bool {
    #[derive(Deserialize)]
    struct Known {
        id: String,
    }
    let Ok(metadata) = path.symlink_metadata() else { return false };
    if !metadata.is_file() {
        return false;
    }
    let known = |file| serde_json::from_reader::<_, Known>(BufReader::new(file)).ok();
    metadata.len() == 0 || std::fs::File::open(path).ok().and_then(known).is_some_and(|known| known.id == id)
}

fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{what}: {}: {error}", path.display())
}
