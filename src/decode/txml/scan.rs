//! A strict reader of XML: what it hands out belongs to a well-formed document, or ends in an error.
//!
//! quick-xml cuts the text into tags, texts and so on, and matches end tags with start tags. It leaves
//! most of what makes a document well-formed to its user, down to whether the root element was ever
//! closed; that is checked here. Any document type is refused: nobody needs one to send an order, and
//! most attacks by XML do.

use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::Event;
use quick_xml::{Error, Reader};

use super::attributes::{verify, verify_declaration};
use super::chars::{forbidden, is_blank, is_name, is_space, resolve};
use super::pieces::Piece;
use crate::decode::DecodeError;
use crate::decode::position::{fault, offset};

/// Elements inside each other. Tradecloud's stay below 20.
const DEEPEST: usize = 128;

/// What the scanner hands out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'a> {
    /// An element begins.
    Start(Tag<'a>),
    /// The element that began last and has not ended ends here.
    End,
    /// A piece of the text of an element.
    Piece(Piece<'a>),
}

/// A start tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    /// The name, with its prefix.
    pub(super) name: &'a str,
    /// What follows the name: the attributes, which are verified.
    pub(super) attributes: &'a str,
}

/// Reads a document from start to end.
pub(super) struct Scanner<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    depth: usize,
    has_root: bool,
    ends_empty: bool,
    attribute_names: Vec<&'a str>,
}

impl<'a> Scanner<'a> {
    /// # Errors
    /// If the text could not be XML.
    pub(super) fn new(text: &'a str) -> Result<Self, DecodeError> {
        if let Some(at) = forbidden(text) {
            return Err(fault(text.as_bytes(), at, "a character that XML forbids"));
        }
        if text.starts_with('\u{FEFF}') {
            // quick-xml would skip this second byte order mark and count offsets from behind it.
            return Err(fault(text.as_bytes(), 0, "text outside the root element"));
        }
        Ok(Self::of_any(text))
    }

    /// Of a text that may have characters in it that XML forbids: it is as good as it can be read.
    pub(super) fn of_any(text: &'a str) -> Self {
        let text = text.trim_start_matches('\u{FEFF}');
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = true;
        Self { text, reader, depth: 0, has_root: false, ends_empty: false, attribute_names: Vec::new() }
    }

