//! The envelope of a tXML body, in one pass that remembers nothing but the texts it looks for.

use super::attributes::is_nil;
use super::chars::local;
use super::pieces::Piece;
use super::scan::{Scanner, Tag, Token};
use crate::decode::DecodeError;
use crate::decode::found::{self, EVENTS, Found, Slot};
use crate::model::kinds::{BARE_ORDER, EVENT, EVENT_NAME, Meaning, meaning};
use crate::model::{Envelope, Format};

/// Reads the envelope of the text of a tXML body.
pub(in crate::decode) fn envelope(text: &str) -> Result<Envelope, DecodeError> {
    let mut scanner = Scanner::new(text)?;
    let mut finder = Finder::default();
    while let Some(token) = scanner.next()? {
        match token {
            Token::Start(tag) => finder.start(&tag),
            Token::Piece(piece) => finder.piece(&piece),
            Token::End => finder.end(),
        }
    }
    let [top, events @ ..] = finder.found;
    let event = EVENTS.iter().zip(events).zip(finder.is_event).find(|(_, is_event)| *is_event);
    let event = event.map(|(((_, kind), found), _)| (*kind, found));
    found::envelope(Format::Txml, top, event, finder.is_bare_order)
}

/// What an element is to the envelope.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The root: the webhook, or a bare order.
    Root,
    /// One with texts of the envelope inside, in these elements.
    Part(&'static [(&'static str, Meaning)]),
    /// A text of the envelope.
    Text(Slot),
    Elsewhere,
}

#[derive(Default)]
struct Finder {
    /// What is found at the top, then what is found in each of the events.
    found: [Found; 1 + EVENTS.len()],
    is_event: [bool; EVENTS.len()],
    is_bare_order: bool,
    /// The open elements.
    places: Vec<Place>,
    /// Which of `found` the open elements belong to.
    within: usize,
    /// The text of the open element, if it is one of the envelope.
    text: String,
}

impl Finder {
    fn start(&mut self, tag: &Tag<'_>) {
        let name = local(tag.name);
        let place = match self.places.last_mut() {
            None => Place::Root,
            Some(Place::Root) => self.at_top(name, tag),
            Some(outer @ Place::Text(_)) => {
                // A text with an element in it is no text.
                *outer = Place::Elsewhere;
                Place::Elsewhere
            }
            Some(outer) => inside(*outer, name),
        };
        if let Place::Text(slot) = place {
            self.text.clear();
            self.found[self.within][slot] = None;
        }
        self.places.push(place);
    }

    fn at_top(&mut self, name: &str, tag: &Tag<'_>) -> Place {
        let event = EVENTS.iter().position(|(event, _)| *event == name);
        self.within = event.map_or(0, |event| event + 1);
        if is_nil(tag.attributes) {
            return Place::Elsewhere;
        }
        if let Some(event) = event {
            self.is_event[event] = true;
            self.found[self.within] = Found::default();
            return Place::Part(EVENT);
        }
        // A list is an element for each of its entries here, named after one.
        self.is_bare_order |= name == "line" || BARE_ORDER.contains(&name);
        if name == EVENT_NAME { Place::Text(Slot::EventName) } else { inside(Place::Part(EVENT), name) }
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        let Some(place @ Place::Text(_)) = self.places.last_mut() else { return };
        if self.text.len() + piece.len() > found::LONGEST {
            *place = Place::Elsewhere;
        } else {
            piece.append_to(&mut self.text);
        }
    }

    fn end(&mut self) {
        if let Some(Place::Text(slot)) = self.places.pop() {
            self.found[self.within][slot] = Some(std::mem::take(&mut self.text)).filter(|text| found::usable(text));
        }
    }
}

/// What an element is inside another.
fn inside(outer: Place, name: &str) -> Place {
    let Place::Part(fields) = outer else { return Place::Elsewhere };
    match meaning(fields, name) {
        Some(Meaning::Text(slot)) => Place::Text(slot),
        Some(Meaning::Part(fields)) => Place::Part(fields),
        None => Place::Elsewhere,
    }
}
