//! What an event is called: in words, by the number that people know, by the beginning of its key.

use super::numbers::in_words;
use crate::inbox::{EventView, State};
use crate::model::What;
use crate::model::names::CHANGED;
use crate::shown::printable;

/// So many digits of an id mostly tell one event from all others.
const DIGITS: usize = 8;

/// What an event is, in words.
pub(crate) fn title(event: &EventView) -> String {
    match name(event) {
        _ if event.kind.is_none() => "refused body".to_owned(),
        name @ CHANGED => match event.kind {
            Some(kind) => format!("{} {}", capitalised(kind.as_str()), name.to_lowercase()),
            None => name.to_owned(),
        },
        name => capitalised(&in_words(&printable(name))),
    }
}

/// With a capital at its beginning.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.trim_start().chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The beginning of the key, by which commands find it.
pub(crate) fn short(event: &EventView) -> String {
    let mut key = event.key.hyphenated().to_string();
    key.truncate(DIGITS);
    key
}

/// How far an event has come: with a handler, if somebody asks about that.
pub(crate) fn state_at(event: &EventView, handler: Option<&str>) -> State {
    let at_it = event.deliveries.iter().find(|delivery| Some(delivery.handler.as_str()) == handler);
    at_it.map_or(event.state, |delivery| delivery.state)
}

/// The number that people know it by. A refused body has only what it names.
pub(crate) fn number(event: &EventView) -> Option<&str> {
    let of_event = event.document_number.as_ref().or(event.subject.as_ref());
    let references = event.references.as_deref().unwrap_or_default();
    let named = |what| references.iter().find(|reference| reference.what == what);
    let first = || named(What::PurchaseOrder).or_else(|| named(What::Shipment)).or_else(|| references.first());
    of_event.or_else(|| first().map(|reference| &reference.value)).map(String::as_str)
}

/// Its event name, or what stands for one.
pub(crate) fn name(event: &EventView) -> &str {
    event.event_name.as_deref().unwrap_or(if event.kind.is_some() { CHANGED } else { "-" })
}
