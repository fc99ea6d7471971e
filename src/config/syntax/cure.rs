//! What is wrong in words, and what to write instead, for the slips that people make.
//!
//! The words go by what the parser has said and by what stands there. A message that is not known is passed on as it is:
//! the place is right all the same.

use std::ops::Range;

use super::brackets::{NO_COMMA_IN_BRACES, begins_anew, header, is_in_braces, open_list};
use super::shown::is_shown;
use super::surroundings::{Surroundings, header_of, is_key, key_of};

/// A slip in words.
pub(super) struct Cure {
    /// Where it is; may be larger than what the parser has marked.
    pub(super) span: Range<usize>,
    /// To be read after the key.
    pub(super) what: String,
    /// Whether the parser may have taken what follows for something else.
    pub(super) is_lost: bool,
}

/// Quotes as word processors and web pages have them.
const TYPOGRAPHIC: [char; 10] = ['“', '”', '„', '‟', '‘', '’', '‚', '«', '»', '″'];

/// Of what the parser says at `span`.
pub(super) fn of(text: &str, span: &Range<usize>, message: &str) -> Cure {
    let around = Surroundings::of(text, span.start);
    let says = |known: &[&str]| known.iter().any(|known| message.starts_with(known));
    let here = |what: String| Cure { span: span.clone(), what, is_lost: false };
    let lost = |cure: Cure| Cure { is_lost: true, ..cure };
    if says(&["duplicate key"]) {
        return here(twice(&around));
    }
    if says(&["missing escaped value", "too few unicode", "invalid unicode"]) {
        let line = around.line.start;
        let begin = text[line..span.start].rfind('\\').map_or(span.start, |at| line + at);
        if text[begin..around.line.end.max(begin)].trim_end() == "\\\"" {
            let end = around.line.end;
            return lost(not_closed(&around, &(end..end)));
        }
        return Cure { span: begin..span.start.max(begin + 1), what: backslash(&around), is_lost: false };
    }
    if says(&["invalid basic string", "invalid literal string", "invalid multi-line"]) {
        return lost(not_closed(&around, span));
    }
    if says(&["missing opening quote"]) {
        return lost(here("has a quote at its end only. Put one at each end".to_owned()));
    }
    if says(&["carriage return"]) {
        let what = "has a line end of another kind (a carriage return alone). Save the file with the line ends of Unix or \
                    Windows";
        return lost(here(what.to_owned()));
    }
    if says(&["unclosed table", "unclosed array table"]) {
        return here(header(&around, "is not closed, or has a blank in its name"));
    }
    if says(&["unclosed", "missing comma", "extra assignment", "unexpected `=` in array", "missing value for key"]) {
        return open_list(&around, span);
    }
    if says(&["extra comma"]) {
        return here("has a comma too many. Remove it".to_owned());
    }
    if says(&["extra `=`"]) {
        return here("has two `=`. Remove one".to_owned());
    }
    if says(&["unexpected key or value", "unexpected content"]) {
        return here(behind_the_value(&around, span));
    }
    if says(&["key with no value", "missing assignment", "missing value"]) {
        return here(no_equals(&around));
    }
    if says(&["invalid unquoted key", "unquoted keys cannot be empty", "invalid key-value pair", "keys cannot be"]) {
        return here(no_key(&around, span));
    }
    if says(&["string values must be quoted", "invalid ", "unexpected leading zero", "`_` may only", "redundant"]) {
        return if begins_anew(&around, span) { open_list(&around, span) } else { no_value(&around, span) };
    }
    lost(here(format!("is not valid TOML: {message}")))
}

