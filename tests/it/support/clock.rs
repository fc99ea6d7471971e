//! A clock that the tests set: the receiver sees another time than the machine.
//!
//! Only the time of day: what measures how much time passes goes on evenly, as it does on a machine whose
//! clock is set.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

/// The clock of the programs inside of it.
pub struct Clock {
    folder: TempDir,
    library: PathBuf,
}

impl Clock {
    /// One that is right, so far.
    pub fn new() -> Self {
        let Some(library) = library() else { panic!("faketime is not installed; scripts/test installs it") };
        let clock = Self { folder: tempfile::tempdir().unwrap(), library };
        // For a server that runs as a user of its own.
        std::fs::set_permissions(clock.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        clock.set("+0");
        clock
    }

    /// Sets it to so much before or after the right time: `"-2h"`, `"+90d"`, `"+0"`.
    pub fn set(&self, by: &str) {
        // In one step, so that nobody reads half of it.
        let new = self.folder.path().join("new");
        std::fs::write(&new, by).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// The programs to run another one under, so that it goes by this clock.
    pub fn inside(&self) -> Vec<String> {
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", self.library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file().display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            "NO_FAKE_STAT=1".to_owned(),
        ]
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}

/// Debian has it in a folder by the machine's kind.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let places = folders.flatten().map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    places.into_iter().find(|place| place.exists())
}
