//! Hearing of changes of files: of what is in them, and of where a path leads to.
//!
//! Editors, certbot and Kubernetes do not write into a file, they put another one in its place, or turn
//! a symbolic link somewhere on the way to it. So it is the directories that are watched: of the file,
//! and of every link that leads to it. A directory may be exchanged as well.
//!
//! Others do write into the file, and half of it may be a valid one: without its last handlers, or without
//! the chain of a certificate. Linux tells when the writer closes it; until then it is not whole. Elsewhere,
//! and for those who write a file in several goes, it has to stay as it is for a while.
//!
//! Where the system tells of that, writing is listened for at the files themselves. At their directory it would be
//! heard of every other file in it as well, such as an inbox that is written a thousand times a second.

mod place;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::{Config, ErrorKind, Event, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _, WatcherKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use self::place::{Identity, identity, identity_of_file, on_the_way};
pub(super) use self::state::WRITTEN;
use self::state::{At, State};
use crate::telemetry::events;

/// Files that never come to rest are read all the same after this, unless a writer has one of them open.
const LONGEST: Duration = Duration::from_secs(30);
/// How often to look whether a writer has closed a file.
const TICK: Duration = Duration::from_millis(20);
/// Files that are watched.
pub(super) struct Files {
    /// At the directories: what comes, goes and is turned. Elsewhere than on Linux, writing as well.
    directories: Option<Watched>,
    /// At the files: writing, where the system tells when it is over.
    writing: Option<Watched>,
    /// Also known to the watchers, which run on threads of their own.
    state: Arc<Mutex<State>>,
    heard: mpsc::Receiver<()>,
}

/// A watcher, and what it watches.
struct Watched {
    watcher: RecommendedWatcher,
    /// Which directory or file that was: another one may be there now.
    paths: BTreeMap<PathBuf, Identity>,
}

impl Watched {
    /// From now on these, and no others. Returns whether one is new.
    fn follow(&mut self, mut wanted: BTreeMap<PathBuf, Identity>) -> bool {
        for (left, identity) in &self.paths {
            if wanted.get(left) != Some(identity) {
                // It is gone if the directory or file is.
                let _ = self.watcher.unwatch(left);
            }
        }
        let mut new = false;
        wanted.retain(|path, identity| {
            if self.paths.get(path) == Some(identity) {
                return true;
            }
            match self.watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => new = true,
                Err(error) => {
                    if !is_told_elsewhere(&error, path) {
                        events::configuration::not_watched(&error);
                    }
                    return false;
                }
            }
            true
        });
        self.paths = wanted;
        new
    }

    /// Hears of everything that has happened until now. The watcher answers while it works off what the system has told
    /// it, at the latest in the round after: the third answer comes after that.
    fn catch_up(&mut self) {
        for _ in 0..3 {
            // There is nothing to set: the answer counts.
            let _ = self.watcher.configure(Config::default());
        }
    }
}

impl Files {
    /// None yet.
    pub(super) fn new() -> Self {
        let tells_of_closing = RecommendedWatcher::kind() == WatcherKind::Inotify;
        let state = Arc::new(Mutex::new(State { tells_of_closing, ..State::default() }));
        let (tell, heard) = mpsc::channel(1);
        let listen = |at: At, kinds: EventKindMask| {
            let (noted, tell) = (Arc::clone(&state), tell.clone());
            let told = move |event: notify::Result<Event>| {
                // If it cannot be told, nothing is known: then better look.
                if event.is_ok_and(|event| !lock(&noted).note(at, &event)) {
                    return;
                }
                // One that waits already says it all.
                let _ = tell.try_send(());
            };
            let watcher = RecommendedWatcher::new(told, Config::default().with_event_kinds(kinds));
            let watcher = watcher.map_err(|error| events::configuration::not_watched(&error)).ok()?;
            Some(Watched { watcher, paths: BTreeMap::new() })
        };
        let writing = EventKindMask::MODIFY_DATA | EventKindMask::ACCESS_CLOSE;
        let (directories, writing) = if tells_of_closing {
            let coming_and_going = EventKindMask::CREATE
                | EventKindMask::REMOVE
                | EventKindMask::MODIFY_NAME
                | EventKindMask::MODIFY_META
                | EventKindMask::ACCESS_CLOSE;
            (listen(At::Directory, coming_and_going), listen(At::File, writing))
        } else {
            (listen(At::Directory, EventKindMask::ALL), None)
        };
        Self { directories, writing, state, heard }
    }

