//! A directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{BackEnd, Mood};

pub(super) struct Directory(TempDir);

impl Directory {
    pub(super) fn start() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn events(&self) -> PathBuf {
        self.0.path().join("data/events")
    }
}

#[async_trait]
impl BackEnd for Directory {
    fn name(&self) -> &'static str {
        "file"
    }

    fn table(&self) -> String {
        format!("type = 'file'\ndirectory = '{}'", self.events().display())
    }

    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str> {
        match mood {
            Mood::Accepts => Ok(""),
            Mood::RefusesForNow | Mood::Vanished => Ok("data"),
            Mood::RefusesForGood => Err("a directory does not judge what is written to it"),
            Mood::Hangs => Err("a disk that hangs holds the thread that writes, which nobody can take back"),
        }
    }

    /// Permissions do not stop root, whom tests often run as; a file in the way stops everyone.
    async fn set(&mut self, mood: Mood) {
        let (data, aside) = (self.0.path().join("data"), self.0.path().join("aside"));
        match mood {
            Mood::Vanished | Mood::RefusesForNow if !data.is_file() => {
                let _ = std::fs::rename(&data, aside);
                std::fs::write(data, "in the way").unwrap();
            }
            Mood::Accepts if data.is_file() => {
                std::fs::remove_file(&data).unwrap();
                let _ = std::fs::rename(aside, data);
            }
            _ => {}
        }
    }

    async fn taken(&self) -> Vec<String> {
        let aside = self.0.path().join("aside/events");
        if aside.exists() { events_in(&aside) } else { events_in(&self.events()) }
    }
}

/// What is in the files that are complete, in the order of their names.
pub(super) fn events_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths: BTreeSet<_> = entries.map(|entry| entry.unwrap().path()).collect();
    let events = paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    events.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}
