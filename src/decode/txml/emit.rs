//! tXML as the JSON that Tradecloud would have sent, by the shapes of the model.
//!
//! | element | JSON |
//! |---|---|
//! | a known field of an object | its field, as text, number, boolean or object |
//! | an entry of a known list | an entry of that list, wherever it stands among its siblings |
//! | unknown, with a text | a text |
//! | unknown, with elements in it | an object |
//! | repeated, though not known as a list | a list |
//! | empty | an empty text; an object of a known type is `{}` |
//! | with `xsi:nil="true"` | `null` |
//!
//! A number that is not written as one in JSON stays a text, so that nothing is lost. Text between
//! elements becomes a field `#text`, an attribute a field `@` and its name; a known text, number or
//! boolean has no place for attributes.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use super::attributes::{is_nil, kept};
use super::index::{Use, root, use_of};
use super::json_text::{JsonText, is_number};
use super::pieces::{Piece, Pieces};
use super::tree::{Element, ROOT, Tree};
use crate::decode::DecodeError;
use crate::model::shape::{Fields, Shape};

/// Larger bodies take turns: what it takes to bring order into one is needed once then.
pub(in crate::decode) const LARGE: usize = 1 << 20;

static TURN: Mutex<()> = Mutex::new(());

/// Up to this many children are sorted by their names; of more, only hashes of their names are kept.
const FEW: usize = 64;

/// Up to this many fields are looked for one after the other among the children, so that nothing is kept.
const FEW_FIELDS: usize = 4;

/// Makes the JSON of the text of a tXML body.
pub(in crate::decode) fn to_json(text: &str) -> Result<Vec<u8>, DecodeError> {
    let _turn = (text.len() > LARGE).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    let tree = Tree::read(text)?;
    let json = JsonText::with_capacity(tree.len());
    let mut writer = Writer { tree: &tree, json, hasher: RandomState::new() };
    let fields = root(tree.children(ROOT).map(|child| tree.name(child)));
    writer.object(ROOT, tree.attributes(ROOT), fields);
    Ok(writer.json.into_bytes())
}

struct Writer<'t, 'a> {
    tree: &'t Tree<'a>,
    json: JsonText,
    hasher: RandomState,
}

