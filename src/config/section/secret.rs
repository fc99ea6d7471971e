//! Secrets of a [`Section`]: where they stand, and who else can read them there.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::Section;
use crate::config::private::{self, Content};
use crate::pem;
use crate::shown::word;

/// The one secret that has lines: the text of a .creds file, for NATS.
const OF_LINES: &str = "credentials";

impl Section {
    /// Whether there is a secret at `key`, or in the file that `<key>_file` names.
    pub fn has_secret(&self, key: &str) -> bool {
        let key_of_file = format!("{key}_file");
        self.know(key);
        self.know(&key_of_file);
        self.has(key) || self.has(&key_of_file)
    }

    /// A secret: at `key` itself, or in the file that `<key>_file` names (a trailing newline is not
    /// part of it). A secret that is missing or empty is an error.
    pub fn secret(&self, key: &str) -> Option<SecretString> {
        self.confidential(key, Content::Secret)
    }

    /// As [`Section::secret`], for what a secret is recognised by, such as its digest. Everybody may read it, but
    /// not change it.
    pub fn digest(&self, key: &str) -> Option<SecretString> {
        self.confidential(key, Content::Digest)
    }

    fn confidential(&self, key: &str, content: Content) -> Option<SecretString> {
        let key_of_file = format!("{key}_file");
        let given = self.text_as_it_is(key).map(SecretString::from);
        let in_file = self.file(&key_of_file);
        if let Some(path) = &in_file {
            self.depends_on(&key_of_file, path);
        }
        let (at, secret) = match (given, in_file) {
            (Some(_), Some(_)) => {
                self.error(key, format!("is given twice, here and by `{key_of_file}`. Remove one"));
                return None;
            }
            (None, None) => {
                if !self.has(key) && !self.has(&key_of_file) {
                    self.error(
                        key,
                        format!("is missing. Add `{key_of_file} = \"/path/to/file\"` (or `{key} = \"…\"`)"),
                    );
                }
                return None;
            }
            (Some(secret), None) => {
                self.problems.note_secret(self.key(key), content);
                (key, secret)
            }
            (None, Some(path)) => match read(&path) {
                Ok(text) => {
                    match content {
                        Content::Secret => self.warn_if_open_to_all(&key_of_file, &path),
                        Content::Digest => self.warn_if_all_may_change(&key_of_file, &path),
                    }
                    (key_of_file.as_str(), SecretString::from(content_of(&text)))
                }
                Err(what) => {
                    self.error(&key_of_file, what);
                    return None;
                }
            },
        };
        if secret.expose_secret().is_empty() {
            self.error(at, "is empty");
            return None;
        }
        if has_odd_ends(secret.expose_secret()) {
            self.warning(
                at,
                "begins or ends with a blank or a control character, which counts. Remove it if it is none",
            );
        } else if key != OF_LINES && secret.expose_secret().contains(['\r', '\n']) {
            self.warning(at, "has more than one line, and all of them count. Keep nothing else beside the secret");
        }
        Some(secret)
    }

    fn warn_if_all_may_change(&self, key: &str, path: &Path) {
        if private::is_open_to_all(path, Content::Digest) {
            let (shown, path) = (path.display(), word(path));
            self.warning(key, format!("can be changed by every user of this machine: {shown}. Run `chmod o-w {path}`"));
        }
    }
}

/// The text of a file.
fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let shown = path.display();
    let content =
        std::fs::read(path).map(Zeroizing::new).map_err(|error| format!("cannot be read: {shown}: {error}"))?;
    if pem::is_utf16(&content) {
        return Err(format!("is text in UTF-16: {shown}. Save it as UTF-8"));
    }
    let text = std::str::from_utf8(&content).map_err(|_| format!("is no text in UTF-8: {shown}. Save it as such"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// What a file says: editors end it with a line break, and those of Windows begin it with a byte order mark.
pub(crate) fn content_of(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n'])
}

/// Whether a text has something at its ends that nobody sees, and that is seldom meant.
fn has_odd_ends(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    text.starts_with(is_odd) || text.ends_with(is_odd)
}
