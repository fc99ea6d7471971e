//! Paths of a [`Section`]. Nothing is replaced in one, as a shell does it: a path that looks as if somebody counted on
//! that is an error, which names the place that it leads to as it stands.

use std::path::{PathBuf, absolute};

use super::Section;

impl Section {
    /// A path of the file system. One that cannot be meant so is an error; one that looks odd, but leads to something
    /// that is there, a warning.
    pub fn file(&self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        if let Some(what) = mistaken(&text) {
            self.error(key, what);
            return None;
        }
        let path = PathBuf::from(&text);
        match odd(&text) {
            Some(what) if path.exists() => self.warning(key, format!("{what}. It leads to {}", in_full(&text))),
            Some(what) => {
                let cure = format!("Write the path in full{}", meant(&text));
                self.error(key, format!("{what}. As it stands, it leads to {}. {cure}", in_full(&text)));
                return None;
            }
            None => {}
        }
        Some(path)
    }

    /// Notes a warning at `key` if `program` can hardly be meant as it stands. No error: a program that cannot be started
    /// is one that may come yet.
    pub fn warn_of_odd_program(&self, key: &str, program: &str) {
        if let Some(what) = not_meant(program) {
            self.warning(key, format!("names a program by a path that {what}"));
        }
    }
}

/// Why a path can hardly be meant as it stands, to be read after what it is for; for paths of arguments.
pub(crate) fn not_meant(text: &str) -> Option<String> {
    mistaken(text).or_else(|| odd(text))
}

/// Where a path leads to.
fn in_full(text: &str) -> String {
    absolute(text).map_or_else(|_| text.to_owned(), |path| path.display().to_string())
}

/// What is no path at all.
fn mistaken(text: &str) -> Option<String> {
    if let Some(control) = text.chars().find(|letter| letter.is_control()) {
        let name = match control {
            '\t' => "a tab (`\\t`)".to_owned(),
            '\n' => "a line break (`\\n`)".to_owned(),
            other => format!("a control character (U+{:04X})", u32::from(other)),
        };
        return Some(format!(
            "has {name} in it, which a backslash makes of the next letter in double quotes. Put the path in single \
             quotes, or double each backslash"
        ));
    }
    // As in `file:inbox.db` and `file:///srv/inbox.db`.
    let (scheme, rest) = text.split_once(':')?;
    if scheme.eq_ignore_ascii_case("file") {
        let path = rest.strip_prefix("//").map_or(rest, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
        let path = path.split('?').next().unwrap_or(path);
        return Some(format!("is a URL, and a path is wanted. Write \"{path}\""));
    }
    let is_scheme = scheme.len() > 1 && scheme.chars().all(|letter| letter.is_ascii_alphanumeric());
    (is_scheme && rest.starts_with("//")).then(|| "is a URL, and the path of a file is wanted".to_owned())
}

/// What somebody may have meant to be replaced or left out by others: to be read after the key.
fn odd(text: &str) -> Option<String> {
    let first = text.split(['/', '\\']).next().unwrap_or_default();
    let is_name = |name: &str| {
        name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_()".contains(letter))
    };
    let variable = text.split('$').skip(1).any(|rest| {
        let name = rest.strip_prefix('{').and_then(|rest| Some(rest.split_once('}')?.0));
        name.or_else(|| rest.split(['/', '\\', '.', '-']).next()).is_some_and(is_name)
    });
    let of_windows = text.split('%').skip(1).step_by(2).any(is_name) && text.matches('%').count() >= 2;
    if first.starts_with('~') {
        Some(format!("begins with `{first}`, which only a shell makes a home directory of"))
    } else if variable || of_windows {
        Some("has the name of a variable in it, which only a shell replaces".to_owned())
    } else if text.len() > 1 && ["\"", "'"].iter().any(|quote| text.starts_with(quote) && text.ends_with(quote)) {
        Some("has quotes around it that belong to it. One pair is enough, and in the environment none".to_owned())
    } else if text.trim() != text {
        Some("begins or ends with a blank, which belongs to it".to_owned())
    } else {
        None
    }
}

/// What is easily written in its place.
fn meant(text: &str) -> String {
    let rest = text.strip_prefix("~/").or_else(|| text.strip_prefix("~\\"));
    match rest.zip(std::env::home_dir()) {
        Some((rest, home)) => format!(", such as {}", home.join(rest).display()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{mistaken, odd};

    #[test]
    fn what_a_backslash_has_made_of_a_path_is_no_path() {
        for text in ["C:\temp\new", "data\n", "a\u{8}b", "file:inbox.db", "FILE:///srv/x", "https://erp.example/x"] {
            assert!(mistaken(text).is_some(), "{text:?}");
        }
        assert!(mistaken("file:///srv/inbox.db?mode=rw").unwrap().ends_with("Write \"/srv/inbox.db\""));
        assert!(mistaken("file:inbox.db").unwrap().ends_with("Write \"inbox.db\""));
    }

    #[test]
    fn what_a_shell_would_replace_is_odd() {
        for text in [
            "~/events",
            "~",
            "~me/events",
            "$HOME/events",
            "/srv/${STAGE}/events",
            "%USERPROFILE%\\events",
            "C:\\%ProgramFiles(x86)%\\x",
            "\"data/events\"",
            "'data/events'",
            "data/events ",
            " data/events",
        ] {
            assert!(mistaken(text).is_none() && odd(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_plain_path_is_neither() {
        for text in [
            "",
            ".",
            "data/events",
            "/srv/my events/a~b",
            "C:\\temp\\new",
            "C:/temp",
            "D:",
            "\\\\server\\share$\\in",
            "/srv/100% sure/50%",
            "/srv/price-in-$",
            "/srv/$5",
            "a'b",
            "..data/portal",
            "/srv/10:15/x",
        ] {
            assert!(mistaken(text).is_none() && odd(text).is_none(), "{text:?}");
        }
    }
}