    /// The whole text.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// The offset in the text behind what was handed out last.
    pub(super) fn offset(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The next token; `None` at the end of a well-formed document.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, DecodeError> {
        if std::mem::take(&mut self.ends_empty) {
            self.depth -= 1;
            return Ok(Some(Token::End));
        }
        loop {
            let start = self.offset();
            let event = self.reader.read_event();
            let span = &self.text[start..self.offset()];
            let at = |what: &'static str| Err(fault(self.text.as_bytes(), start, what));
            match event {
                Ok(Event::Start(_)) => return self.start(span, ">"),
                Ok(Event::Empty(_)) => {
                    self.ends_empty = true;
                    return self.start(span, "/>");
                }
                Ok(Event::End(_)) => {
                    self.depth -= 1;
                    return Ok(Some(Token::End));
                }
                Ok(Event::Text(_)) if self.depth == 0 => {
                    if let Some(stray) = span.bytes().position(|byte| !is_space(byte)) {
                        return Err(fault(self.text.as_bytes(), start + stray, "text outside the root element"));
                    }
                }
                Ok(Event::Text(_)) => {
                    // Almost no text has a > in it.
                    if let Some(end) = span.contains('>').then(|| span.find("]]>")).flatten() {
                        return Err(fault(self.text.as_bytes(), start + end, "]]> in a text; write ]]&gt;"));
                    }
                    return Ok(Some(Token::Piece(Piece::Text(span))));
                }
                Ok(Event::CData(_) | Event::GeneralRef(_)) if self.depth == 0 => {
                    return at("text outside the root element");
                }
                Ok(Event::CData(_)) => {
                    let text = span.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
                    return Ok(Some(Token::Piece(Piece::Text(text.unwrap_or_default()))));
                }
                Ok(Event::GeneralRef(_)) => {
                    let name = span.strip_prefix('&').and_then(|name| name.strip_suffix(';'));
                    return match name.and_then(resolve) {
                        Some(character) => Ok(Some(Token::Piece(Piece::Character(character)))),
                        None => at("a reference to nothing that is defined; write &amp; for &"),
                    };
                }
                Ok(Event::Comment(_)) => {}
                Ok(Event::PI(_)) => {
                    let target = span[2..].split(|c: char| c == '?' || (c.is_ascii() && is_space(c as u8))).next();
                    match target {
                        Some(target) if target.eq_ignore_ascii_case("xml") => {
                            return at("an XML declaration is allowed at the start of the document only");
                        }
                        Some(target) if is_name(target) => {}
                        _ => return at("a processing instruction without a name"),
                    }
                    let content = &span[2 + target.map_or(0, str::len)..];
                    if content != "?>" && !content.starts_with([' ', '\t', '\n', '\r']) {
                        return at("a processing instruction without a name");
                    }
                }
                Ok(Event::Decl(_)) => {
                    if start > 0 {
                        return at("an XML declaration is allowed at the start of the document only");
                    }
                    let rest = span.strip_prefix("<?xml").and_then(|rest| rest.strip_suffix("?>"));
                    verify_declaration(rest.unwrap_or_default()).map_err(|(at, what)| self.fault(at, what))?;
                }
                Ok(Event::DocType(_)) => return at("a document type (DOCTYPE) is not accepted"),
                Ok(Event::Eof) => return self.end().map(|()| None),
                Err(error) => return Err(self.refused(&error)),
            }
        }
    }

    fn start(&mut self, span: &'a str, end: &str) -> Result<Option<Token<'a>>, DecodeError> {
        if self.depth == 0 && self.has_root {
            return Err(self.fault(span, "a second root element"));
        }
        if self.depth == DEEPEST {
            return Err(self.fault(span, "elements are nested deeper than 128 levels"));
        }
        let content = &span[1..span.len() - end.len()];
        let (name, attributes) = content.split_at(content.bytes().position(is_space).unwrap_or(content.len()));
        if !is_name(name) {
            return Err(self.fault(span, "this is no name of an element"));
        }
        if !is_blank(attributes) {
            verify(attributes, &mut self.attribute_names)
                .map_err(|(at, what)| fault(self.text.as_bytes(), offset(self.text, at), what))?;
        }
        self.depth += 1;
        self.has_root = true;
        Ok(Some(Token::Start(Tag { name, attributes })))
    }

    /// The end of the text must be the end of the document.
    fn end(&self) -> Result<(), DecodeError> {
        let what = match (self.has_root, self.depth) {
            (true, 0) => return Ok(()),
            (false, _) if is_blank(self.text) => "the body is empty: expected an XML document",
            (false, _) => "there is no root element",
            (true, _) => "the body ends before its root element does; was it cut off?",
        };
        Err(fault(self.text.as_bytes(), self.text.trim_end().len(), what))
    }

    fn fault(&self, at: &str, what: &'static str) -> DecodeError {
        fault(self.text.as_bytes(), offset(self.text, at), what)
    }

    /// An error of quick-xml, in words that do not repeat the text.
    fn refused(&self, error: &Error) -> DecodeError {
        let what = match error {
            Error::Syntax(SyntaxError::UnclosedTag) => "the tag is not closed",
            Error::Syntax(SyntaxError::UnclosedComment) => "the comment is not closed",
            Error::Syntax(SyntaxError::UnclosedCData) => "the CDATA section is not closed",
            Error::Syntax(SyntaxError::UnclosedDoctype) | Error::IllFormed(IllFormedError::MissingDoctypeName) => {
                "a document type (DOCTYPE) is not accepted"
            }
            Error::Syntax(SyntaxError::UnclosedPI | SyntaxError::UnclosedXmlDecl) => {
                "the processing instruction is not closed"
            }
            Error::Syntax(
                SyntaxError::UnclosedSingleQuotedAttributeValue | SyntaxError::UnclosedDoubleQuotedAttributeValue,
            ) => "the value of an attribute of this tag is not closed",
            Error::Syntax(_) => "after <! there is neither a comment nor CDATA",
            Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => "this end tag belongs to another start tag",
            Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "this end tag has no start tag",
            Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "-- within a comment",
            Error::IllFormed(IllFormedError::UnclosedReference) => "& without ; behind a name; write &amp;",
            _ => "this is not well-formed XML",
        };
        fault(self.text.as_bytes(), usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX), what)
    }
}
