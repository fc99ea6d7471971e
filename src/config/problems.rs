//! What is wrong with a configuration: all of it, each with its key.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

use serde::Serialize;

use super::marks::MarkedFile;
use super::private::Content;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The receiver does not start with it.
    Error,
    /// The receiver runs with it; somebody should look at it.
    Warning,
}

/// One thing that is wrong: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The full key, such as `handlers.erp.url`.
    pub key: String,
    /// Where the key stands in the file, if it does: `config/receiver.toml:12:1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What is wrong and what to do, to be read after the key.
    pub what: String,
    /// The line itself with a caret below it, if it is no TOML. Values that may be secrets are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Problem {
    /// A problem that keeps the receiver from starting.
    pub fn error(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Error, key: key.into(), place: None, what: what.into(), excerpt: None }
    }

    /// A problem that somebody should look at.
    pub fn warning(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(key, what) }
    }

    /// Whether it keeps the receiver from starting.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// As displayed, but without "error" or "warning", and on one line: for a log, which has levels of its own.
    pub fn without_severity(&self) -> String {
        let place = self.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
        format!("{place}`{}` {}", self.key, self.what)
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.severity {
            Severity::Error => f.write_str("error: ")?,
            Severity::Warning => f.write_str("warning: ")?,
        }
        f.write_str(&self.without_severity())?;
        let excerpt = self.excerpt.as_deref().unwrap_or_default();
        excerpt.lines().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// Everything that is wrong with a configuration, errors first; never empty. As an error it says all of it, a line
/// for each, so that `?` loses nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not valid")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

/// As displayed: it is how a `main` that returns it shows it.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Deref for Problems {
    type Target = [Problem];

    fn deref(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl From<Problems> for Vec<Problem> {
    fn from(problems: Problems) -> Self {
        problems.0
    }
}

/// What every part of the configuration adds to while it is read: problems above all.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: RefCell<Vec<Problem>>,
    /// The keys of secrets and digests that stand in the configuration itself.
    secrets: RefCell<Vec<(String, Content)>>,
    files: RefCell<Vec<MarkedFile>>,
}

impl Findings {
    /// Adds one.
    pub(crate) fn push(&self, problem: Problem) {
        self.found.borrow_mut().push(problem);
    }

    /// Notes that a secret or a digest stands in the configuration itself, which not everybody should read or
    /// change then.
    pub(super) fn note_secret(&self, key: String, content: Content) {
        self.secrets.borrow_mut().push((key, content));
    }

    /// The keys of such secrets.
    pub(super) fn secrets(&self) -> Vec<(String, Content)> {
        self.secrets.borrow().clone()
    }

    /// Notes a file that a part of the configuration depends on.
    pub(super) fn note_file(&self, file: MarkedFile) {
        self.files.borrow_mut().push(file);
    }

    /// Takes all such files.
    pub(super) fn take_files(&self) -> Vec<MarkedFile> {
        self.files.take()
    }

    /// Takes them all, errors first.
    pub(crate) fn take(&self) -> Vec<Problem> {
        let mut problems = self.found.take();
        problems.sort_by_key(|problem| problem.severity);
        problems
    }
}
