//! Hearing of changes of files: of what is in them, and of where a path leads to.
//!
//! Editors, certbot and Kubernetes do not write into a file, they put another one in its place, or turn
//! a symbolic link somewhere on the way to it. So it is the directories that are watched: of the file,
//! and of every link that leads to it. A directory may be exchanged as well.
//!
//! Others do write into the file, and half of it may be a valid one: without its last handlers, or without
//! the chain of a certificate. Linux tells when the writer closes it; until then it is not whole. Elsewhere,
//! and for those who write a file in several goes, it has to stay as it is for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, WatcherKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::telemetry::events;

/// Whoever puts other files in the place of the old ones is done with it when nothing has happened for so long.
const REPLACED: Duration = Duration::from_millis(300);
/// Whoever writes into a file may open it more than once: for a certificate, and again for its chain.
pub(super) const WRITTEN: Duration = Duration::from_secs(3);
/// The same where the system does not tell of the end of writing.
const WRITTEN_PERHAPS: Duration = Duration::from_secs(5);
/// Files that never come to rest are read all the same after this, unless a writer has one of them open.
const LONGEST: Duration = Duration::from_secs(30);
/// How often to look whether a writer has closed a file.
const TICK: Duration = Duration::from_millis(20);
/// Links on the way to one file. As many as Linux follows.
const MOST_LINKS: usize = 40;

/// Tells a directory from another one at the same path.
type Identity = (u64, Option<SystemTime>);

/// Files that are watched.
pub(super) struct Files {
    watcher: Option<RecommendedWatcher>,
    /// Also known to the watcher, which runs on a thread of its own.
    state: Arc<Mutex<State>>,
    /// What is watched, and which directory that was: another one may be there now.
    directories: BTreeMap<PathBuf, Identity>,
    heard: mpsc::Receiver<()>,
}

/// What is watched for, and how far it has come.
#[derive(Default)]
struct State {
    /// What is to be heard of: files, links, and the directories they are in.
    entries: BTreeSet<PathBuf>,
    /// Whether the system tells when a writer closes a file.
    tells_of_closing: bool,
    /// What somebody has written into and not closed yet.
    open: BTreeSet<PathBuf>,
    /// Whether something was written where it is, since the last time that all was quiet.
    in_place: bool,
}

impl State {
    /// Takes in what has happened; whether it matters.
    fn note(&mut self, event: &Event) -> bool {
        if event.need_rescan() {
            // Some of it was not told, perhaps that a file was closed.
            self.open.clear();
            self.in_place = true;
            return true;
        }
        let concerned: Vec<_> = event.paths.iter().filter(|path| self.entries.contains(*path)).cloned().collect();
        if concerned.is_empty() {
            return false;
        }
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => self.closed(&concerned),
            EventKind::Access(_) => return false,
            // Another file is there now, or none; or it is the same as it was, for others.
            EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => {
                self.open.retain(|path| !concerned.contains(path));
            }
            EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Create(CreateKind::Folder) => {}
            EventKind::Modify(ModifyKind::Data(_)) if self.tells_of_closing => {
                self.open.extend(concerned);
                self.in_place = true;
            }
            // A link may come about like that too: nobody has to close it.
            _ => self.in_place = true,
        }
        true
    }

    fn closed(&mut self, files: &[PathBuf]) {
        self.open.retain(|path| !files.contains(path));
        self.in_place = true;
    }

    /// How long it has to stay as it is to be whole.
    fn quiet(&self) -> Duration {
        match (self.in_place, self.tells_of_closing) {
            (false, _) => REPLACED,
            (true, true) => WRITTEN,
            (true, false) => WRITTEN_PERHAPS,
        }
    }
}

