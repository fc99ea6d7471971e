//! What the parser of JSON says is wrong, in words for people, which never repeat the body.

use serde_json::error::Category;

use crate::decode::{DecodeError, position};

/// An error of serde_json about a text that is not at hand.
pub(crate) fn malformed(error: &serde_json::Error) -> DecodeError {
    DecodeError::Malformed { line: error.line(), column: error.column().max(1), what: describe(error) }
}

/// An error of serde_json about `text`, at a field if `path` is not empty.
pub(in crate::decode) fn refused(text: &[u8], path: &str, error: &serde_json::Error) -> DecodeError {
    let what = match path {
        "" | "." => describe(error),
        path => format!("{path}: {}", describe(error)),
    };
    if error.classify() == Category::Eof {
        return position::fault(text, text.trim_ascii_end().len(), what);
    }
    // serde_json counts columns in bytes, up to and including the one at fault.
    let line_start = match error.line() {
        0 | 1 => 0,
        line => text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(line - 2).map_or(0, |(at, _)| at + 1),
    };
    position::fault(text, (line_start + error.column()).saturating_sub(1), what)
}

/// What is wrong, in words that never repeat the body. Only errors of the category "data" could.
fn describe(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let text = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(text, _)| text);
    match error.classify() {
        Category::Data => match text.rsplit_once(", expected ").map(|(_, expected)| expected) {
            Some("a string") => "expected a text".to_owned(),
            Some("a boolean") => "expected true or false".to_owned(),
            Some("i64") => "expected a whole number".to_owned(),
            Some("a sequence") => "expected a list".to_owned(),
            Some(expected @ ("a number" | "a date-time" | "an object")) => format!("expected {expected}"),
            Some(expected) if expected.starts_with("struct ") => "expected an object".to_owned(),
            _ if text.starts_with("duplicate field") => "a field of this object occurs twice".to_owned(),
            _ => "not what Tradecloud documents for this field".to_owned(),
        },
        Category::Eof => text.replace("EOF while parsing", "the body ends inside"),
        Category::Syntax | Category::Io => match text {
            "expected ident" => "expected true, false or null".to_owned(),
            "trailing characters" => "there is more after the end of the object".to_owned(),
            "trailing comma" => "a comma that nothing follows".to_owned(),
            "key must be a string" => "expected the name of a field in double quotes".to_owned(),
            "expected value" => "expected a value".to_owned(),
            _ if text.starts_with("control character") => {
                "a control character in a string; write it escaped".to_owned()
            }
            other => other.to_owned(),
        },
    }
}
