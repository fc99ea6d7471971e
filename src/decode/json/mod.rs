//! JSON: proves a body well-formed and picks the envelope out of it, without building the rest.
//!
//! One read covers the whole body and proves it. On its way it keeps the few fields that the envelope
//! is made of, as slices of the body ([`RawValue`]). Where a key occurs twice, the last one wins.
//!
//! `walk` goes over the bytes before: it refuses what is nested too deep, and finds the references. `faults` words what
//! is wrong.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::found::{self, EVENTS, Found, Slot};
use super::named::Named;
use super::{DecodeError, Decoded, position};
use crate::model::kinds::{BARE_ORDER, EVENT, EVENT_NAME, Meaning, meaning};
use crate::model::{Format, Kind, Reference};

mod faults;
mod walk;

pub(crate) use faults::malformed;
pub(super) use faults::refused;
pub(super) use walk::end_of_text;

/// Reads the envelope and the references of the text of a JSON body.
pub(super) fn event(text: &str) -> Result<Decoded, DecodeError> {
    let mut named = Named::default();
    let top = Top::read(text, &mut named)?;
    let bare = top.is_bare_order();
    let event = EVENTS.into_iter().zip(top.events).find_map(|((_, kind), event)| Some((kind, event?)));
    let envelope = found::envelope(Format::Json, top.found, event, bare)?;
    Ok(Decoded { envelope, references: named.into_references() })
}

/// The references in a text that should be JSON, as far as it is.
pub(super) fn references(text: &str) -> Vec<Reference> {
    let mut named = Named::default();
    // What is nested too deep ends it, as the end of the text does.
    let _ = walk::walk(text, &mut named);
    named.into_references()
}

/// What kind of event the text of a JSON body is, and whether it is a bare order.
pub(super) fn kind(text: &str) -> Result<(Kind, bool), DecodeError> {
    let top = Top::read(text, &mut Named::default())?;
    let event = EVENTS.into_iter().zip(&top.events).find(|(_, event)| event.is_some());
    let (kind, bare) = event.map_or((Kind::Order, true), |((_, kind), _)| (kind, false));
    if bare && !top.is_bare_order() {
        return found::envelope(Format::Json, Found::default(), None, false).map(|envelope| (envelope.kind, bare));
    }
    Ok((kind, bare))
}

/// Whether the event names the state that it brings.
pub(super) fn names_its_state(json: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(json) else { return false };
    let events = EVENTS.map(|(name, _)| name);
    let found = EVENTS.into_iter().zip(picked(text, events));
    let found = found.into_iter().find_map(|((_, kind), raw)| Some((raw.filter(|raw| raw.starts_with('{'))?, kind)));
    let (event, kind) = found.unwrap_or((text, Kind::Order));
    let [updated, version, meta] = picked(event, ["lastUpdatedAt", "version", "meta"]);
    let meta = meta.filter(|_| kind == Kind::Shipment);
    let states = [updated, version, meta.and_then(|meta| picked(meta, ["lastUpdatedAt"])[0])];
    states.into_iter().flatten().any(|raw| !matches!(raw, "null" | "\"\""))
}

/// The JSON texts of the named fields of a value that is known to be well-formed; none if it is no object.
fn picked<'a, const N: usize>(json: &'a str, names: [&str; N]) -> [Option<&'a str>; N] {
    let mut picked = [None; N];
    each_field(json, |name, value| {
        if let Some(index) = names.iter().position(|field| *field == name) {
            picked[index] = Some(value);
        }
    });
    picked
}

/// What was found at the top of a body.
#[derive(Default)]
struct Top {
    /// The texts of the envelope that are not in an event.
    found: Found,
    events: [Option<Found>; EVENTS.len()],
    /// Which of the fields are there that tell a bare order.
    bare: [bool; BARE_ORDER.len()],
}

