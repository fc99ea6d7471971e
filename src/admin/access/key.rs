//! The key that tickets and sessions are sealed with: a file beside the inbox, for its owner only. Whoever can read it may
//! look, as whoever can read the inbox can. Beside it is noted what is used up, so that it stays so over a restart.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use jiff::Timestamp;

use crate::config::private::{self, Content, random_text};
use crate::durable::{Folder, Part, make_folder};

const NAME: &str = "inspector-key";
const USED: &str = "inspector-used";
/// What a key has at least, in characters.
const SHORTEST: usize = 43;
/// A note of what is used up is kept for so much longer than that would have been good, in seconds: a clock may be set.
const KEPT: i64 = 24 * 60 * 60;

/// Where it is. It is read anew each time: whoever removes it ends all sessions.
#[derive(Debug, Clone)]
pub(super) struct KeyFile {
    folder: PathBuf,
}

impl KeyFile {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder: if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder } }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// The key; `None` if there is none yet.
    pub(super) fn read(&self) -> io::Result<Option<hmac::Key>> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => zeroize::Zeroizing::new(text?),
        };
        if private::is_open_to_all(&path, Content::Secret) {
            return Err(io::Error::other("every user of this machine can read or change it: remove it"));
        }
        let secret = text.trim();
        if secret.len() < SHORTEST {
            return Err(io::Error::other("it is not whole: remove it"));
        }
        Ok(Some(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())))
    }

    /// The key, which is made if there is none.
    pub(super) fn read_or_make(&self) -> io::Result<hmac::Key> {
        if let Some(key) = self.read()? {
            return Ok(key);
        }
        let secret = random_text::<32>().map_err(io::Error::other)?;
        make_folder(&self.folder, Some(0o700))?;
        let folder = Folder::open(&self.folder)?;
        let mut part = Part::create(&self.folder, Some(0o600))?;
        part.file()?.write_all(secret.as_bytes())?;
        part.file()?.write_all(b"\n")?;
        part.sync()?;
        give_to_owner(part.path(), &self.folder);
        match part.put_new(&self.path()) {
            // Somebody else was quicker.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        folder.sync()?;
        self.read()?.ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Uses up what goes by `id` and is good until then; `false` if that was done before. Durable on return.
    pub(super) fn use_up(&self, id: &str, until: i64) -> io::Result<bool> {
        let folder = self.folder.join(USED);
        make_folder(&folder, Some(0o700))?;
        let opened = Folder::open(&folder)?;
        match private::for_owner().create_new(true).open(folder.join(note(id, until))) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            made => made?.sync_all()?,
        }
        opened.sync()?;
        remove_old(&folder);
        Ok(true)
    }

    /// Whether that was used up.
    pub(super) fn is_used_up(&self, id: &str, until: i64) -> bool {
        self.folder.join(USED).join(note(id, until)).exists()
    }
}

/// What is noted by: nothing of it is text of others.
fn note(id: &str, until: i64) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("{until}-{id}")
}

/// Removes what nobody would take any more, used up or not.
fn remove_old(folder: &Path) {
    let now = Timestamp::now().as_second();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let until = entry.file_name().to_str().and_then(|name| name.split_once('-')?.0.parse::<i64>().ok());
        if until.is_some_and(|until| until.saturating_add(KEPT) < now) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Root gives it to whom the folder belongs to: most often the receiver runs as that user.
#[cfg(unix)]
fn give_to_owner(file: &Path, folder: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    if rustix::process::geteuid().is_root()
        && let Ok(owner) = fs::metadata(folder)
    {
        let _ = std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner(_file: &Path, _folder: &Path) {}
