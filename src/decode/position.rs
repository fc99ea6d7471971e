//! Where in a body something is, for people: lines and columns.

use super::DecodeError;

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
}
