//! One table by itself, for programs that configure a part of the receiver in TOML of their own.

use std::rc::Rc;

use super::layers::Checked;
use super::problems::{Findings, Problem, Severity};
use super::{Section, merge};

/// Reads `text` as the table `name`. `read` takes the keys out, and finishes the section.
pub(crate) fn read<T>(name: &str, text: &str, read: impl FnOnce(Section) -> Option<T>) -> Checked<T> {
    let values = merge::read(text).map_err(|slips| {
        slips.iter().map(|slip| Problem::error(name, format!("is no TOML: {slip}"))).collect::<Vec<_>>()
    })?;
    let findings = Rc::new(Findings::default());
    let found = read(Section::new(name, values, Rc::clone(&findings)));
    let problems = findings.take();
    match found {
        Some(found) if problems.iter().all(|problem| problem.severity == Severity::Warning) => Ok((found, problems)),
        _ => Err(problems),
    }
}
