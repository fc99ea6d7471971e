//! Where in a body something is, for people: lines and columns.

use super::DecodeError;

/// The body without the byte order mark of UTF-8, which some senders write.
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// The body as text, without byte order mark.
pub(super) fn text(body: &[u8]) -> Result<&str, DecodeError> {
    if body.starts_with(b"\xFE\xFF") || body.starts_with(b"\xFF\xFE") {
        return Err(fault(body, 0, "the text is UTF-16; send it as UTF-8"));
    }
    let body = without_mark(body);
    std::str::from_utf8(body).map_err(|error| fault(body, error.valid_up_to(), "the text is not UTF-8"))
}

/// Says what is wrong at an offset of the text; `what` must not repeat the text.
pub(super) fn fault(text: &[u8], offset: usize, what: impl Into<String>) -> DecodeError {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    DecodeError::Malformed {
        line: before.split(|byte| *byte == b'\n').count(),
        column: 1 + characters(&before[line_start..]),
        what: what.into(),
    }
}

/// Counts characters: every byte of UTF-8 but the continuations begins one.
fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// The offset of a part of the text in the text.
pub(super) fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "a\r\nøß<".as_bytes();
        let DecodeError::Malformed { line, column, .. } = fault(text, text.len() - 1, "") else { panic!() };
        assert_eq!((line, column), (2, 3));
    }

    #[test]
    fn other_encodings_are_named() {
        assert_eq!(
            text(b"\xFF\xFE<\0").unwrap_err().to_string(),
            "line 1, column 1: the text is UTF-16; send it as UTF-8"
        );
        assert_eq!(text(b"{\"a\":\n \"\xE9\"}").unwrap_err().to_string(), "line 2, column 3: the text is not UTF-8");
        assert_eq!(text("\u{FEFF}{}".as_bytes()).unwrap(), "{}");
    }
}
