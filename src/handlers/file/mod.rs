//! Handler `file`: every event becomes a file in a directory, complete or not at all.
//!
//! The event is written under a temporary name (`.<random>.part`), synced, and renamed; so whoever
//! picks up `*.json` never sees half an event. A temporary file that a power cut leaves behind may be
//! deleted: its event is written again. A repeated attempt replaces the file of the first.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use super::{BuildError, Common, Configured, Handler, Outcome, Readable, SharedHandler};
use crate::config::Section;
use crate::event::Event;

/// The keys of `type = "file"`, checked.
#[derive(Debug)]
pub struct Settings {
    directory: PathBuf,
}

impl Readable for Settings {
    fn read(section: &Section, _common: &Common) -> Option<Self> {
        let directory = section.required_text("directory", "\"data/events\"")?;
        if directory.is_empty() {
            section.error("directory", "is empty. Name the directory that the events go to");
            return None;
        }
        Some(Self { directory: directory.into() })
    }
}

impl Configured for Settings {
    fn build(self: Box<Self>, _name: &str) -> Result<SharedHandler, BuildError> {
        Ok(std::sync::Arc::new(Files { directory: self.directory }))
    }
}

struct Files {
    directory: PathBuf,
}

impl Handler for Files {
    async fn deliver(&self, event: &Event) -> Outcome {
        let (directory, event) = (self.directory.clone(), event.clone());
        let written = tokio::task::spawn_blocking(move || match event.cloud_event() {
            Ok(json) => write(&directory, &file_name(&event), &json).map_or_else(Outcome::ours, |()| Outcome::Done),
            Err(error) => Outcome::rejected(format!("the body cannot be passed on: {error}")),
        });
        written.await.unwrap_or_else(|_| Outcome::ours("a fault of this program: writing the file panicked"))
    }

    async fn probe(&self) -> Result<String, String> {
        let directory = self.directory.clone();
        let tried = tokio::task::spawn_blocking(move || try_writing(&directory));
        tried.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// `<received>-<event name>-<id>.json`. The last two come from outside: what is not safe in a file
/// name of Linux and Windows is replaced, what is too long is cut, and then a digest keeps different
/// events apart. The dash counts as unsafe in the event name only, so that the parts can be told apart.
fn file_name(event: &Event) -> String {
    let (name, id) = (event.envelope.event_name_or_changed(), event.id.as_str());
    let safe_name = clean(name, 80, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
    let safe_id = clean(id, 100, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let received = event.received.strftime("%Y%m%dT%H%M%S.%6fZ");
    if safe_name == name && safe_id == id {
        return format!("{received}-{safe_name}-{safe_id}.json");
    }
    let mut both = (name.len() as u64).to_le_bytes().to_vec();
    both.extend_from_slice(name.as_bytes());
    both.extend_from_slice(id.as_bytes());
    let digest = digest(&SHA256, &both).as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    format!("{received}-{safe_name}-{safe_id}~{digest:016x}.json")
}

fn clean(text: &str, longest: usize, safe: fn(char) -> bool) -> String {
    text.chars().take(longest).map(|c| if safe(c) { c } else { '_' }).collect()
}

/// Writes the file durably; the error says which step failed on what.
fn write(directory: &Path, name: &str, json: &[u8]) -> Result<(), String> {
    make_directory(directory).map_err(at("the directory cannot be made", directory))?;
    let temporary = directory.join(format!(".{}.part", uuid::Uuid::new_v4()));
    let target = directory.join(name);
    let written = write_synced(&temporary, json)
        .map_err(at("the event cannot be written", directory))
        .and_then(|()| fs::rename(&temporary, &target).map_err(at("the file cannot be renamed", &target)));
    if let Err(error) = written {
        // After a failed sync the same file is never to be trusted; the next attempt makes a new one.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_directory(directory).map_err(at("the directory cannot be synced", directory))
}

fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{what}: {}: {error}", path.display())
}

fn write_synced(path: &Path, json: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(json)?;
    file.sync_all()
}

/// Makes the directory and those above it, each durably: a file is only as safe as the way to it.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().unwrap_or(Path::new(""));
    make_directory(parent)?;
    match fs::create_dir(directory) {
        // Another lane was quicker.
        Err(_) if directory.is_dir() => Ok(()),
        made => made,
    }?;
    sync_directory(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

/// Makes new names in a directory durable. Windows has no such call and needs none.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Whether events could be written: makes and removes a file in the directory, or in the nearest one
/// above it that is there.
fn try_writing(directory: &Path) -> Result<String, String> {
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let temporary = there.join(format!(".{}.part", uuid::Uuid::new_v4()));
    let written = write_synced(&temporary, b"{}");
    let _ = fs::remove_file(&temporary);
    written.map_err(at("the event files cannot be written", there))?;
    Ok(format!("{} {}", directory.display(), if there == directory { "is writable" } else { "can be made" }))
}
