//! The references that both decoders find in a body while they read it, by the table in `model/references.rs`.

mod target;

use std::collections::HashMap;

pub(super) use self::target::in_target;
use super::found::{self, Bare, EVENTS};
use crate::model::references::{ALWAYS, ALWAYS_OF_EACH, Field, Holds, MOST, NAMED, is_findable};
use crate::model::{Format, Kind, Reference, What};

/// What a value or an element is to whoever looks for references.
#[derive(Debug, Clone, Copy)]
pub(super) enum Naming {
    /// The body.
    Body,
    /// It has references inside, in these fields. Its `id` is that of an event of this kind.
    Part(&'static [Field], Kind),
    /// It is a reference.
    Reference(What),
}

impl Naming {
    /// What the field of that name is in this one; none if there is no reference in it.
    pub(super) fn field(self, format: Format, name: &[u8]) -> Option<Self> {
        let (fields, kind) = match self {
            Self::Body => match EVENTS.iter().find(|(event, _)| event.as_bytes() == name) {
                Some((_, kind)) => return Some(Self::Part(NAMED, *kind)),
                None => (NAMED, Kind::Order),
            },
            Self::Part(fields, kind) => (fields, kind),
            Self::Reference(_) => return None,
        };
        let spelt = |field: &Field| match format {
            Format::Json => field.json,
            Format::Txml => field.element,
        };
        let field = fields.iter().find(|field| spelt(field).as_bytes() == name)?;
        Some(match field.holds {
            Holds::Reference(what) => Self::Reference(what),
            Holds::Id => Self::Reference(What::id_of(kind)),
            Holds::Part(fields) => Self::Part(fields, kind),
        })
    }
}

/// The different references found so far. The lines of an event mostly name the same ones again, which takes no memory.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Of each kind of reference, its values, and as which one each was found.
    values: [HashMap<String, usize>; What::ALL.len()],
    count: usize,
    /// What stands at the top, which tells whether the id there is that of an order.
    bare: Bare,
    has_event: bool,
}

impl Named {
    /// Notes the name of a field at the top of the body.
    pub(super) fn see(&mut self, name: &str) {
        self.has_event |= EVENTS.iter().any(|(event, _)| *event == name);
        self.bare.see(name, true);
    }

    /// Takes a text for a reference, unless it cannot be one.
    pub(super) fn add(&mut self, what: What, text: &str) {
        if !found::usable(text) {
            return;
        }
        let value = text.trim();
        if !is_findable(value) {
            return;
        }
        let values = &mut self.values[what as usize];
        let is_kept = self.count < MOST || (ALWAYS.contains(&what) && values.len() < ALWAYS_OF_EACH);
        if is_kept && !values.contains_key(value) {
            values.insert(value.to_owned(), self.count);
            self.count += 1;
        }
    }

    /// The references of a body that nobody has read but for those, in the order in which they were found.
    pub(super) fn into_references(self) -> Vec<Reference> {
        let is_bare_shipment = !self.has_event && self.bare.kind() == Some(Kind::Shipment);
        self.into_references_of(is_bare_shipment)
    }

    /// The same of one that is known to be a bare shipment, or something else. Which of them it is shows only in the
    /// end, and the id may stand before that.
    pub(super) fn into_references_of(mut self, is_bare_shipment: bool) -> Vec<Reference> {
        if is_bare_shipment {
            for (id, place) in std::mem::take(&mut self.values[What::OrderId as usize]) {
                self.values[What::ShipmentId as usize].entry(id).or_insert(place);
            }
        }
        let mut found = Vec::with_capacity(self.count);
        for (what, values) in What::ALL.into_iter().zip(self.values) {
            found.extend(values.into_iter().map(|(value, place)| (place, Reference { what, value })));
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, reference)| reference).collect()
    }
}

#[cfg(test)]
mod tests;
