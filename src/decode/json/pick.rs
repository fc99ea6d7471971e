//! Single fields of a JSON text that is known to be well-formed, without building the rest of it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::decode::found;

/// The JSON texts of the named fields of a value that is known to be well-formed; none if it is no object.
pub(in crate::decode) fn picked<'a, const N: usize>(json: &'a str, names: [&str; N]) -> [Option<&'a str>; N] {
    let mut picked = [None; N];
    each_field(json, |name, value| {
        if let Some(index) = names.iter().position(|field| *field == name) {
            picked[index] = Some(value);
        }
    });
    picked
}

/// The value if it is a text that an envelope can hold. In JSON a character takes up to six times
/// the bytes it has unescaped.
pub(super) fn text(value: &str) -> Option<String> {
    if !value.starts_with('"') || value.len() > found::LONGEST * 6 + 2 {
        return None;
    }
    serde_json::from_str(value).ok().filter(|text: &String| found::usable(text))
}

/// The same of an identifier. Those are texts, but one that comes as a number names its order all the same,
/// by its digits; as tXML, it would be the same text. So it is with a time.
pub(in crate::decode) fn number_or_text(value: &str) -> Option<String> {
    let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number && found::usable(value) { Some(value.to_owned()) } else { text(value) }
}

/// The name of a field, from how it is written in JSON; none if it is longer than any that means something.
pub(super) fn name(key: &RawValue) -> Option<Cow<'_, str>> {
    let key = key.get();
    if key.contains('\\') { text(key).map(Cow::Owned) } else { Some(Cow::Borrowed(key.trim_matches('"'))) }
}

/// Calls `each` with the name and the JSON text of every field of a value that is known to be well-formed. One that is
/// no object has none.
pub(in crate::decode) fn each_field<'a>(json: &'a str, each: impl FnMut(&str, &'a str)) {
    // What is well-formed can only be something else than an object, a number for one.
    let _ = Fields(each).deserialize(&mut serde_json::Deserializer::from_str(json));
}

/// Calls a function for each field of an object; says whether it is one. A text, a list, a boolean or null has no
/// fields; a number in the place of an object is an error.
pub(super) struct Fields<F>(pub(super) F);

impl<'de, F: FnMut(&str, &'de str)> DeserializeSeed<'de> for Fields<F> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&str, &'de str)> Visitor<'de> for Fields<F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<bool, A::Error> {
        // A key as it is written takes no memory, however long it is.
        while let Some((key, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            if let Some(name) = name(key) {
                (self.0)(&name, value.get());
            }
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// Calls `each` with the JSON text of every entry of a list that is known to be well-formed. What is no list has none.
pub(in crate::decode) fn each_entry<'a>(json: &'a str, each: impl FnMut(&'a str)) {
    if json.starts_with('[') {
        let _ = serde_json::Deserializer::from_str(json).deserialize_seq(Entries(each));
    }
}

/// Calls a function for each entry of a list.
struct Entries<F>(F);

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Entries<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<&'de RawValue>()? {
            (self.0)(entry.get());
        }
        Ok(())
    }
}
