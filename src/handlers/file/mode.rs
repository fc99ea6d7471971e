//! `mode`: who may read the files.

use crate::config::Section;

/// Permission bits; none for those that the umask leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode(pub(super) Option<u32>);

impl Mode {
    /// Reads `mode`; `None` if a problem was noted.
    pub(super) fn read(section: &Section) -> Option<Self> {
        section.or("mode", Self::read_bits, Self(None))
    }

    fn read_bits(section: &Section, key: &str) -> Option<Self> {
        let text = section.text(key)?;
        let wrong = |what: &str| {
            section.error(key, format!("{what}. Write it as chmod does, in quotes: mode = \"0640\""));
            None
        };
        if !section.is_text(key) {
            // A number in TOML is a decimal one, and 640 would be other rights than it looks like.
            return wrong("is a number");
        }
        let digits = text.strip_prefix("0o").unwrap_or(&text);
        let octal = digits.len() >= 3 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        let Some(mode) = octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten() else {
            return wrong("is no permissions of three or four octal digits");
        };
        if mode > 0o777 {
            return wrong("has more than the bits for reading, writing and executing");
        }
        if mode & 0o444 == 0 {
            return wrong("lets nobody read the files");
        }
        if !cfg!(unix) {
            section.error(key, "has no meaning on this system. Take it out, and set the rights of the directory");
            return None;
        }
        if mode & 0o002 != 0 {
            section.warning(key, "lets every user of this machine change the files");
        }
        Some(Self(Some(mode)))
    }
}
