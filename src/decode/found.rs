//! What both decoders look for in a body, and how an envelope is made of what they found.

use std::ops::{Index, IndexMut};

use super::DecodeError;
use crate::model::kinds::{BARE_ORDER, SIDES_OF_ORDER, SIDES_OF_SHIPMENT, enumerated};
pub(super) use crate::model::kinds::{EVENTS, Slot};
use crate::model::{Envelope, Format, Kind};

/// Longer than this, in bytes, a text is not what its field is for (most are UUIDs) and counts as
/// absent. The bound keeps the envelope small whatever the body holds.
pub(super) const LONGEST: usize = 4096;

/// What was found in one place: at the top of the body, or in an event.
#[derive(Debug, Default)]
pub(super) struct Found([Option<String>; Slot::COUNT]);

impl Index<Slot> for Found {
    type Output = Option<String>;

    fn index(&self, slot: Slot) -> &Option<String> {
        &self.0[slot as usize]
    }
}

impl IndexMut<Slot> for Found {
    fn index_mut(&mut self, slot: Slot) -> &mut Option<String> {
        &mut self.0[slot as usize]
    }
}

/// Which of the fields stand at the top of a body that tell an order or a shipment with nothing around it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bare {
    is_one: [bool; BARE_ORDER.len()],
    of_order: [bool; SIDES_OF_ORDER.len()],
    of_shipment: [bool; SIDES_OF_SHIPMENT.len()],
}

impl Bare {
    /// Notes a field, and whether there is something in it. The last one of a name counts.
    pub(super) fn see(&mut self, name: &str, is_filled: bool) {
        let fields = BARE_ORDER.iter().zip(&mut self.is_one);
        let fields = fields.chain(SIDES_OF_ORDER.iter().zip(&mut self.of_order));
        for (_, is_there) in
            fields.chain(SIDES_OF_SHIPMENT.iter().zip(&mut self.of_shipment)).filter(|(field, _)| **field == name)
        {
            *is_there = is_filled;
        }
    }

    /// What it is, if it is one.
    pub(super) fn kind(self) -> Option<Kind> {
        let any = |fields: &[bool]| fields.contains(&true);
        let is_shipment = any(&self.of_shipment) && !any(&self.of_order);
        any(&self.is_one).then_some(if is_shipment { Kind::Shipment } else { Kind::Order })
    }
}

/// Makes the envelope of an event, or of a bare order or shipment whose fields are at the top.
///
/// Empty texts and those that are absurdly long count as absent. The meta at the top wins over that
/// inside the event, field by field.
pub(super) fn envelope(
    format: Format,
    mut top: Found,
    event: Option<(Kind, Found)>,
    bare: Bare,
) -> Result<Envelope, DecodeError> {
    let top_or_event = |slot: Slot, top: &mut Found, event: &mut Found| top[slot].take().or_else(|| event[slot].take());
    let event_name = top[Slot::EventName].take();
    let (kind, mut event) = match (event, bare.kind()) {
        (Some(event), _) => event,
        (None, Some(kind)) => (kind, std::mem::take(&mut top)),
        (None, None) => return Err(no_event()),
    };
    let company_id = top_or_event(Slot::CompanyId, &mut top, &mut event);
    let mut companies = Vec::new();
    for company in
        [company_id.clone(), event[Slot::BuyerId].take(), event[Slot::SupplierId].take()].into_iter().flatten()
    {
        if !companies.contains(&company) {
            companies.push(company);
        }
    }
    Ok(Envelope {
        kind,
        format,
        event_name,
        message_id: top_or_event(Slot::MessageId, &mut top, &mut event),
        subject: Slot::SUBJECT.into_iter().find_map(|slot| event[slot].take()),
        number: event[kind.number()].take(),
        company_id,
        companies,
        created: top_or_event(Slot::Created, &mut top, &mut event),
    })
}

/// Whether a text is fit for an envelope.
pub(super) fn usable(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST
}

pub(super) fn no_event() -> DecodeError {
    DecodeError::NoEvent(format!(
        "the body is no Tradecloud event: it has none of {}, and is no bare order with {}",
        enumerated(&EVENTS.map(|(field, _)| field), "and"),
        enumerated(&BARE_ORDER, "or"),
    ))
}
