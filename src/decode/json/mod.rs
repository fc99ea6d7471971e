//! JSON: proves a body well-formed and picks the envelope out of it, without building the rest.
//!
//! One read covers the whole body and proves it. On its way it keeps the few fields that the envelope
//! is made of, as slices of the body ([`RawValue`]). Where a key occurs twice, the last one wins.
//!
//! `walk` goes over the bytes before: it refuses what is nested too deep, and finds the references. `faults` words what
//! is wrong, and `pick` looks at single fields of a text that is known to be well-formed.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use self::pick::{Fields, name, text};
use super::found::{self, Bare, EVENTS, Found, Slot};
use super::named::Named;
use super::{DecodeError, Decoded, position};
use crate::model::kinds::{EVENT, EVENT_NAME, Meaning, SIDES_OF_SHIPMENT, meaning};
use crate::model::{Format, Kind, Reference};

mod faults;
mod pick;
mod walk;

pub(crate) use faults::malformed;
pub(super) use faults::refused;
pub(super) use pick::{each_entry, each_field, number_or_text, picked};
pub(super) use walk::end_of_text;

/// Reads the envelope and the references of the text of a JSON body.
pub(super) fn event(text: &str) -> Result<Decoded, DecodeError> {
    let mut named = Named::default();
    let top = Top::read(text, &mut named)?;
    let event = EVENTS.into_iter().zip(top.events).find_map(|((_, kind), event)| Some((kind, event?)));
    let is_bare = event.is_none();
    let envelope = found::envelope(Format::Json, top.found, event, top.bare)?;
    let references = named.into_references_of(is_bare && envelope.kind == Kind::Shipment);
    Ok(Decoded { envelope, references })
}

/// The references in a text that should be JSON, as far as it is.
pub(super) fn references(text: &str) -> Vec<Reference> {
    let mut named = Named::default();
    // What is nested too deep ends it, as the end of the text does.
    let _ = walk::walk(text, &mut named);
    named.into_references()
}

/// Proves that the text is a JSON object, whatever stands in it.
pub(super) fn object(text: &str) -> Result<(), DecodeError> {
    Top::read(text, &mut Named::default()).map(drop)
}

/// What kind of event the text of a JSON body is, and whether it is a bare order or shipment.
pub(super) fn kind(text: &str) -> Result<(Kind, bool), DecodeError> {
    let top = Top::read(text, &mut Named::default())?;
    match EVENTS.into_iter().zip(&top.events).find(|(_, event)| event.is_some()) {
        Some(((_, kind), _)) => Ok((kind, false)),
        None => top.bare.kind().map(|kind| (kind, true)).ok_or_else(found::no_event),
    }
}

/// The order or shipment in the text of a body that was taken as an event, and the kind of event.
pub(super) fn subject(text: &str) -> (&str, Kind) {
    let events = EVENTS.into_iter().zip(picked(text, EVENTS.map(|(name, _)| name)));
    let event = events.into_iter().find_map(|((_, kind), raw)| Some((raw.filter(|raw| raw.starts_with('{'))?, kind)));
    event.unwrap_or_else(|| {
        let mut bare = Bare::default();
        each_field(text, |name, value| see(&mut bare, name, value));
        (text, bare.kind().unwrap_or(Kind::Order))
    })
}

/// The JSON text of when an order or shipment of that kind was changed last, if it says so.
pub(super) fn updated(subject: &str, kind: Kind) -> Option<&str> {
    let [updated, meta] = picked(subject, ["lastUpdatedAt", "meta"]);
    let in_meta = meta.filter(|_| kind == Kind::Shipment).and_then(|meta| picked(meta, ["lastUpdatedAt"])[0]);
    [in_meta, updated].into_iter().flatten().find(|raw| !is_nothing(raw))
}

/// Whether the event names the state that it brings.
pub(super) fn names_its_state(json: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(json) else { return false };
    let (subject, kind) = subject(text);
    updated(subject, kind).is_some() || picked(subject, ["version"])[0].is_some_and(|version| !is_nothing(version))
}

fn is_nothing(raw: &str) -> bool {
    matches!(raw, "null" | "\"\"")
}

/// Notes a field at the top of a body, if it tells what a body without an event is.
fn see(bare: &mut Bare, name: &str, value: &str) {
    let is_filled = if SIDES_OF_SHIPMENT.contains(&name) { value.starts_with('{') } else { value != "null" };
    bare.see(name, is_filled);
}

/// What was found at the top of a body.
#[derive(Default)]
struct Top {
    /// The texts of the envelope that are not in an event.
    found: Found,
    events: [Option<Found>; EVENTS.len()],
    /// Which of the fields are there that tell a bare order or shipment.
    bare: Bare,
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

    /// Takes what a field at the top says that is none of the events.
    fn take(&mut self, name: &str, value: &str) {
        see(&mut self.bare, name, value);
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
