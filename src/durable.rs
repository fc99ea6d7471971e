//! Files that are there whole or not at all: written under another name, synced, and then given their own.
//!
//! A file is only as safe as its name, so the folder is synced too. Not every file system can do that (shares,
//! some of FUSE), and whoever may put files into a folder may not always open it. Both are to be found out before
//! the file appears: afterwards there is no way back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A folder that is open, so that names in it can be made durable.
pub(crate) struct Folder(#[cfg(unix)] File);

/// What a file system does for the names in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// They are on disk.
    Synced,
    /// It does not know of syncing folders: what it promises, it promises by itself.
    NotItsToSync,
}

impl Folder {
    /// Opens it, which takes the right to list it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        return File::open(if path.as_os_str().is_empty() { Path::new(".") } else { path }).map(Self);
        // Windows has no such call and needs none.
        #[cfg(not(unix))]
        return path.read_dir().map(|_| Self());
    }

    /// Makes what was made, renamed or removed in it durable.
    pub(crate) fn sync(&self) -> io::Result<Names> {
        #[cfg(unix)]
        return match self.0.sync_all() {
            Ok(()) => Ok(Names::Synced),
            // EINVAL; ENOSYS and EOPNOTSUPP.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
                Ok(Names::NotItsToSync)
            }
            Err(error) => Err(error),
        };
        #[cfg(not(unix))]
        return Ok(Names::Synced);
    }

    /// Which folder it is, to be compared; `None` where that cannot be told.
    pub(crate) fn identity(&self) -> Option<(u64, u64)> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            self.0.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
        }
        #[cfg(not(unix))]
        None
    }
}

/// Puts a file there as a whole or not at all, durably, in the place of what has the name; with the permission bits
/// `mode` whatever the umask says. Its folder must be there.
///
/// # Errors
/// As the disk says. Only if the last step failed, the file may be there all the same.
pub(crate) fn write(target: &Path, mode: Option<u32>, content: &[u8]) -> io::Result<()> {
    let path = target.parent().unwrap_or(Path::new(""));
    let folder = Folder::open(path)?;
    let mut part = Part::create(path, mode)?;
    part.file()?.write_all(content)?;
    part.sync()?;
    part.put(target)?;
    folder.sync().map(drop)
}

/// Makes a folder and those above it, each durably: a file is only as safe as the way to it. `mode` is for those
/// that are made.
pub(crate) fn make_folder(path: &Path, mode: Option<u32>) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    make_folder(parent, mode)?;
    let folder = Folder::open(parent)?;
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is nothing to set"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    if let Some(mode) = mode {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    match builder.create(path) {
        // Somebody else was quicker.
        Err(_) if path.is_dir() => Ok(()),
        done => done,
    }?;
    folder.sync().map(drop)
}

/// The folder, or the nearest one above it that is there.
pub(crate) fn nearest(folder: &Path) -> &Path {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    if there.as_os_str().is_empty() { Path::new(".") } else { there }
}

/// Whether a file could be put into a folder, which may have to be made first: goes the whole way in the [`nearest`] one
/// that is there, with a file of another name. Leaves nothing behind.
pub(crate) fn rehearse(folder: &Path) -> io::Result<()> {
    let there = nearest(folder);
    let name = Part::name_in(there);
    let written = write(&name, None, b"{}");
    let _ = fs::remove_file(&name);
    written
}

/// A file under a name that nobody looks for, `.<uuid>.part`. Removed when dropped, unless it got its own name.
pub(crate) struct Part {
    path: PathBuf,
    /// Locked for as long as it is written, so that nobody takes it for one that was left behind.
    file: Option<File>,
}

impl Part {
    /// Makes one in `folder`, with the permission bits `mode` whatever the umask says.
    pub(crate) fn create(folder: &Path, mode: Option<u32>) -> io::Result<Self> {
        let path = Self::name_in(folder);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        if mode.is_some() {
            use std::os::unix::fs::OpenOptionsExt as _;
            // Whoever may not read it later may not do so now.
            options.mode(0o600);
        }
        let file = options.open(&path)?;
        // Without locks in this file system it is never taken for left behind.
        let _ = file.try_lock();
        let part = Self { path, file: Some(file) };
        #[cfg(unix)]
        if let (Some(mode), Some(file)) = (mode, &part.file) {
            use std::os::unix::fs::PermissionsExt as _;
            // Not every file system lets it be set, though it may be that already.
            if file.metadata()?.permissions().mode() & 0o7777 != mode {
                file.set_permissions(fs::Permissions::from_mode(mode))?;
            }
        }
        #[cfg(not(unix))]
        let _ = mode;
        Ok(part)
    }

