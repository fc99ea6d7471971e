//! The layers of the configuration, and where in them a key stands.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ::config::{Map, Value};
use zeroize::Zeroizing;

use super::private::Content;
use super::problems::{Findings, Problem, Severity};
use super::syntax::{Slip, position};
use super::{Marks, Section, merge, private};
use crate::shown::word;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "config/receiver.toml";

/// The defaults: shipped, commented, embedded.
const DEFAULTS: &str = include_str!("../../config/default.toml");

const ENVIRONMENT_PREFIX: &str = "TRADECLOUD_WEBHOOK";
const SEPARATOR: &str = "__";

/// What was read, with warnings; or every problem.
pub(crate) type Checked<T> = Result<(T, Vec<Problem>), Vec<Problem>>;

/// The texts a configuration is made of. They are wiped when they are dropped.
#[derive(Clone)]
pub struct Layers {
    /// The operator's file with its text; `None` where there is none.
    file: Option<(PathBuf, Zeroizing<String>)>,
    /// The layer that stands in for a file that is not there.
    stand_in: Option<String>,
}

impl Layers {
    /// Reads the file that was named, or [`DEFAULT_FILE`] if that exists.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(named: Option<&Path>) -> Result<Self, Problem> {
        let path = match named {
            Some(path) => path,
            None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
            None => return Ok(Self { file: None, stand_in: None }),
        };
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| Problem::error(&name, format!("cannot be read: {error}")))?;
        text(&name, bytes).map(|text| Self::from_text(path, text))
    }

    /// A configuration whose file has that text; the path is for messages.
    pub fn from_text(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { file: Some((path.into(), Zeroizing::new(text.into()))), stand_in: None }
    }

    /// Whether an operator wrote a file. Without one, a development set-up stands in.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Puts `toml` where the operator's file would be.
    #[must_use]
    pub fn with_stand_in(mut self, toml: String) -> Self {
        self.stand_in = Some(toml);
        self
    }

    /// Whether a variable of the environment is a part of the configuration.
    pub fn is_variable(name: &OsStr) -> bool {
        name.to_str().is_some_and(|name| name.to_uppercase().starts_with(&environment_variable("")))
    }

    /// Whether the environment sets anything at or below `key`.
    pub fn environment_sets(key: &str) -> bool {
        let variable = environment_variable(key);
        std::env::vars_os()
            .any(|(name, _)| name.to_str().is_some_and(|name| name.to_uppercase().starts_with(&variable)))
    }

    /// Whether something stands in for a file that is not there.
    pub(crate) fn has_stand_in(&self) -> bool {
        self.stand_in.is_some()
    }

    /// Whether the operator wrote `key`, in the file or the environment.
    pub(crate) fn has_written(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Merges the layers and has `read` take the keys out; also returns the marks of what was read, valid or not.
    pub(crate) fn read_by<T>(&self, read: impl FnOnce(Section) -> Option<T>) -> (Marks, Checked<T>) {
        let problems = Rc::new(Findings::default());
        let (path, text) = self.file.as_ref().map_or((Path::new(DEFAULT_FILE), ""), |(path, text)| (path, text));
        let mut marks = Marks::new(path, text);
        let settings = match self.merged() {
            Ok(values) => {
                marks.add_all(&values);
                read(Section::new("", values, Rc::clone(&problems)))
            }
            Err(wrong) => {
                for problem in wrong {
                    problems.push(problem);
                }
                None
            }
        };
        marks.add_files(problems.take_files());
        if let Some(problem) = self.open_to_all(&problems.secrets()) {
            problems.push(problem);
        }
        let mut found = problems.take();
        for problem in &mut found {
            problem.place = problem.place.take().or_else(|| self.place(&problem.key));
        }
        let result = match settings {
            Some(settings) if found.iter().all(|problem| problem.severity == Severity::Warning) => {
                Ok((settings, found))
            }
            _ => Err(found),
        };
        (marks, result)
    }

    fn merged(&self) -> Result<Map<String, Value>, Vec<Problem>> {
        let read = |name: &str, text: &str| {
            let slips = |slips: Vec<Slip>| slips.into_iter().map(|slip| slip.into_problem(name)).collect::<Vec<_>>();
            merge::read(text).map_err(slips)
        };
        let mut values = read("the defaults", DEFAULTS)?;
        if let Some((path, text)) = &self.file {
            merge::put_over(&mut values, read(&path.display().to_string(), text)?);
        } else if let Some(text) = &self.stand_in {
            merge::put_over(&mut values, read("the development set-up", text)?);
        }
        merge::put_environment_over(&mut values, ENVIRONMENT_PREFIX).map_err(|problem| vec![problem])?;
        Ok(values)
    }

    /// A warning if the file has secrets in it and everybody may read it, or digests and everybody may change it.
    fn open_to_all(&self, secrets: &[(String, Content)]) -> Option<Problem> {
        let (path, _) = self.file.as_ref()?;
        let open = secrets.iter().filter(|(key, content)| {
            std::env::var_os(environment_variable(key)).is_none() && private::is_open_to_all(path, *content)
        });
        // A secret matters more, and what is to be done for it is enough for a digest.
        let (key, content) = open.min_by_key(|(_, content)| matches!(content, Content::Digest))?;
        let path = word(path);
        let what = match content {
            Content::Secret => format!(
                "is a secret in a file that is open to every user of this machine. Run `chmod 600 {path}`, or put it \
                 into a file of its own and name that with `{}_file`",
                key.rsplit('.').next().unwrap_or(key),
            ),
            Content::Digest => {
                format!("stands in a file that every user of this machine can change. Run `chmod o-w {path}`")
            }
        };
        Some(Problem::warning(key, what))
    }

    /// Where the operator wrote `key`: the variable of the environment, or file, line and column. For
    /// a key that is missing, its nearest table.
    fn place(&self, key: &str) -> Option<String> {
        let variable = environment_variable(key);
        if std::env::var_os(&variable).is_some() {
            return Some(variable);
        }
        let (path, text) = self.file.as_ref()?;
        let document = merge::Document::parse(text).ok()?;
        let mut table = document.table();
        let mut found = None;
        for part in key.split('.') {
            let (name, index) = match part.split_once('[') {
                Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
                None => (part, None),
            };
            let Some((at, value)) = table.iter().find(|(known, _)| known.get_ref() == name) else { break };
            found = Some(at.span().start);
            let mut value = value.get_ref();
            if let Some(entry) = index.and_then(|index| value.as_array().and_then(|entries| entries.get(index))) {
                found = Some(entry.span().start);
                value = entry.get_ref();
            }
            match value.as_table() {
                Some(below) => table = below,
                None => break,
            }
        }
        let (line, column) = position(text, found?);
        Some(format!("{}:{line}:{column}", path.display()))
    }
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layers").field("file", &self.file.as_ref().map(|(path, _)| path)).finish_non_exhaustive()
    }
}

fn environment_variable(key: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{SEPARATOR}{}", key.replace('.', SEPARATOR).to_uppercase())
}

/// The text in the file `name`.
fn text(name: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = Zeroizing::new(error.into_bytes());
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Problem::error(name, "is in UTF-16. Save it as UTF-8");
        }
        let (line, column) = position(&String::from_utf8_lossy(&bytes[..valid]), valid);
        let what = "has a letter that is not in UTF-8, but perhaps in Windows-1252. Save it as UTF-8";
        Problem { place: Some(format!("{name}:{line}:{column}")), ..Problem::error(name, what) }
    })
}
