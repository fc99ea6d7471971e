//! Hearing of changes of files: of what is in them, and of where a path leads to.
//!
//! Editors, certbot and Kubernetes do not write into a file, they put another one in its place, or turn
//! a symbolic link somewhere on the way to it. So it is the directories that are watched: of the file,
//! and of every link that leads to it. A directory may be exchanged as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Whoever changes files is done with it when nothing has happened for so long,
const QUIET: Duration = Duration::from_millis(300);
/// or at last after this.
const LONGEST: Duration = Duration::from_secs(3);
/// Links on the way to one file. As many as Linux follows.
const MOST_LINKS: usize = 40;

/// Tells a directory from another one at the same path.
type Identity = (u64, Option<SystemTime>);

/// Files that are watched.
pub(super) struct Files {
    watcher: Option<RecommendedWatcher>,
    /// What is to be heard of: files, links, and the directories they are in.
    entries: Arc<RwLock<BTreeSet<PathBuf>>>,
    /// What is watched, and which directory that was: another one may be there now.
    directories: BTreeMap<PathBuf, Identity>,
    heard: mpsc::Receiver<()>,
}

impl Files {
    /// None yet.
    pub(super) fn new() -> Self {
        let entries = Arc::new(RwLock::new(BTreeSet::new()));
        let (tell, heard) = mpsc::channel(1);
        let wanted = Arc::clone(&entries);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // If it cannot be told, nothing is known: then better look.
            if event.is_ok_and(|event| !concerns(&event, &wanted.read().unwrap_or_else(PoisonError::into_inner))) {
                return;
            }
            // One that waits already says it all.
            let _ = tell.try_send(());
        });
        let watcher = watcher.map_err(|error| warn(&error)).ok();
        Self { watcher, entries, directories: BTreeMap::new(), heard }
    }

    /// From now on these, wherever they lead to at the moment. Returns whether that made a difference:
    /// then a change just before may not have been heard.
    pub(super) fn watch(&mut self, files: &BTreeSet<PathBuf>) -> bool {
        let mut entries: BTreeSet<PathBuf> = files.iter().flat_map(|file| on_the_way(file)).collect();
        let mut directories = BTreeMap::new();
        for entry in entries.clone() {
            // Of a directory that is not there, its coming is to be heard.
            for directory in entry.ancestors().skip(1) {
                entries.insert(directory.to_owned());
                if let Some(identity) = identity(directory) {
                    directories.insert(directory.to_owned(), identity);
                    break;
                }
            }
        }
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
        let Some(watcher) = &mut self.watcher else { return false };
        for (left, identity) in &self.directories {
            if directories.get(left) != Some(identity) {
                // It is gone if the directory is.
                let _ = watcher.unwatch(left);
            }
        }
        let mut new = false;
        directories.retain(|directory, identity| {
            if self.directories.get(directory) == Some(identity) {
                return true;
            }
            let result = watcher.watch(directory, RecursiveMode::NonRecursive);
            new |= result.is_ok();
            result.map_err(|error| warn(&error)).is_ok()
        });
        self.directories = directories;
        new
    }

    /// Returns some time after something has changed, when it seems to be over.
    pub(super) async fn changed(&mut self) {
        if self.watcher.is_none() || self.heard.recv().await.is_none() {
            return std::future::pending().await;
        }
        let end = Instant::now() + LONGEST;
        while let Ok(Ok(Some(()))) = timeout_at(end, timeout(QUIET, self.heard.recv())).await {}
    }
}

fn concerns(event: &Event, entries: &BTreeSet<PathBuf>) -> bool {
    let is_reading = matches!(event.kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write));
    event.need_rescan() || (!is_reading && event.paths.iter().any(|path| entries.contains(path)))
}

fn warn(error: &notify::Error) {
    tracing::warn!(%error, "changes of some files are not heard at once, but within a minute, or at SIGHUP");
}

/// `None` if there is no such directory.
fn identity(path: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir)?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((number, metadata.created().ok()))
}

/// The file that `path` leads to, and every symbolic link on the way.
fn on_the_way(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(path) = std::path::absolute(path) else { return found };
    let components = |path: &Path| {
        let parts: Vec<PathBuf> = path.components().map(|part| PathBuf::from(part.as_os_str())).collect();
        parts.into_iter().rev()
    };
    let mut left: Vec<_> = components(&path).collect();
    let mut at = PathBuf::new();
    while let Some(part) = left.pop() {
        match part.components().next() {
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::CurDir) | None => continue,
            _ => at.push(part),
        }
        if let Ok(target) = std::fs::read_link(&at)
            && found.len() < MOST_LINKS
        {
            found.push(at.clone());
            // An absolute target begins with the root, which replaces what it is pushed onto.
            at.pop();
            left.extend(components(&target));
        }
    }
    found.push(at);
    found
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::on_the_way;

    #[test]
    fn every_link_on_the_way_to_a_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("releases/..2026")).unwrap();
        std::fs::write(root.join("releases/..2026/portal"), "secret").unwrap();
        symlink("..2026", root.join("releases/..data")).unwrap();
        symlink("..data/portal", root.join("releases/portal")).unwrap();
        symlink(root.join("releases"), root.join("current")).unwrap();

        let found = on_the_way(&root.join("current/../current/portal"));

        // `current/..` is the folder that `releases` is in.
        let expected = ["current", "current", "releases/portal", "releases/..data", "releases/..2026/portal"];
        assert_eq!(found, expected.map(|path| root.join(path)));
    }

    #[test]
    fn a_circle_of_links_comes_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();

        assert!(on_the_way(&folder.path().join("a")).len() <= 41);
    }
}