    /// From now on these, wherever they lead to at the moment. Returns whether that made a difference:
    /// then a change just before may not have been heard.
    pub(super) fn watch(&mut self, files: &BTreeSet<PathBuf>) -> bool {
        let mut entries: BTreeSet<PathBuf> = files.iter().flat_map(|file| on_the_way(file)).collect();
        let mut directories = BTreeMap::new();
        let mut written = BTreeMap::new();
        for entry in entries.clone() {
            written.extend(identity_of_file(&entry).map(|identity| (entry.clone(), identity)));
            // Of a directory that is not there, its coming is to be heard.
            for directory in entry.ancestors().skip(1) {
                entries.insert(directory.to_owned());
                if let Some(identity) = identity(directory) {
                    directories.insert(directory.to_owned(), identity);
                    break;
                }
            }
        }
        let known = self.directories.as_ref().map(|watched| &watched.paths);
        let stays = |directory: &Path| {
            let identity = directories.get(directory);
            identity.is_some() && identity == known.and_then(|known| known.get(directory))
        };
        {
            let mut state = lock(&self.state);
            // What happens in a directory that is left is not heard any more.
            let is_heard = |path: &PathBuf| entries.contains(path) && path.parent().is_some_and(stays);
            state.open.retain(is_heard);
            state.made.retain(is_heard);
            state.entries = entries;
        }
        self.forget_exchanged();
        let new = self.directories.as_mut().is_some_and(|watched| watched.follow(directories));
        let written = self.writing.as_mut().is_some_and(|watched| watched.follow(written));
        new || written
    }

    /// Listens for writing into what has come in the place of a watched file.
    fn watch_exchanged(&mut self) {
        let exchanged = self.forget_exchanged();
        let Some(watched) = &mut self.writing else { return };
        if exchanged.is_empty() {
            return;
        }
        let mut wanted = watched.paths.clone();
        wanted.extend(exchanged.into_iter().filter_map(|path| Some((path.clone(), identity_of_file(&path)?))));
        watched.follow(wanted);
    }

    /// Listens no more to files that have lost their names to others, which are returned.
    fn forget_exchanged(&mut self) -> BTreeSet<PathBuf> {
        let exchanged = std::mem::take(&mut lock(&self.state).exchanged);
        let Some(watched) = self.writing.as_mut().filter(|_| !exchanged.is_empty()) else { return exchanged };
        for path in &exchanged {
            if watched.paths.remove(path).is_some() {
                let _ = watched.watcher.unwatch(path);
            }
        }
        // That somebody still wrote into them may have been heard until now.
        lock(&self.state).open.retain(|path| !exchanged.contains(path));
        exchanged
    }

    /// Returns when something has changed. Can be cancelled.
    pub(super) async fn changed(&mut self) {
        if self.directories.is_none() || self.heard.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        self.watch_exchanged();
    }

    /// Returns when it seems to be over: all is quiet, and no writer has a file open. Can be cancelled.
    pub(super) async fn quiet(&mut self) {
        let begun = Instant::now();
        let mut said = false;
        loop {
            let (pause, open) = self.state();
            let more = timeout(pause, self.heard.recv()).await.is_ok();
            self.watch_exchanged();
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

    /// Hears of everything that has happened until now.
    pub(super) fn catch_up(&mut self) {
        self.directories.iter_mut().chain(&mut self.writing).for_each(Watched::catch_up);
    }

    /// Whether something is not as it will be: a writer has a file open, or more has happened already.
    pub(super) fn are_restless(&self) -> bool {
        self.state().1.is_some() || !self.heard.is_empty()
    }

    /// How long it has to be quiet, and a file that a writer has open.
    fn state(&self) -> (Duration, Option<PathBuf>) {
        let state = lock(&self.state);
        (state.quiet(), state.open.first().or(state.made.first()).cloned())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether it is about a file that is gone, or that we may not read: who wants to read it says so.
fn is_told_elsewhere(error: &notify::Error, path: &Path) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == io::ErrorKind::PermissionDenied && path.is_file(),
        _ => false,
    }
}
