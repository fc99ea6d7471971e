//! One walk over the bytes of a JSON body, before the parser reads it: that nothing is nested too deep, and which
//! references stand in it.
//!
//! It proves nothing and minds nothing, because bodies that turn out to be no JSON, or were cut off, are looked for as
//! well; what was found before a fault counts. It remembers only the objects and lists that may have references in
//! them, which the table of those keeps few, and counts the others.

use std::borrow::Cow;

use memchr::memchr2;

use crate::decode::named::{Named, Naming};
use crate::decode::{DecodeError, found, position};
use crate::model::Format;

/// Objects and lists inside each other. Tradecloud's events stay below 20; without a limit a body of
/// nothing but `[` would take its own size again to check.
const DEEPEST: usize = 128;

/// In JSON a character takes up to this many times the bytes that it has unescaped.
const ESCAPED: usize = 6;

/// The longest name of a field that means something, and more.
const LONGEST_NAME: usize = 64;

/// Refuses what is nested too deep, before the parser has to remember how deep it is, and notes the references that
/// stand before that.
pub(super) fn walk(text: &str, named: &mut Named) -> Result<(), DecodeError> {
    let bytes = text.as_bytes();
    let mut walk = Walk { text, named, open: Vec::new(), passed: 0, field: None };
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = end_of_text(bytes, at);
                if walk.passed == 0 && end < bytes.len() {
                    walk.text(at, end);
                }
                at = end;
            }
            b'{' | b'[' => {
                walk.begin(*byte == b'[');
                if walk.open.len() + walk.passed > DEEPEST {
                    let what = format!("objects and lists are nested deeper than {DEEPEST} levels");
                    return Err(position::fault(bytes, at, what));
                }
            }
            b'}' | b']' => walk.end(),
            b'-' | b'0'..=b'9' if walk.passed == 0 => at = walk.number(at) - 1,
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// An object or a list that may have references in it.
#[derive(Clone, Copy)]
enum Open {
    Object(Naming),
    /// With entries of that kind.
    List(Naming),
}

struct Walk<'a> {
    text: &'a str,
    named: &'a mut Named,
    open: Vec<Open>,
    /// How many objects and lists are open inside of those that have nothing in them.
    passed: usize,
    /// What the field is whose value comes next.
    field: Option<Naming>,
}

impl Walk<'_> {
    /// What the value is that begins here.
    fn value(&mut self) -> Option<Naming> {
        match self.open.last() {
            None => Some(Naming::Body),
            Some(Open::Object(_)) => self.field.take(),
            Some(Open::List(entry)) => Some(*entry),
        }
    }

    fn begin(&mut self, is_list: bool) {
        if self.passed > 0 {
            self.passed += 1;
            return;
        }
        let is_in_list = matches!(self.open.last(), Some(Open::List(_)));
        match self.value() {
            Some(entry) if is_list && !is_in_list => self.open.push(Open::List(entry)),
            Some(object @ (Naming::Body | Naming::Part(..))) if !is_list => self.open.push(Open::Object(object)),
            _ => self.passed = 1,
        }
    }

    fn end(&mut self) {
        if self.passed > 0 {
            self.passed -= 1;
        } else {
            self.open.pop();
            self.field = None;
        }
    }

    /// A text from its quote to its closing quote: the name of a field, or a value.
    fn text(&mut self, start: usize, end: usize) {
        match self.open.last() {
            Some(Open::Object(object)) if self.is_name(end) => self.field = self.field(*object, start, end),
            _ => {
                let Some(Naming::Reference(what)) = self.value() else { return };
                let text = &self.text[start + 1..end];
                // As in an envelope, a longer one is none.
                if text.len() > found::LONGEST * ESCAPED {
                    return;
                }
                if !text.contains('\\') {
                    self.named.add(what, text);
                } else if let Ok(text) = serde_json::from_str::<String>(&self.text[start..=end]) {
                    self.named.add(what, &text);
                }
            }
        }
    }

    /// Whether the text that ends there is the name of a field.
    fn is_name(&self, end: usize) -> bool {
        let behind = self.text.as_bytes()[end + 1..].iter();
        behind.copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) == Some(b':')
    }

    /// What the field of that name is.
    fn field(&mut self, object: Naming, start: usize, end: usize) -> Option<Naming> {
        let written = &self.text[start + 1..end];
        let name = if written.len() > LONGEST_NAME * ESCAPED || !written.contains('\\') {
            Cow::Borrowed(written)
        } else {
            Cow::Owned(serde_json::from_str::<String>(&self.text[start..=end]).ok()?)
        };
        if matches!(object, Naming::Body) {
            self.named.see(&name);
        }
        object.field(Format::Json, name.as_bytes())
    }

    /// Looks at a number; says where it ends. One at the end of everything may have been cut off.
    fn number(&mut self, start: usize) -> usize {
        let digits = self.text.as_bytes()[start..].iter();
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = start + digits.take_while(|byte| is_digit(byte)).count();
        let is_whole = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        if self.text.as_bytes().get(end).is_some_and(is_whole)
            && let Some(Naming::Reference(what)) = self.value()
        {
            self.named.add(what, &self.text[start..end]);
        }
        end
    }
}

/// Where the text ends that begins at `start`: at its closing quote, or at the end of everything.
pub(in crate::decode) fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}