    /// A name that nobody looks for, and that the next start removes if it finds it.
    pub(crate) fn name_in(folder: &Path) -> PathBuf {
        folder.join(format!(".{}.part", uuid::Uuid::new_v4()))
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// To be written to.
    pub(crate) fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Makes its content durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_all()
    }

    /// Gives it the name `target`, unless something has it: [`ErrorKind::AlreadyExists`]. Then it is still there.
    pub(crate) fn put_new(&mut self, target: &Path) -> io::Result<()> {
        self.unlock_for_windows();
        rename_new(&self.path, target)?;
        self.file = None;
        Ok(())
    }

    /// Gives it the name `target`, in the place of what has it.
    pub(crate) fn put(&mut self, target: &Path) -> io::Result<()> {
        self.unlock_for_windows();
        fs::rename(&self.path, target)?;
        self.file = None;
        Ok(())
    }

    /// There a lock keeps others from reading.
    fn unlock_for_windows(&self) {
        if cfg!(windows)
            && let Some(file) = &self.file
        {
            let _ = file.unlock();
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a failed sync it is never to be trusted; whoever tries again makes a new one.
        if self.file.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Renames, unless something has the name already.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
            // This file system cannot do it in one step.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {}
            renamed => return renamed,
        }
    }
    if to.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

/// Removes the parts in `folder` that somebody was killed over; returns how many. Not those that were made after
/// `since`, by the clock of the file system, and not those that somebody still writes, who may be a receiver on
/// another machine. Where locks do not reach that far, that one finds its part gone, and makes another.
pub(crate) fn remove_left_behind(folder: &Path, since: std::time::SystemTime) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        if !entry.file_name().to_str().is_some_and(is_part) {
            continue;
        }
        let is_old = entry
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.modified().is_ok_and(|modified| modified < since));
        // An exclusive lock on a share wants the right to write.
        if is_old
            && let Ok(file) = OpenOptions::new().read(true).write(true).open(entry.path())
            && file.try_lock().is_ok()
            && fs::remove_file(entry.path()).is_ok()
        {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether a file of that name is one of ours that has not got its own.
pub(crate) fn is_part(name: &str) -> bool {
    let random = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part"));
    random.is_some_and(|random| {
        random.len() == 36 && uuid::Uuid::try_parse(random).is_ok_and(|uuid| uuid.get_version_num() == 4)
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_part_that_gets_no_name_is_gone() {
        let folder = tempfile::tempdir().unwrap();

        drop(Part::create(folder.path(), None).unwrap());

        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_has_the_name_already_stays() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.json");
        fs::write(&target, "of somebody else").unwrap();
        let mut part = Part::create(folder.path(), None).unwrap();
        part.file().unwrap().write_all(b"ours").unwrap();

        let refused = part.put_new(&target).unwrap_err();
        let before = fs::read_to_string(&target).unwrap();
        part.put(&target).unwrap();
        drop(part);

        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(before, "of somebody else");
        assert_eq!(fs::read_to_string(&target).unwrap(), "ours");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_file_is_put_into_a_folder_that_is_made_for_it_and_into_the_place_of_another() {
        let there = tempfile::tempdir().unwrap();
        let folder = there.path().join("a/b");
        let target = folder.join("key.pem");

        make_folder(&folder, Some(0o700)).unwrap();
        make_folder(&folder, None).unwrap();
        write(&target, None, b"first").unwrap();
        write(&target, Some(0o600), b"second").unwrap();

        assert_eq!(fs::read_to_string(&target).unwrap(), "second");
        assert_eq!(names(&folder), ["key.pem"]);
        #[cfg(unix)]
        for (path, expected) in [(target, 0o600), (folder, 0o700), (there.path().join("a"), 0o700)] {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, expected, "{}", path.display());
        }
    }

    #[test]
    fn a_file_that_cannot_get_its_name_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("key.pem");
        fs::create_dir(&target).unwrap();

        write(&target, None, b"a key").unwrap_err();

        assert_eq!(names(folder.path()), ["key.pem"]);
    }

    #[test]
    fn only_parts_that_nobody_writes_any_more_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = format!(".{}.part", uuid::Uuid::new_v4());
        for name in [left.as_str(), ".other.part", "a.json", ".7fd0f2c2-e310-1363-ae70-6bea25604066.part"] {
            fs::write(folder.path().join(name), "{").unwrap();
        }
        let written = Part::create(folder.path(), None).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);

        let earlier = remove_left_behind(folder.path(), SystemTime::now() - Duration::from_secs(60)).unwrap();
        let removed = remove_left_behind(folder.path(), later).unwrap();

        assert_eq!((earlier, removed), (0, 1));
        assert!(written.path().exists());
        assert!(!folder.path().join(left).exists());
        assert_eq!(names(folder.path()).len(), 4);
    }
}
