//! What stands around a place in a text that may be no TOML: its line, the key that it belongs to, the table.
//!
//! Told from the lines alone, since the parser gave up.

use std::ops::Range;

/// What stands around a place in a text.
pub(super) struct Surroundings<'a> {
    pub(super) text: &'a str,
    /// The line, without its end.
    pub(super) line: Range<usize>,
    /// The line that begins the list or table in braces which the place is in; the line itself if it is in none.
    opening: Range<usize>,
}

impl<'a> Surroundings<'a> {
    /// Around the byte `offset` of `text`.
    pub(super) fn of(text: &'a str, offset: usize) -> Self {
        let line = line_of(text, offset);
        let opening = if key_of(&text[line.clone()]).is_some() || header_of(&text[line.clone()]).is_some() {
            line.clone()
        } else {
            opening(text, line.start).unwrap_or_else(|| line.clone())
        };
        Self { text, line, opening }
    }

    /// The line.
    pub(super) fn line(&self) -> &'a str {
        &self.text[self.line.clone()]
    }

    /// The line, without what is only around it.
    pub(super) fn plain(&self) -> &'a str {
        self.line().trim_start_matches('\u{feff}').trim()
    }

    /// The key at the beginning of the line, or of the list that goes on in it, as it is written.
    pub(super) fn written_key(&self) -> Option<&'a str> {
        key_of(&self.text[self.opening.clone()])
    }

    /// The full key.
    pub(super) fn key(&self) -> Option<String> {
        let line = &self.text[self.opening.clone()];
        if let Some(header) = header_of(line) {
            return Some(header.to_owned());
        }
        let key = key_of(line)?;
        let mut before = self.text[..self.opening.start].lines().rev();
        let table = before.find_map(header_of);
        Some(table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}")))
    }

    /// Where the value begins that the place is in, or that the line has.
    pub(super) fn value(&self) -> Option<usize> {
        let line = &self.text[self.opening.clone()];
        key_of(line)?;
        let value = line.find('=')? + 1;
        let blanks = line[value..].len() - line[value..].trim_start().len();
        Some(self.opening.start + value + blanks)
    }

    /// Whether the line is the middle of a list or of a table in braces.
    pub(super) fn goes_on(&self) -> bool {
        self.opening != self.line
    }

    /// Whether the line is within a text of several lines: three quotes were opened and not closed.
    pub(super) fn is_in_long_text(&self) -> bool {
        let before = &self.text[..self.line.start];
        ["\"\"\"", "'''"].iter().any(|quotes| before.matches(quotes).count() % 2 == 1)
    }
}

/// The line that `offset` is in, without its end.
pub(super) fn line_of(text: &str, offset: usize) -> Range<usize> {
    let offset = offset.min(text.len());
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    start..start + text[start..end].trim_end_matches('\r').len()
}

/// The key that a line begins with, if it is `key = …`. Dots and quotes are a part of it.
pub(super) fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim_start_matches('\u{feff}').trim();
    is_key(key).then_some(key)
}

/// The name of the table that a line begins, closed or not: `[name]`, `[[name]]`.
pub(super) fn header_of(line: &str) -> Option<&str> {
    let line = line.trim_start_matches('\u{feff}').trim();
    let name = line.strip_prefix('[')?.trim_start_matches('[');
    let name = name.split(']').next().unwrap_or(name).trim();
    is_key(name).then_some(name)
}

/// Whether it can be a key, written without blanks.
pub(super) fn is_key(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']);
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

/// The nearest line before `offset` with a key whose list or braces are still open there.
fn opening(text: &str, offset: usize) -> Option<Range<usize>> {
    let mut end = offset;
    while end > 0 {
        let line = line_of(text, end - 1);
        if header_of(&text[line.clone()]).is_some() {
            return None;
        }
        if key_of(&text[line.clone()]).is_some() {
            let between = &text[line.start..offset];
            let open = between.matches(['[', '{']).count();
            return (open > between.matches([']', '}']).count()).then_some(line);
        }
        end = line.start;
    }
    None
}
