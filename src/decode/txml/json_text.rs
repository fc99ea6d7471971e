//! The JSON text that is made of a document.

use super::pieces::{Piece, Pieces, normalised};

/// JSON in the making. It trusts its user to write values where values belong.
pub(super) struct JsonText(Vec<u8>);

impl JsonText {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes something that is JSON already.
    pub(super) fn push(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    /// Begins an object. What is returned belongs to its keys.
    pub(super) fn open(&mut self) -> usize {
        self.push("{");
        self.0.len()
    }

    /// Writes the key of a field, after a comma if it is not the first of its object.
    pub(super) fn key(&mut self, object: usize, name: &[&str]) {
        self.push(if self.0.len() > object { ",\"" } else { "\"" });
        for part in name {
            self.escaped(part);
        }
        self.push("\":");
    }

    /// Writes a text whose line ends are normalised.
    pub(super) fn quoted(&mut self, text: &str) {
        self.push("\"");
        self.escaped(text);
        self.push("\"");
    }

    /// Writes a text from its pieces.
    pub(super) fn text<'p>(&mut self, pieces: impl IntoIterator<Item = Piece<'p>>) {
        self.push("\"");
        for piece in pieces {
            match piece {
                Piece::Text(text) => normalised(text).for_each(|part| self.escaped(part)),
                Piece::Character(character) => self.escaped(character.encode_utf8(&mut [0; 4])),
            }
        }
        self.push("\"");
    }

    /// Writes the value of an attribute, in which XML makes a space of each white space.
    pub(super) fn attribute(&mut self, value: &str) {
        self.push("\"");
        for piece in Pieces::new(value) {
            match piece {
                Piece::Text(text) => {
                    for part in normalised(text).flat_map(|part| part.split_inclusive(['\t', '\n'])) {
                        let plain = part.trim_end_matches(['\t', '\n']);
                        self.escaped(plain);
                        self.push(if plain.len() < part.len() { " " } else { "" });
                    }
                }
                Piece::Character(character) => self.escaped(character.encode_utf8(&mut [0; 4])),
            }
        }
        self.push("\"");
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let (plain, special) = rest.split_at(at);
            self.push(plain);
            // XML allows no other control characters.
            self.push(match special.as_bytes()[0] {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                _ => "\\t",
            });
            rest = &special[1..];
        }
        self.push(rest);
    }
}

/// Whether a text is a number as JSON writes it.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    let mut is_number = whole == 1 || (whole > 1 && !unsigned.starts_with('0'));
    if let Some(fraction) = rest.strip_prefix('.') {
        is_number &= digits(fraction) > 0;
        rest = &fraction[digits(fraction)..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        is_number &= digits(exponent) > 0;
        rest = &exponent[digits(exponent)..];
    }
    is_number && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_json_takes_for_one() {
        for text in ["0", "-0", "12", "1.0", "0.100", "1e5", "1E+5", "-1.5e-10", "123456789012345678901234567890.12"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "01", "+1", ".5", "1.", "1e", "1e+", "1,5", "0x1", "1 2", "NaN", "1.5.5", "--1"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
