//! One table by itself, for programs that configure a part of the receiver in TOML of their own.

use std::rc::Rc;

use super::Section;
use super::layers::{Checked, position};
use super::merge::Document;
use super::problems::{Findings, Problem, Severity};

/// Reads `text` as the table `name`. `read` takes the keys out, and finishes the section.
pub(crate) fn read<T>(name: &str, text: &str, read: impl FnOnce(Section) -> Option<T>) -> Checked<T> {
    let wrong = |what: String| vec![Problem::error(name, what)];
    let document = Document::parse(text).map_err(|error| {
        // Of the error only what is wrong: the rest of it repeats the text, which may be a secret.
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        let message = error.message();
        wrong(format!("is no TOML: TOML parse error at line {line}, column {column}: {message}"))
    })?;
    let findings = Rc::new(Findings::default());
    let found = read(Section::new(name, document.into_values().map_err(wrong)?, Rc::clone(&findings)));
    let problems = findings.take();
    match found {
        Some(found) if problems.iter().all(|problem| problem.severity == Severity::Warning) => Ok((found, problems)),
        _ => Err(problems),
    }
}