/// What stands where a value belongs, and is none.
fn no_value(around: &Surroundings<'_>, span: &Range<usize>) -> Cure {
    // The parser may have taken the beginning for a number, or the end for something else.
    let before = &around.text[around.line.start..span.start];
    let begin = around.line.start + before.rfind(['=', '[', '{', ',']).map_or(0, |at| at + 1);
    let end = span.end.clamp(begin, around.line.end);
    let behind = &around.text[end..around.line.end];
    let end = end + behind.find([' ', '\t', ',', ']', '}', '#']).unwrap_or(behind.len());
    let word = around.text[begin..end].trim();
    let begin = begin + (around.text[begin..end].len() - around.text[begin..end].trim_start().len());
    let what = if word.is_empty() {
        "has no value. Write one behind the `=`, or remove the line".to_owned()
    } else if ["true", "false", "yes", "no", "on", "off"].contains(&&*word.to_lowercase()) {
        "is a yes or no: write `true` or `false`, in small letters and without quotes".to_owned()
    } else if ["null", "none", "nil", "~"].contains(&&*word.to_lowercase()) {
        "has no value: TOML knows no word for nothing. Remove the line".to_owned()
    } else if word.contains(TYPOGRAPHIC) {
        "is in typographic quotes. Write straight ones: \"…\"".to_owned()
    } else if word.contains(INVISIBLE) {
        invisible(word)
    } else if word.contains(" //") || word.ends_with(';') {
        "has something behind its value. A comment begins with `#`, and nothing ends a line".to_owned()
    } else if word.contains(' ') && around.text[end..around.line.end].trim_start().starts_with('=') {
        if is_in_braces(around) { NO_COMMA_IN_BRACES } else { "has another key on its line. Begin a new line for it" }
            .to_owned()
    } else if around.goes_on() || around.value() != Some(begin) {
        "has a value without quotes. Put each text in quotes: \"…\"".to_owned()
    } else {
        let example = around.written_key().filter(|key| is_shown(key)).map(|key| format!("{key} = {}", quoted(word)));
        match example {
            Some(example) => format!("has a value without quotes. Put it in quotes: `{example}`"),
            None => "has a value without quotes. Put it in quotes: \"…\"".to_owned(),
        }
    };
    Cure { span: begin..end, what, is_lost: false }
}

/// A text as it is written.
fn quoted(text: &str) -> String {
    if text.contains(['\\', '"']) && !text.contains('\'') { format!("'{text}'") } else { format!("{text:?}") }
}

fn backslash(around: &Surroundings<'_>) -> String {
    let what = "has a backslash in double quotes, where it means something else together with the next letter. Put the \
                text in single quotes, or double each backslash";
    let value = around.value().map(|begin| around.text[begin..around.line.end.max(begin)].trim());
    let text = value.and_then(|value| value.strip_prefix('"')?.split_once('"')).map(|(text, _)| text);
    match (around.written_key(), text) {
        (Some(key), Some(text)) if is_shown(key) && !text.contains('\'') => format!("{what}: `{key} = '{text}'`"),
        _ => what.to_owned(),
    }
}

/// A text in quotes that does not end, or has something in it that must not be.
fn not_closed(around: &Surroundings<'_>, span: &Range<usize>) -> Cure {
    let found = &around.text[span.start..span.end.max(span.start)];
    if let Some(character) = found.chars().find(|character| character.is_control() && !matches!(character, '\n' | '\r'))
    {
        let what = format!("has a character in it that nobody sees (U+{:04X}). Remove it", u32::from(character));
        return Cure { span: span.clone(), what, is_lost: false };
    }
    let before = &around.text[..span.start];
    for quotes in ["\"\"\"", "'''"] {
        if before.matches(quotes).count() % 2 == 1 {
            let begin = before.rfind(quotes).unwrap_or(span.start);
            let what =
                format!("begins with three quotes, and there are no three that end it. Add {quotes} behind the text");
            return Cure { span: begin..begin + quotes.len(), what, is_lost: false };
        }
    }
    let value = around.value().map(|begin| &around.text[begin..]);
    let what = if around.line().trim_end().ends_with("\\\"") {
        "has no closing quote: the backslash takes it away. Put the text in single quotes, or double each backslash"
    } else if value.is_some_and(|value| value.starts_with('\'')) {
        "has no closing quote. Add ' behind the text"
    } else {
        "has no closing quote. Add \" behind the text"
    };
    // A carriage return belongs to the end of the line.
    let end = span.start.min(around.line.end);
    Cure { span: end..end, what: what.to_owned(), is_lost: false }
}

