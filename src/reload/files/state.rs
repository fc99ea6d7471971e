//! What has been heard of the files, and how far their writers have come.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind};

/// Whoever puts other files in the place of the old ones is done with it when nothing has happened for so long.
const REPLACED: Duration = Duration::from_millis(300);
/// Whoever writes into a file may open it more than once: for a certificate, and again for its chain.
pub(in crate::reload) const WRITTEN: Duration = Duration::from_secs(3);
/// The same where the system does not tell of the end of writing.
const WRITTEN_PERHAPS: Duration = Duration::from_secs(5);

/// Where something was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Directory,
    File,
}

/// What is watched for, and how far it has come.
#[derive(Default)]
pub(super) struct State {
    /// What is to be heard of: files, links, and the directories they are in.
    pub(super) entries: BTreeSet<PathBuf>,
    /// Whether the system tells when a writer closes a file.
    pub(super) tells_of_closing: bool,
    /// What somebody has written into and not closed yet.
    pub(super) open: BTreeSet<PathBuf>,
    /// What somebody has made and not closed yet: it was there too late for writing into it to be heard.
    pub(super) made: BTreeSet<PathBuf>,
    /// Names that lead to another file since it was last watched for writing.
    pub(super) exchanged: BTreeSet<PathBuf>,
    /// Whether something was written where it is, since the last time that all was quiet.
    pub(super) in_place: bool,
}

impl State {
    /// Takes in what has happened; whether it matters.
    pub(super) fn note(&mut self, at: At, event: &Event) -> bool {
        if event.need_rescan() {
            // Some of it was not told, perhaps that a file was closed.
            self.open.clear();
            self.made.clear();
            self.in_place = true;
            return true;
        }
        let concerned: Vec<_> = event.paths.iter().filter(|path| self.entries.contains(*path)).cloned().collect();
        if concerned.is_empty() {
            return false;
        }
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                let closed = if at == At::File { &mut self.open } else { &mut self.made };
                closed.retain(|path| !concerned.contains(path));
                self.in_place = true;
            }
            EventKind::Access(_) => return false,
            // Another file is there now, or none; or it is the same as it was, for others.
            EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => {
                self.open.retain(|path| !concerned.contains(path));
                self.made.retain(|path| !concerned.contains(path));
                self.exchanged.extend(concerned);
            }
            EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Create(CreateKind::Folder) => {}
            EventKind::Modify(ModifyKind::Data(_)) if self.tells_of_closing => {
                self.open.extend(concerned);
                self.in_place = true;
            }
            EventKind::Create(_) => {
                if self.tells_of_closing {
                    self.made.extend(concerned.iter().filter(|path| is_to_be_closed(path)).cloned());
                }
                self.exchanged.extend(concerned);
                self.in_place = true;
            }
            _ => self.in_place = true,
        }
        true
    }

    /// How long it has to stay as it is to be whole.
    pub(super) fn quiet(&self) -> Duration {
        match (self.in_place, self.tells_of_closing) {
            (false, _) => REPLACED,
            (true, true) => WRITTEN,
            (true, false) => WRITTEN_PERHAPS,
        }
    }
}

/// Whether whoever has made it has opened it, and is going to close it. Of what is no file or has another name already,
/// such as a link, nobody does.
fn is_to_be_closed(path: &Path) -> bool {
    let Ok(metadata) = path.symlink_metadata() else { return false };
    #[cfg(unix)]
    let is_linked = std::os::unix::fs::MetadataExt::nlink(&metadata) > 1;
    #[cfg(not(unix))]
    let is_linked = false;
    metadata.is_file() && !is_linked
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, ModifyKind, RenameMode};
    use notify::{Event, EventKind};

    use super::{At, REPLACED, State, WRITTEN, WRITTEN_PERHAPS};

    const WRITE: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CLOSE: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));

    /// Watches the file `/a`, to which all of this happens.
    fn after(tells_of_closing: bool, kinds: &[EventKind]) -> State {
        let mut state = State { entries: ["/a".into()].into(), tells_of_closing, ..State::default() };
        for kind in kinds {
            let at = if [WRITE, CLOSE].contains(kind) && tells_of_closing { At::File } else { At::Directory };
            assert!(!state.note(at, &Event::new(*kind).add_path("/b".into())), "nobody asked for /b");
            assert!(state.note(at, &Event::new(*kind).add_path("/a".into())), "{kind:?}");
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

        assert!(state.note(At::File, &Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));

        assert!(state.open.is_empty());
    }

    #[test]
    fn a_file_that_is_made_is_open_until_its_maker_closes_it_and_a_link_never_is() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other, link] = ["file", "other", "link"].map(|name| folder.path().join(name));
        std::fs::write(&file, "half of").unwrap();
        std::fs::write(folder.path().join("has a name"), "whole").unwrap();
        std::fs::hard_link(folder.path().join("has a name"), &other).unwrap();
        symlink("file", &link).unwrap();
        let entries = [file.clone(), other.clone(), link.clone()].into();
        let mut state = State { entries, tells_of_closing: true, ..State::default() };

        for path in [&file, &other, &link] {
            state.note(At::Directory, &Event::new(EventKind::Create(CreateKind::File)).add_path(path.clone()));
        }
        let made = state.made.clone();
        state.note(At::Directory, &Event::new(CLOSE).add_path(file.clone()));

        assert_eq!(made, [file].into());
        assert!(state.made.is_empty());
    }
}
