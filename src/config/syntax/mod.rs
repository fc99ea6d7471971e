//! Slips in a text of TOML, told so that whoever wrote it can mend them: the key, the line with a caret below, and what
//! to write in its place.
//!
//! The parser says what it expected, in its own terms; `cure` and `brackets` have the words for people. `surroundings`
//! finds out what stands around a place, as far as a text that cannot be parsed lets it, and `shown` which of it may be
//! shown: never a value that may be a secret.

mod brackets;
mod cure;
mod shown;
mod surroundings;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::problems::Problem;
use surroundings::Surroundings;

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slip {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    /// The full key that it is about, if that can be told: `server.listen`.
    key: Option<String>,
    /// What is wrong and what to do, to be read after the key.
    what: String,
    /// The line, and below it a caret.
    excerpt: String,
}

impl Slip {
    /// What is wrong at `span` of `text`, in words that are to be read after the key.
    pub(super) fn new(text: &str, span: Range<usize>, what: impl Into<String>) -> Self {
        let around = Surroundings::of(text, span.start);
        let (line, column) = position(text, span.start);
        Self { line, column, key: around.key(), what: what.into(), excerpt: shown::excerpt(&around, line, &span) }
    }

    /// As a problem of the file (or whatever has this text) `name`.
    pub(super) fn into_problem(self, name: &str) -> Problem {
        Problem {
            place: Some(format!("{name}:{}:{}", self.line, self.column)),
            excerpt: Some(self.excerpt),
            ..Problem::error(self.key.unwrap_or_else(|| name.to_owned()), self.what)
        }
    }
}

impl std::fmt::Display for Slip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, column, key, what, .. } = self;
        write!(f, "line {line}, column {column}: ")?;
        match key {
            Some(key) => write!(f, "`{key}` {what}"),
            None => write!(f, "the text {what}"),
        }
    }
}

/// What the parser has found, in the order of the text: one for each line, and nothing behind a place where it may
/// have lost its way.
pub(super) fn slips(text: &str, errors: &[toml::de::Error]) -> Vec<Slip> {
    let mut errors: Vec<_> = errors.iter().collect();
    // What is wrong with a header may make it look like one that was there before.
    errors.sort_by_key(|error| {
        let start = error.span().map_or(0, |span| span.start);
        (position(text, start).0, error.message().starts_with("duplicate key"), start)
    });
    let mut slips: Vec<Slip> = Vec::new();
    for error in errors {
        let cure = cure::of(text, &error.span().unwrap_or_default(), error.message());
        let slip = Slip::new(text, cure.span, cure.what);
        if slips.iter().all(|known| known.line != slip.line) {
            slips.push(slip);
        }
        if cure.is_lost {
            break;
        }
    }
    slips
}

/// Line and column, from 1, of a byte of `text`.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].chars().filter(|character| *character != '\u{feff}').count() + 1;
    (before.matches('\n').count() + 1, column)
}