fn behind_the_value(around: &Surroundings<'_>, span: &Range<usize>) -> String {
    if header_of(around.line()).is_some() {
        return header(around, "has something behind it");
    }
    let behind = around.text[span.start..around.line.end.max(span.start)].trim();
    if behind == "," {
        return "has a comma behind it. Remove it".to_owned();
    }
    if let Some(decimals) = behind.strip_prefix(',')
        && decimals.chars().all(|letter| letter.is_ascii_digit())
    {
        return "has a comma in its number. Write a point: `2.5`".to_owned();
    }
    let before = &around.text[..span.start];
    if before.ends_with('"') {
        return "has something behind its closing quote. A text with double quotes in it is put in single ones"
            .to_owned();
    }
    if before.ends_with('\'') {
        return "has something behind its closing quote. A text with single quotes in it is put in double ones"
            .to_owned();
    }
    "has something behind its value. Begin a new line for another key; a comment begins with `#`".to_owned()
}

/// A key that stands in one table twice, or a table that is begun twice.
fn twice(around: &Surroundings<'_>) -> String {
    let header = header_of(around.line());
    let name = header.or_else(|| key_of(around.line()));
    let before = &around.text[..around.line.start];
    let table = before.lines().rev().find_map(header_of);
    let mut current = None;
    let first = before.lines().position(|line| {
        let begun = header_of(line);
        current = begun.or(current);
        if header.is_some() { begun == name } else { begun.is_none() && current == table && key_of(line) == name }
    });
    let there = first.map(|line| format!(" (in line {} already)", line + 1)).unwrap_or_default();
    match header {
        Some(_) => format!("is there twice{there}. Put the keys of both into one table, or remove one"),
        None => format!("is there twice{there}. Remove one"),
    }
}

fn no_equals(around: &Surroundings<'_>) -> String {
    let line = around.plain();
    if line.starts_with("//") || line.starts_with(';') || line.starts_with("--") {
        return "has a line that is none. A comment begins with `#`".to_owned();
    }
    if line.split_once(':').is_some_and(|(key, _)| is_key(key.trim())) {
        return "has a line with `:` where TOML has `=`. Write `key = value`".to_owned();
    }
    "has a line without `=`. Write `key = value`; a key has no blanks in it".to_owned()
}

fn no_key(around: &Surroundings<'_>, span: &Range<usize>) -> String {
    let found = &around.text[span.start..span.end.max(span.start)];
    let line = around.plain();
    if line.starts_with('{') {
        "is no TOML: it looks like JSON. Write tables as `[server]`, and keys as `listen = \"…\"`".to_owned()
    } else if found.contains(TYPOGRAPHIC) {
        "has a key in typographic quotes. Write it without".to_owned()
    } else if found.contains(INVISIBLE) {
        invisible(found)
    } else if line.starts_with("//") || line.starts_with(';') || found == ":" {
        no_equals(around)
    } else if line.starts_with('=') || line.starts_with("[]") {
        "has a line without a key. Write `key = value`".to_owned()
    } else {
        "has a key that is none: a key has the letters a to z, digits, `-` and `_`; any other is put in quotes"
            .to_owned()
    }
}

/// Blanks that are none, as they come along from web pages and word processors; zero, as in UTF-16.
const INVISIBLE: [char; 6] = ['\u{a0}', '\u{202f}', '\u{200b}', '\u{2060}', '\u{feff}', '\0'];

fn invisible(found: &str) -> String {
    let character = found.chars().find(|character| INVISIBLE.contains(character)).unwrap_or_default();
    if character == '\0' {
        return "has zeros between its letters: the file is in UTF-16. Save it as UTF-8".to_owned();
    }
    let code = u32::from(character);
    format!("has a character that nobody sees (U+{code:04X}), as it comes along from web pages. Type a plain blank")
}