impl Top {
    fn read(text: &str, named: &mut Named) -> Result<Self, DecodeError> {
        walk::walk(text, named)?;
        let refuse = |error| refused(text.as_bytes(), "", &error);
        let what = match text.bytes().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(position::fault(b"", 0, "the body is empty: expected a JSON object")),
            Some(b'{') => {
                let mut deserializer = serde_json::Deserializer::from_str(text);
                let top = deserializer.deserialize_map(TopFields).map_err(refuse)?;
                return deserializer.end().map(|()| top).map_err(refuse);
            }
            Some(b'[') => "a list",
            Some(_) => "a single value",
        };
        serde_json::from_str::<IgnoredAny>(text).map_err(refuse)?;
        Err(DecodeError::NoEvent(format!("the body is no Tradecloud event: expected a JSON object, found {what}")))
    }

    fn is_bare_order(&self) -> bool {
        self.bare.contains(&true)
    }

    /// Takes what a field at the top says that is none of the events.
    fn take(&mut self, name: &str, value: &str) {
        if let Some(index) = BARE_ORDER.iter().position(|field| *field == name) {
            self.bare[index] = value != "null";
        }
        if name == EVENT_NAME {
            self.found[Slot::EventName] = text(value);
        } else {
            take(EVENT, name, value, &mut self.found);
        }
    }
}

/// Reads the top of a body.
struct TopFields;

impl<'de> Visitor<'de> for TopFields {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut top = Top::default();
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let Some(name) = name(key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if let Some(index) = EVENTS.iter().position(|(field, _)| *field == name) {
                let mut found = Found::default();
                let is_object =
                    map.next_value_seed(Fields(|name: &str, value: &str| take(EVENT, name, value, &mut found)))?;
                top.events[index] = is_object.then_some(found);
            } else {
                top.take(&name, map.next_value::<&'de RawValue>()?.get());
            }
        }
        Ok(top)
    }
}

/// Takes what a field says to the envelope, if it is one of `fields`. The last one of a name counts.
fn take(fields: &'static [(&'static str, Meaning)], name: &str, value: &str, found: &mut Found) {
    match meaning(fields, name) {
        Some(Meaning::Text(slot)) => {
            found[slot] = if slot.may_be_a_number() { number_or_text(value) } else { text(value) }
        }
        Some(Meaning::Part(fields)) => {
            forget(fields, found);
            each_field(value, |name, value| take(fields, name, value, found));
        }
        None => {}
    }
}

fn forget(fields: &[(&str, Meaning)], found: &mut Found) {
    for (_, meaning) in fields {
        match meaning {
            Meaning::Text(slot) => found[*slot] = None,
            Meaning::Part(fields) => forget(fields, found),
        }
    }
}

/// The value if it is a text that an envelope can hold. In JSON a character takes up to six times
/// the bytes it has unescaped.
fn text(value: &str) -> Option<String> {
    if !value.starts_with('"') || value.len() > found::LONGEST * 6 + 2 {
        return None;
    }
    serde_json::from_str(value).ok().filter(|text: &String| found::usable(text))
}

/// The same of an identifier. Those are texts, but one that comes as a number names its order all the same,
/// by its digits; as tXML, it would be the same text. So it is with a time.
fn number_or_text(value: &str) -> Option<String> {
    let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number && found::usable(value) { Some(value.to_owned()) } else { text(value) }
}

/// The name of a field, from how it is written in JSON; none if it is longer than any that means something.
fn name(key: &RawValue) -> Option<Cow<'_, str>> {
    let key = key.get();
    if key.contains('\\') { text(key).map(Cow::Owned) } else { Some(Cow::Borrowed(key.trim_matches('"'))) }
}

/// Calls `each` with the name and the JSON text of every field of a value that is known to be well-formed. One that is
/// no object has none.
fn each_field<'a>(json: &'a str, each: impl FnMut(&str, &'a str)) {
    // What is well-formed can only be something else than an object, a number for one.
    let _ = Fields(each).deserialize(&mut serde_json::Deserializer::from_str(json));
}

/// Calls a function for each field of an object; says whether it is one. A text, a list, a boolean or null has no
/// fields; a number in the place of an object is an error.
struct Fields<F>(F);

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
