//! Where each element of a document is: the least that must be remembered to bring together the entries
//! of a list that stand apart. Names and texts are read again from the source when they are needed.

use super::chars::{is_space, local};
use super::pieces::{Piece, Pieces};
use super::scan::{Scanner, Token};
use crate::decode::DecodeError;
use crate::decode::position::{fault, offset};

/// A document and its elements in the order of their start tags. The children of an element follow it
/// directly, each with everything in it before the next.
pub(super) struct Tree<'a> {
    source: &'a str,
    nodes: Vec<Node>,
}

/// Kept small, because a body may hold millions of them. No body is larger than `u32` can count.
struct Node {
    /// Offset of its start tag.
    start: u32,
    /// Offset behind its end tag.
    end: u32,
}

/// An element of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Element(pub(super) u32);

/// The root of every tree.
pub(super) const ROOT: Element = Element(0);

impl<'a> Tree<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, DecodeError> {
        let mut scanner = Scanner::new(text)?;
        let source = scanner.text();
        // Every offset and the number of elements is smaller than the length.
        let small = |number: usize| u32::try_from(number).map_err(|_| fault(b"", 0, "the body is larger than 4 GiB"));
        let mut nodes: Vec<Node> = Vec::new();
        let mut open = Vec::new();
        while let Some(token) = scanner.next()? {
            match token {
                Token::Start(tag) => {
                    open.push(nodes.len());
                    nodes.push(Node { start: small(offset(source, tag.name) - 1)?, end: 0 });
                }
                Token::End => {
                    let end = small(scanner.offset())?;
                    if let Some(node) = open.pop().and_then(|node| nodes.get_mut(node)) {
                        node.end = end;
                    }
                }
                Token::Piece(_) => {}
            }
        }
        Ok(Self { source, nodes })
    }

    /// The length of the document in bytes.
    pub(super) const fn len(&self) -> usize {
        self.source.len()
    }

    fn node(&self, element: Element) -> &Node {
        &self.nodes[element.0 as usize]
    }

    /// The element from behind its `<` on.
    fn span(&self, element: Element) -> &'a str {
        let node = self.node(element);
        &self.source[node.start as usize + 1..node.end as usize]
    }

    /// Its name, without prefix.
    pub(super) fn name(&self, element: Element) -> &'a str {
        local(split_name(self.span(element)).0)
    }

    /// Its attributes, as written.
    pub(super) fn attributes(&self, element: Element) -> &'a str {
        let (_, rest) = split_name(self.span(element));
        let inside = &rest[..tag_end(rest)];
        inside.strip_suffix('/').unwrap_or(inside)
    }

    pub(super) fn has_children(&self, element: Element) -> bool {
        self.nodes.get(element.0 as usize + 1).is_some_and(|next| next.start < self.node(element).end)
    }

    /// The element behind everything in this one. To remember it for each would cost more than to find it.
    fn next(&self, element: Element) -> Element {
        if !self.has_children(element) {
            return Element(element.0 + 1);
        }
        let end = self.node(element).end;
        let behind = &self.nodes[element.0 as usize + 1..];
        // Most have little in them: so in steps that double.
        let mut step = 1;
        while behind.get(step - 1).is_some_and(|node| node.start < end) {
            step *= 2;
        }
        let (from, to) = (step / 2, step.min(behind.len()));
        let within = from + behind[from..to].partition_point(|node| node.start < end);
        // No more than there are nodes, which `u32` can count.
        Element(element.0 + 1 + u32::try_from(within).unwrap_or(u32::MAX))
    }

    pub(super) fn children(&self, element: Element) -> impl Iterator<Item = Element> + Clone {
        self.siblings(element, Element(element.0 + 1))
    }

    /// The first child of each run of children with the same name. Lists usually are such runs, so there
    /// are far fewer of them than children.
    pub(super) fn runs(&self, element: Element) -> impl Iterator<Item = Element> + Clone {
        let mut last = "";
        self.children(element).filter(move |child| {
            let name = self.name(*child);
            std::mem::replace(&mut last, name) != name
        })
    }

    /// All children in the run that begins with `first`.
    pub(super) fn run(&self, element: Element, first: Element) -> impl Iterator<Item = Element> {
        let name = self.name(first);
        self.siblings(element, first).take_while(move |child| self.name(*child) == name)
    }

    /// The children of an element from `first` on.
    fn siblings(&self, element: Element, first: Element) -> impl Iterator<Item = Element> + Clone {
        let end = self.next(element);
        let next = move |child: &Element| Some(self.next(*child)).filter(|next| *next < end);
        std::iter::successors(Some(first).filter(|first| *first < end), next)
    }

    /// The stretches of text between its tags and those of its children.
    pub(super) fn stretches(&self, element: Element) -> impl Iterator<Item = Pieces<'a>> {
        let node = self.node(element);
        let span = self.span(element);
        let (name, rest) = split_name(span);
        let first = node.start as usize + 1 + name.len() + tag_end(rest) + 1;
        let starts = std::iter::once(first).chain(self.children(element).map(|child| self.node(child).end as usize));
        let ends = self.children(element).map(|child| self.node(child).start as usize);
        starts
            .zip(ends.chain(std::iter::once(node.end as usize)))
            .map(|(start, end)| Pieces::new(&self.source[start..end]))
    }

    /// The text of an element without children, piece by piece.
    pub(super) fn text(&self, element: Element) -> impl Iterator<Item = Piece<'a>> {
        self.stretches(element).flatten()
    }
}

/// The name of a tag and what follows it.
fn split_name(span: &str) -> (&str, &str) {
    let end = span.bytes().position(|byte| is_space(byte) || byte == b'>' || byte == b'/');
    span.split_at(end.unwrap_or(span.len()))
}

/// Where a tag ends: at the first `>` that is not in quotes.
fn tag_end(rest: &str) -> usize {
    let mut quote = None;
    let end = rest.bytes().position(|byte| {
        match quote {
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None => return byte == b'>',
            Some(open) if open == byte => quote = None,
            Some(_) => {}
        }
        false
    });
    end.unwrap_or(rest.len())
}