impl Files {
    /// None yet.
    pub(super) fn new() -> Self {
        let tells_of_closing = RecommendedWatcher::kind() == WatcherKind::Inotify;
        let state = Arc::new(Mutex::new(State { tells_of_closing, ..State::default() }));
        let (tell, heard) = mpsc::channel(1);
        let noted = Arc::clone(&state);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // If it cannot be told, nothing is known: then better look.
            if event.is_ok_and(|event| !lock(&noted).note(&event)) {
                return;
            }
            // One that waits already says it all.
            let _ = tell.try_send(());
        });
        let watcher = watcher.map_err(|error| warn(&error)).ok();
        Self { watcher, state, directories: BTreeMap::new(), heard }
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
        let stays = |directory: &Path| {
            let identity = directories.get(directory);
            identity.is_some() && identity == self.directories.get(directory)
        };
        {
            let mut state = lock(&self.state);
            // What happens in a directory that is left is not heard any more.
            state.open.retain(|path| entries.contains(path) && path.parent().is_some_and(stays));
            state.entries = entries;
        }
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

    /// Returns when something has changed. Can be cancelled.
    pub(super) async fn changed(&mut self) {
        if self.watcher.is_none() || self.heard.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when it seems to be over: all is quiet, and no writer has a file open. Can be cancelled.
    pub(super) async fn quiet(&mut self) {
        let begun = Instant::now();
        let mut said = false;
        loop {
            let (pause, open) = self.state();
            let more = timeout(pause, self.heard.recv()).await.is_ok();
            match open {
                Some(file) if !more && !said && begun.elapsed() > LONGEST => {
                    said = true;
                    events::configuration::written_for_long(&file);
                }
                None if !more || begun.elapsed() > LONGEST => break,
                _ => {}
            }
        }
        lock(&self.state).in_place = false;
    }

    /// Returns when no writer has a file open, and whether one had. Whoever asks for it does not wait longer than
    /// bearable.
    pub(super) async fn closed(&self) -> bool {
        let begun = Instant::now();
        let mut waited = false;
        while let (_, Some(file)) = self.state() {
            if begun.elapsed() > LONGEST {
                events::configuration::read_while_open(&file);
                break;
            }
            if !waited {
                events::configuration::being_written(&file);
            }
            waited = true;
            sleep(TICK).await;
        }
        waited
    }

    /// Hears of everything that has happened until now. The watcher answers while it works off what the system has told
    /// it, at the latest in the round after: the third answer comes after that.
    pub(super) fn catch_up(&mut self) {
        for _ in 0..3 {
            if let Some(watcher) = &mut self.watcher {
                // There is nothing to set: the answer counts.
                let _ = watcher.configure(notify::Config::default());
            }
        }
    }

    /// Whether something is not as it will be: a writer has a file open, or more has happened already.
    pub(super) fn are_restless(&self) -> bool {
        self.state().1.is_some() || !self.heard.is_empty()
    }

    /// How long it has to be quiet, and a file that a writer has open.
    fn state(&self) -> (Duration, Option<PathBuf>) {
        let state = lock(&self.state);
        (state.quiet(), state.open.first().cloned())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn warn(error: &notify::Error) {
    events::configuration::not_watched(error);
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

    use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, ModifyKind, RenameMode};
    use notify::{Event, EventKind};

    use super::{REPLACED, State, WRITTEN, WRITTEN_PERHAPS, on_the_way};

    const WRITE: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CLOSE: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));

    /// Watches the file `/a`, to which all of this happens.
    fn after(tells_of_closing: bool, kinds: &[EventKind]) -> State {
        let mut state = State { entries: ["/a".into()].into(), tells_of_closing, ..State::default() };
        for kind in kinds {
            assert!(!state.note(&Event::new(*kind).add_path("/b".into())), "nobody asked for /b");
            assert!(state.note(&Event::new(*kind).add_path("/a".into())), "{kind:?}");
        }
        state
    }

    #[test]
    fn a_file_that_is_written_is_open_until_its_writer_closes_it() {
        let created = EventKind::Create(CreateKind::File);

        assert!(!after(true, &[WRITE, WRITE]).open.is_empty());
        assert!(after(true, &[WRITE, WRITE, CLOSE]).open.is_empty());
        assert!(after(true, &[created]).open.is_empty(), "it may be a link");
        assert_eq!(after(true, &[created, WRITE, CLOSE]).quiet(), WRITTEN);
    }

    #[test]
    fn a_file_in_the_place_of_another_one_is_whole_at_once() {
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));

        assert_eq!(after(true, &[renamed]).quiet(), REPLACED);
        assert!(after(true, &[WRITE, renamed]).open.is_empty(), "the open one is another one");
    }

    #[test]
    fn where_nobody_tells_of_closing_it_has_to_be_quiet_for_longer() {
        let written = after(false, &[WRITE]);

        assert!(written.open.is_empty());
        assert_eq!(written.quiet(), WRITTEN_PERHAPS);
    }

    #[test]
    fn when_some_of_what_happened_was_not_told_nobody_is_waited_for() {
        let mut state = after(true, &[WRITE]);

        assert!(state.note(&Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));

        assert!(state.open.is_empty());
    }

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
