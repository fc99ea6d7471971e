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

use super::attributes::{is_nil, kept};
use super::index::{Use, root, use_of};
use super::pieces::{Piece, Pieces, normalised};
use super::tree::{Element, ROOT, Tree};
use crate::decode::DecodeError;
use crate::model::shape::{Fields, Shape};

/// Up to this many children are sorted by keys that are worked out once; with more, memory counts.
const FEW: usize = 64;

/// Makes the JSON of a tXML body.
pub(in crate::decode) fn to_json(body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let tree = Tree::read(body)?;
    let json = Vec::with_capacity(tree.len());
    let mut writer = Writer { tree: &tree, json };
    let fields = root(tree.children(ROOT).map(|child| tree.name(child)));
    writer.object(ROOT, fields);
    Ok(writer.json)
}

struct Writer<'t, 'a> {
    tree: &'t Tree<'a>,
    json: Vec<u8>,
}

impl<'a> Writer<'_, 'a> {
    /// Writes an element as a value. Elements are at most 128 levels deep, and so is this recursion.
    fn value(&mut self, element: Element, shape: Shape) {
        let tree = self.tree;
        let has_children = tree.has_children(element);
        let attributes = tree.attributes(element);
        if !has_children && is_nil(attributes) && tree.text(element).next().is_none() {
            return self.push("null");
        }
        match shape {
            Shape::Object(fields) => self.object(element, Some(fields)),
            _ if has_children => self.object(element, None),
            Shape::Number => self.scalar(element, is_number),
            Shape::Boolean => self.scalar(element, |text| matches!(text, "true" | "false")),
            Shape::Any if kept(attributes).next().is_some() => self.object(element, None),
            Shape::Any | Shape::Text | Shape::List(_) => self.text(tree.text(element)),
        }
    }

    /// Writes a text as it is if JSON reads it as what it should be, else as a text.
    fn scalar(&mut self, element: Element, is_literal: fn(&str) -> bool) {
        let mut text = String::new();
        self.tree.text(element).for_each(|piece| piece.append_to(&mut text));
        let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
        if is_literal(trimmed) {
            self.push(trimmed);
        } else {
            self.quoted(&text);
        }
    }

    fn object(&mut self, element: Element, fields: Option<&'static Fields>) {
        let tree = self.tree;
        self.json.push(b'{');
        let begin = self.json.len();
        for (name, value) in kept(tree.attributes(element)) {
            self.key_from([Piece::Text("@"), Piece::Text(name)], begin);
            self.attribute(value);
        }
        self.text_of_object(element, fields, begin);
        let mut children: Vec<Element> = tree.children(element).collect();
        let key = |child: &Element| use_of(fields, tree.name(*child)).json;
        if children.len() <= FEW {
            children.sort_by_cached_key(key);
        } else {
            children.sort_unstable_by(|one, other| key(one).cmp(key(other)).then(one.cmp(other)));
        }
        // Each field stands where the first of its elements does.
        let mut groups: Vec<&[Element]> = children.chunk_by(|one, other| key(one) == key(other)).collect();
        groups.sort_unstable_by_key(|group| group[0]);
        for group in groups {
            self.field(group, fields, begin);
        }
        self.json.push(b'}');
    }

    /// Writes a field of an object from all of the elements that belong to it.
    fn field(&mut self, group: &[Element], fields: Option<&'static Fields>, begin: usize) {
        let tree = self.tree;
        let uses = || group.iter().map(|element| use_of(fields, tree.name(*element)));
        let is_list = group.len() > 1 || uses().any(|found| matches!(found.shape, Shape::List(_)));
        for (index, (element, Use { json, shape })) in group.iter().zip(uses()).enumerate() {
            if index > 0 {
                self.json.push(b',');
            } else {
                self.key_from([Piece::Text(json)], begin);
                if is_list {
                    self.json.push(b'[');
                }
            }
            let shape = if let Shape::List(entry) = shape { *entry } else { shape };
            self.value(*element, shape);
        }
        if is_list {
            self.json.push(b']');
        }
    }

    /// Writes the text that stands beside the children of an object, or that an object has in their
    /// place. White space between elements is layout.
    fn text_of_object(&mut self, element: Element, fields: Option<&'static Fields>, begin: usize) {
        let tree = self.tree;
        let is_layout = fields.is_some() || tree.has_children(element);
        let says_something = |stretch: &Pieces<'a>| {
            let mut pieces = stretch.clone();
            if is_layout { pieces.any(|piece| !piece.is_blank()) } else { pieces.next().is_some() }
        };
        if tree.stretches(element).any(|stretch| says_something(&stretch)) {
            self.key_from([Piece::Text("#text")], begin);
            self.text(tree.stretches(element).filter(says_something).flatten());
        }
    }

    /// Writes the name of a field, after a comma if it is not the first since `begin`.
    fn key_from<const N: usize>(&mut self, name: [Piece<'_>; N], begin: usize) {
        if self.json.len() > begin {
            self.json.push(b',');
        }
        self.text(name);
        self.json.push(b':');
    }

    /// Writes the value of an attribute, in which XML makes a space of each white space.
    fn attribute(&mut self, value: &str) {
        let mut text = String::new();
        for piece in Pieces::new(value) {
            match piece {
                Piece::Text(part) => normalised(part).for_each(|part| text.push_str(&part.replace(['\t', '\n'], " "))),
                Piece::Character(character) => text.push(character),
            }
        }
        self.quoted(&text);
    }

    /// Writes a JSON text whose line ends are normalised already.
    fn quoted(&mut self, text: &str) {
        self.json.push(b'"');
        self.escaped(text);
        self.json.push(b'"');
    }

    /// Writes a JSON text.
    fn text<'p>(&mut self, pieces: impl IntoIterator<Item = Piece<'p>>) {
        self.json.push(b'"');
        for piece in pieces {
            match piece {
                Piece::Text(text) => normalised(text).for_each(|part| self.escaped(part)),
                Piece::Character(character) => self.escaped(character.encode_utf8(&mut [0; 4])),
            }
        }
        self.json.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let (plain, special) = rest.split_at(at);
            self.push(plain);
            // XML allows no other control characters.
            self.push(match special.as_bytes()[0] {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                _ => "\\t",
            });
            rest = &special[1..];
        }
        self.push(rest);
    }

    fn push(&mut self, text: &str) {
        self.json.extend_from_slice(text.as_bytes());
    }
}

/// Whether a text is a number as JSON writes it.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    let mut is_number = whole == 1 || (whole > 1 && !unsigned.starts_with('0'));
    if let Some(fraction) = rest.strip_prefix('.') {
        is_number &= digits(fraction) > 0;
        rest = &fraction[digits(fraction)..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        is_number &= digits(exponent) > 0;
        rest = &exponent[digits(exponent)..];
    }
    is_number && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_json_takes_for_one() {
        for text in ["0", "-0", "12", "1.0", "0.100", "1e5", "1E+5", "-1.5e-10", "123456789012345678901234567890.12"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "01", "+1", ".5", "1.", "1e", "1e+", "1,5", "0x1", "1 2", "NaN", "1.5.5", "--1"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
