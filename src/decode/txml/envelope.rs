//! The envelope and the references of a tXML body, in one pass that remembers nothing but the texts it looks for.

use super::attributes::is_nil;
use super::chars::local;
use super::pieces::Piece;
use super::scan::{Scanner, Tag, Token};
use crate::decode::found::{self, Bare, EVENTS, Found, Slot};
use crate::decode::named::{Named, Naming};
use crate::decode::{DecodeError, Decoded};
use crate::model::kinds::{EVENT, EVENT_NAME, Meaning, meaning};
use crate::model::{Format, Kind, Reference};

/// Reads the envelope and the references of the text of a tXML body.
pub(in crate::decode) fn event(text: &str) -> Result<Decoded, DecodeError> {
    let mut finder = Finder::default();
    finder.read(Scanner::new(text)?)?;
    let [top, events @ ..] = finder.found;
    let event = EVENTS.iter().zip(events).zip(finder.is_event).find(|(_, is_event)| *is_event);
    let event = event.map(|(((_, kind), found), _)| (*kind, found));
    let is_bare = event.is_none();
    let envelope = found::envelope(Format::Txml, top, event, finder.bare)?;
    let references = finder.named.into_references_of(is_bare && envelope.kind == Kind::Shipment);
    Ok(Decoded { envelope, references })
}

/// The references in a text that should be tXML, as far as it is.
pub(in crate::decode) fn references(text: &str) -> Vec<Reference> {
    let mut finder = Finder::default();
    // What is no XML ends it, as the end of the text does.
    let _ = finder.read(Scanner::of_any(text));
    finder.named.into_references()
}

/// What an element is to the envelope.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The root: the webhook, or a bare order or shipment.
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
    bare: Bare,
    /// The references.
    named: Named,
    /// The open elements: what each is to the envelope, and to the references.
    places: Vec<(Place, Option<Naming>)>,
    /// Which of `found` the open elements belong to.
    within: usize,
    /// The text of the open element, if it is one of the envelope or a reference.
    text: String,
}

impl Finder {
    fn read(&mut self, mut scanner: Scanner<'_>) -> Result<(), DecodeError> {
        while let Some(token) = scanner.next()? {
            match token {
                Token::Start(tag) => self.start(&tag),
                Token::Piece(piece) => self.piece(&piece),
                Token::End => self.end(),
            }
        }
        Ok(())
    }

    fn start(&mut self, tag: &Tag<'_>) {
        let name = local(tag.name);
        let (outer, outer_naming) = match self.places.last_mut() {
            None => return self.places.push((Place::Root, Some(Naming::Body))),
            Some(text) if is_text(*text) => {
                // A text with an element in it is no text.
                *text = NOTHING;
                return self.places.push(NOTHING);
            }
            Some(outer) => *outer,
        };
        let place = if matches!(outer, Place::Root) { self.at_top(name, tag) } else { inside(outer, name) };
        if matches!(outer_naming, Some(Naming::Body)) {
            self.named.see(name);
        }
        let naming = outer_naming.and_then(|outer| outer.field(Format::Txml, name.as_bytes()));
        if let Place::Text(slot) = place {
            self.found[self.within][slot] = None;
        }
        if is_text((place, naming)) {
            self.text.clear();
        }
        self.places.push((place, naming));
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
        self.bare.see(if name == "line" { "lines" } else { name }, true);
        if name == EVENT_NAME { Place::Text(Slot::EventName) } else { inside(Place::Part(EVENT), name) }
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        let Some(place) = self.places.last_mut().filter(|place| is_text(**place)) else { return };
        if self.text.len() + piece.len() > found::LONGEST {
            *place = NOTHING;
        } else {
            piece.append_to(&mut self.text);
        }
    }

    fn end(&mut self) {
        let Some((place, naming)) = self.places.pop() else { return };
        if let Some(Naming::Reference(what)) = naming {
            self.named.add(what, &self.text);
        }
        if let Place::Text(slot) = place {
            self.found[self.within][slot] = Some(std::mem::take(&mut self.text)).filter(|text| found::usable(text));
        }
    }
}

/// An element that nothing is looked for in.
const NOTHING: (Place, Option<Naming>) = (Place::Elsewhere, None);

/// Whether the text of an element is looked for.
const fn is_text((place, naming): (Place, Option<Naming>)) -> bool {
    matches!(place, Place::Text(_)) || matches!(naming, Some(Naming::Reference(_)))
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
