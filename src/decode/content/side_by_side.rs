//! Two JSON texts, read side by side.

use std::borrow::Cow;

use super::DEEPEST;
use super::reader::{Place, Reader};

/// Two JSON texts that are read together, as long as both say the same in the same order.
pub(super) struct SideBySide<'a>(Reader<'a>, Reader<'a>);

/// Why it is no use to read on.
enum End {
    /// They say something else.
    Different,
    /// Their fields stand in another order, or one of them cannot be read: digests will tell.
    Unclear,
}

impl<'a> SideBySide<'a> {
    /// Whether both say the same, if that can be told.
    pub(super) fn read(one: &'a [u8], other: &'a [u8]) -> Option<bool> {
        let mut both = Self(Reader { text: one, at: 0 }, Reader { text: other, at: 0 });
        match both.value(Place::Body, 0) {
            Ok(()) => (both.0.peek().is_none() && both.1.peek().is_none()).then_some(true),
            Err(End::Different) => Some(false),
            Err(End::Unclear) => None,
        }
    }

    fn value(&mut self, place: Place, depth: usize) -> Result<(), End> {
        if depth > DEEPEST {
            return Err(End::Unclear);
        }
        match self.both(Reader::peek)? {
            (b'{', b'{') => self.object(place, depth),
            (b'[', b'[') => self.list(depth),
            (b'"', b'"') => Self::same(&self.both(Reader::text)?),
            (one, other) if [one, other].iter().any(|begin| b"{[\"".contains(begin)) => Err(End::Different),
            _ => Self::same(&self.both(Reader::literal)?),
        }
    }

    fn object(&mut self, place: Place, depth: usize) -> Result<(), End> {
        self.open();
        loop {
            let (name, other) = (Self::field(&mut self.0, place)?, Self::field(&mut self.1, place)?);
            match (name, other) {
                (None, None) => return Ok(()),
                (Some(name), Some(other)) if name == other => self.value(place.of_field(&name), depth + 1)?,
                (Some(_), Some(_)) => return Err(End::Unclear),
                _ => return Err(End::Different),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), End> {
        self.open();
        loop {
            match self.both(|reader| reader.unless_closed(b']'))? {
                (false, false) => return Ok(()),
                (true, true) => self.value(Place::Inside, depth + 1)?,
                _ => return Err(End::Different),
            }
        }
    }

    /// The name of the next field that counts; nothing if the object is closed, and that is behind us then.
    fn field(reader: &mut Reader<'a>, place: Place) -> Result<Option<Cow<'a, [u8]>>, End> {
        while reader.unless_closed(b'}').ok_or(End::Unclear)? {
            let name = reader.text().ok_or(End::Unclear)?;
            reader.skip(b':').ok_or(End::Unclear)?;
            if !place.leaves_out(&name) {
                return Ok(Some(name));
            }
            reader.pass().ok_or(End::Unclear)?;
        }
        Ok(None)
    }

    fn open(&mut self) {
        self.0.at += 1;
        self.1.at += 1;
    }

    fn both<T>(&mut self, read: impl Fn(&mut Reader<'a>) -> Option<T>) -> Result<(T, T), End> {
        read(&mut self.0).zip(read(&mut self.1)).ok_or(End::Unclear)
    }

    fn same<T: PartialEq>((one, other): &(T, T)) -> Result<(), End> {
        if one == other { Ok(()) } else { Err(End::Different) }
    }
}

#[cfg(test)]
mod tests {
    use super::SideBySide;
    use crate::decode::content::{Body, say_the_same};
    use crate::model::Format;

    fn body(text: &str) -> Body {
        Body { format: Format::Json, content_type: None, bytes: text.to_owned().into() }
    }

    #[test]
    fn what_stands_in_the_same_order_is_compared_without_digests_and_the_rest_by_them() {
        let read = |one: &str, other: &str| SideBySide::read(one.as_bytes(), other.as_bytes());
        let one = r#"{"eventName":"E","orderEvent":{"meta":{"a":["}",1]},"lines":[{"a":1.0},[],{"meta":1}]},"meta":1}"#;
        let alike = r#"{"meta":"\\\"}", "event\u004eame":"E", "orderEvent":{"lines":[{"a":1.0}, [] ,{"meta":1}]}} "#;
        assert_eq!(read(one, alike), Some(true));
        for (text, other) in [("1.0", "1.00"), ("[]", "[1]"), ("\"E\"", "null"), (",{\"meta\":1}", ""), ("[] ", "{} ")]
        {
            assert_eq!(read(one, &alike.replace(text, other)), Some(false), "{text}");
        }
        let turned = r#"{"orderEvent":{"lines":[{"a":1.0},[],{"meta":1}]},"eventName":"E"}"#;
        assert_eq!(read(one, turned), None);
        assert!(say_the_same(&[body(one), body(turned)]));
        assert!(!say_the_same(&[body(one), body(&turned.replace("1.0", "1.00"))]));
        for cut in (0..alike.trim_end().len()).filter(|at| alike.is_char_boundary(*at)) {
            assert_ne!(read(one, &alike[..cut]), Some(true), "{cut}");
        }
        assert_eq!(read(one, &format!("{alike}}}")), None);
        let deep = "[".repeat(400) + &"]".repeat(400);
        assert_eq!(read(&deep, &format!("{deep} ")), None);
    }
}
