//! A JSON text, read piece by piece.

use std::borrow::Cow;

use crate::decode::found::EVENTS;
use crate::decode::json::end_of_text;

/// Where a value stands, as far as it matters for what is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Body,
    Event,
    Inside,
}

impl Place {
    /// The place of a field.
    pub(super) fn of_field(self, name: &[u8]) -> Self {
        let is_event = self == Self::Body && EVENTS.iter().any(|(event, _)| event.as_bytes() == name);
        if is_event { Self::Event } else { Self::Inside }
    }

    pub(super) fn leaves_out(self, name: &[u8]) -> bool {
        self != Self::Inside && name == b"meta"
    }
}

/// Reads a JSON text that is known to be well-formed. `None` where it is not, after all.
pub(super) struct Reader<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    /// Whether there is another field or entry; if not, the bracket that closes is behind us.
    pub(super) fn unless_closed(&mut self, bracket: u8) -> Option<bool> {
        if self.peek()? == b',' {
            self.at += 1;
        }
        let closed = self.peek()? == bracket;
        self.at += usize::from(closed);
        Some(!closed)
    }

    /// A text, unescaped.
    pub(super) fn text(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.peek()? != b'"' {
            return None;
        }
        let end = end_of_text(self.text, self.at);
        let quoted = self.text.get(self.at..=end)?;
        self.at = end + 1;
        let plain = quoted.get(1..quoted.len() - 1)?;
        if memchr::memchr(b'\\', plain).is_none() {
            return Some(Cow::Borrowed(plain));
        }
        serde_json::from_slice::<String>(quoted).ok().map(|text| Cow::Owned(text.into_bytes()))
    }

    /// A number, `true`, `false` or `null`, as it is written.
    pub(super) fn literal(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b",]}".contains(byte);
        let literal = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        self.at += literal.len();
        (!literal.is_empty()).then_some(literal)
    }

    /// Passes over a value.
    pub(super) fn pass(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' | b'[' => {
                let mut open = 0_usize;
                loop {
                    match self.text.get(self.at)? {
                        b'"' => self.at = end_of_text(self.text, self.at),
                        b'{' | b'[' => open += 1,
                        b'}' | b']' => open -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if open == 0 {
                        return Some(());
                    }
                }
            }
            _ => self.literal().map(drop),
        }
    }

    pub(super) fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The next character that is not white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }
}
