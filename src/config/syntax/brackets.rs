//! Slips with brackets and braces: of lists, of tables in braces, and of the names of tables.

use std::ops::Range;

use super::cure::Cure;
use super::surroundings::{Surroundings, header_of, key_of};

/// Of a table in braces.
pub(super) const NO_COMMA_IN_BRACES: &str = "is a table in braces without a comma between two of its keys. Add it";

/// A list or a table in braces that is not closed, or lacks a comma. What follows may be taken for a part of it.
pub(super) fn open_list(around: &Surroundings<'_>, span: &Range<usize>) -> Cure {
    let anew = begins_anew(around, span);
    if anew || around.text[span.start..].trim().is_empty() {
        let opening = last_opening(around.text, if anew { around.line.start } else { span.start });
        let is_table = around.text[opening..].starts_with('{');
        let (what, close) = if is_table { ("table in braces", '}') } else { ("list", ']') };
        let what = format!("is a {what} that is not closed. Add `{close}` behind its last entry");
        return Cure { span: opening..opening + 1, what, is_lost: true };
    }
    let what = if is_in_braces(around) {
        NO_COMMA_IN_BRACES
    } else {
        "is a list without a comma between two of its entries. Add it, and put each text in quotes"
    };
    Cure { span: span.clone(), what: what.to_owned(), is_lost: true }
}

/// Whether the line of a fault begins something that cannot be in a list: another key, or a table.
pub(super) fn begins_anew(around: &Surroundings<'_>, span: &Range<usize>) -> bool {
    let before = &around.text[around.line.start..span.start];
    header_of(around.line()).is_some() || key_of(around.line()).is_some() && !before.contains('=')
}

/// Whether the value that a fault is in is a table in braces.
pub(super) fn is_in_braces(around: &Surroundings<'_>) -> bool {
    around.value().is_some_and(|at| around.text[at..].starts_with('{'))
}

/// Where the last bracket before `end` stands that is still open there.
fn last_opening(text: &str, end: usize) -> usize {
    let mut closed = 0_usize;
    for (at, letter) in text[..end].char_indices().rev() {
        match letter {
            ']' | '}' => closed += 1,
            '[' | '{' if closed > 0 => closed -= 1,
            '[' | '{' => return at,
            _ => {}
        }
    }
    end
}

/// A line that begins a table, and is wrong in that way.
pub(super) fn header(around: &Surroundings<'_>, what: &str) -> String {
    let line = around.plain();
    let name = header_of(line).unwrap_or("name");
    let header = if line.starts_with("[[") { format!("[[{name}]]") } else { format!("[{name}]") };
    format!("{what}. Write `{header}`, and nothing else on the line")
}