impl<'a> Writer<'_, 'a> {
    /// Writes an element as a value. Elements are at most 128 levels deep, and so is this recursion.
    fn value(&mut self, element: Element, shape: Shape) {
        let tree = self.tree;
        let has_children = tree.has_children(element);
        let attributes = tree.attributes(element);
        if !has_children && is_nil(attributes) && tree.text(element).next().is_none() {
            return self.json.push("null");
        }
        match shape {
            Shape::Object(fields) => self.object(element, attributes, Some(fields)),
            _ if has_children => self.object(element, attributes, None),
            Shape::Number => self.scalar(element, is_number),
            Shape::Boolean => self.scalar(element, |text| matches!(text, "true" | "false")),
            Shape::Any if kept(attributes).next().is_some() => self.object(element, attributes, None),
            Shape::Any | Shape::Text | Shape::List(_) => self.json.text(tree.text(element)),
        }
    }

    /// Writes a text as it is if JSON reads it as what it should be, else as a text.
    fn scalar(&mut self, element: Element, is_literal: fn(&str) -> bool) {
        let mut text = String::new();
        self.tree.text(element).for_each(|piece| piece.append_to(&mut text));
        let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
        if is_literal(trimmed) {
            self.json.push(trimmed);
        } else {
            self.json.quoted(&text);
        }
    }

    fn object(&mut self, element: Element, attributes: &str, fields: Option<&'static Fields>) {
        let object = self.json.open();
        for (name, value) in kept(attributes) {
            self.json.key(object, &["@", name]);
            self.json.attribute(value);
        }
        self.text_of_object(element, fields, object);
        self.fields(element, fields, object);
        self.json.push("}");
    }

    /// Writes the children of an element as fields, each field once, where its first element stands.
    fn fields(&mut self, element: Element, fields: Option<&'static Fields>, object: usize) {
        let tree = self.tree;
        let key = |child: Element| use_of(fields, tree.name(child)).json;
        if tree.runs(element).take(FEW + 1).count() <= FEW {
            let mut named: Vec<(&str, Element)> = tree.runs(element).map(|run| (key(run), run)).collect();
            named.sort_unstable();
            let groups = named.chunk_by(|one, other| one.0 == other.0);
            let runs = groups.flat_map(|group| group.iter().map(|(_, run)| (group[0].1.0, *run))).collect();
            self.groups(element, runs, fields, object);
        } else if let Some(names) = self.few_fields(element, fields) {
            for name in names {
                let runs = tree.runs(element).filter(|run| key(*run) == name);
                self.field(element, runs, fields, object);
            }
        } else {
            let hasher = &self.hasher;
            // Half a hash is enough: those that happen to be equal are told apart next.
            let half = |run| (hasher.hash_one(key(run)) >> 32) as u32;
            let mut runs: Vec<(u32, Element)> = tree.runs(element).map(|run| (half(run), run)).collect();
            runs.sort_unstable();
            for equal in runs.chunk_by_mut(|one, other| one.0 == other.0) {
                if equal.iter().any(|(_, run)| key(*run) != key(equal[0].1)) {
                    equal.sort_unstable_by_key(|(_, run)| (key(*run), *run));
                }
            }
            // From here on each says by its first element which field it is of, which needs no other room.
            for group in runs.chunk_by_mut(|one, other| one.0 == other.0 && key(one.1) == key(other.1)) {
                let first = group[0].1.0;
                for (of, _) in group {
                    *of = first;
                }
            }
            self.groups(element, runs, fields, object);
        }
    }

    /// The names of the fields of an element in the order in which they stand first, if they are few.
    fn few_fields(&self, element: Element, fields: Option<&'static Fields>) -> Option<Vec<&'a str>> {
        let mut found = Vec::new();
        for run in self.tree.runs(element) {
            let key = use_of(fields, self.tree.name(run)).json;
            if !found.contains(&key) {
                if found.len() == FEW_FIELDS {
                    return None;
                }
                found.push(key);
            }
        }
        Some(found)
    }

    /// Writes fields from runs, each with the first element of its field.
    fn groups(
        &mut self,
        element: Element,
        mut runs: Vec<(u32, Element)>,
        fields: Option<&'static Fields>,
        object: usize,
    ) {
        runs.sort_unstable();
        for group in runs.chunk_by(|one, other| one.0 == other.0) {
            self.field(element, group.iter().map(|(_, run)| *run), fields, object);
        }
    }

    /// Writes one field from its runs.
    fn field(
        &mut self,
        element: Element,
        runs: impl Iterator<Item = Element> + Clone,
        fields: Option<&'static Fields>,
        object: usize,
    ) {
        let tree = self.tree;
        let mut members = runs.clone().flat_map(|run| tree.run(element, run));
        let Some(first) = members.next() else { return };
        let Use { json, shape } = use_of(fields, tree.name(first));
        self.json.key(object, &[json]);
        if members.next().is_none() && !matches!(shape, Shape::List(_)) {
            self.value(first, shape);
            return;
        }
        self.json.push("[");
        for run in runs {
            let shape = use_of(fields, tree.name(run)).shape;
            for entry in tree.run(element, run) {
                if entry > first {
                    self.json.push(",");
                }
                self.value(entry, if let Shape::List(entry) = shape { *entry } else { shape });
            }
        }
        self.json.push("]");
    }

    /// Writes the text that stands beside the children of an object, or that an object has in their
    /// place. White space between elements is layout.
    fn text_of_object(&mut self, element: Element, fields: Option<&'static Fields>, object: usize) {
        let tree = self.tree;
        let is_layout = fields.is_some() || tree.has_children(element);
        let says_something = |stretch: &Pieces<'a>| {
            let mut pieces = stretch.clone();
            if is_layout { pieces.any(|piece: Piece<'_>| !piece.is_blank()) } else { pieces.next().is_some() }
        };
        if tree.stretches(element).any(|stretch| says_something(&stretch)) {
            self.json.key(object, &["#text"]);
            self.json.text(tree.stretches(element).filter(says_something).flatten());
        }
    }
}
