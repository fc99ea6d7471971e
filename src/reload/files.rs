//! Hearing of changes of files: of what is in them, and of where a path leads to.
//!
//! Editors, certbot and Kubernetes do not write into a file, they put another one in its place, or turn
//! a symbolic link somewhere on the way to it. So it is the directories that are watched: of the file,
//! and of every link that leads to it.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

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

/// Files that are watched.
pub(super) struct Files {
    watcher: Option<RecommendedWatcher>,
    /// What is to be heard of: files and links.
    entries: Arc<RwLock<BTreeSet<PathBuf>>>,
    directories: BTreeSet<PathBuf>,
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
        Self { watcher, entries, directories: BTreeSet::new(), heard }
    }

    /// From now on these, wherever they lead to at the moment. Returns whether that made a difference:
    /// then a change just before may not have been heard.
    pub(super) fn watch<'a>(&mut self, files: impl IntoIterator<Item = &'a Path>) -> bool {
        let entries: BTreeSet<_> = files.into_iter().flat_map(on_the_way).collect();
        let directories: BTreeSet<_> = entries
            .iter()
            .filter_map(|entry| entry.parent())
            .filter(|path| path.is_dir())
            .map(Path::to_owned)
            .collect();
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
        let Some(watcher) = &mut self.watcher else { return false };
        for left in self.directories.difference(&directories) {
            // It is gone if the directory is.
            let _ = watcher.unwatch(left);
        }
        let mut new = false;
        let mut watched = BTreeSet::new();
        for directory in directories {
            if !self.directories.contains(&directory) {
                if let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive) {
                    warn(&error);
                    continue;
                }
                new = true;
            }
            watched.insert(directory);
        }
        self.directories = watched;
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
    use std::path::PathBuf;

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

        let expected: Vec<PathBuf> =
            ["current", "current", "releases/portal", "releases/..data", "releases/..2026/portal"]
                .map(|path| root.join(path))
                .to_vec();
        let mut expected = expected;
        // `current/..` is the folder that `releases` is in.
        expected.dedup();
        let mut found = found;
        found.dedup();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_circle_of_links_comes_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();

        assert!(on_the_way(&folder.path().join("a")).len() <= 41);
    }
}
