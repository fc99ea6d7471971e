//! Attributes and the XML declaration, which is written like attributes.

use super::chars::{is_blank, is_name, is_space, resolve};
use crate::decode::position::offset;

/// Nobody writes more attributes on an element; the bound keeps the check for doubles cheap.
const MOST: usize = 256;

/// The attributes of a tag: name and raw value, or the rest of the text and what is wrong where it
/// begins.
pub(super) struct Attributes<'a> {
    rest: &'a str,
}

type Fault<'a> = (&'a str, &'static str);

impl<'a> Attributes<'a> {
    /// `rest` is what follows the name of the element.
    pub(super) const fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    fn read(&mut self) -> Result<Option<(&'a str, &'a str)>, Fault<'a>> {
        let start = self.rest.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
        if start.is_empty() {
            return Ok(None);
        }
        if start.len() == self.rest.len() {
            return Err((start, "expected white space before an attribute"));
        }
        let (name, value) = start.split_once('=').ok_or((start, "expected an attribute with a value"))?;
        let name = name.trim_end_matches([' ', '\t', '\n', '\r']);
        if !is_name(name) {
            return Err((start, "this is no name of an attribute"));
        }
        let value = value.trim_start_matches([' ', '\t', '\n', '\r']);
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let quote = quote.ok_or((value, "expected a value in quotes"))?;
        let (content, rest) = value[1..].split_once(quote).ok_or((value, "the value is not closed"))?;
        check(content)?;
        self.rest = rest;
        Ok(Some((name, content)))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(&'a str, &'a str), Fault<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if matches!(read, Some(Err(_))) {
            self.rest = "";
        }
        read
    }
}

/// Whether the attributes say that the element holds nothing (`xsi:nil`, whatever its prefix).
pub(super) fn is_nil(rest: &str) -> bool {
    !is_blank(rest)
        && Attributes::new(rest).flatten().any(|(name, value)| {
            matches!(name.split_once(':'), Some((_, "nil"))) && matches!(value.trim(), "true" | "1")
        })
}

/// The attributes that say something: not those that declare namespaces, refer to a schema or say
/// that the element holds nothing.
pub(super) fn kept(rest: &str) -> impl Iterator<Item = (&str, &str)> {
    let rest = if is_blank(rest) { "" } else { rest };
    Attributes::new(rest).flatten().filter(|(name, _)| match name.split_once(':') {
        Some((prefix, local)) => prefix != "xmlns" && prefix != "xsi" && local != "nil",
        None => *name != "xmlns",
    })
}

/// Refuses a value that holds `<` or a reference to nothing.
fn check(value: &str) -> Result<(), Fault<'_>> {
    let mut rest = value;
    while let Some(at) = rest.find(['<', '&']) {
        let special = &rest[at..];
        let reference = special.strip_prefix('&').ok_or((special, "a value may not contain <"))?;
        let reference = reference.split_once(';').filter(|(name, _)| resolve(name).is_some());
        rest = reference.ok_or((special, "a reference to nothing that is defined; write &amp; for &"))?.1;
    }
    Ok(())
}

/// Refuses attributes that are not well-formed or not unique.
pub(super) fn verify<'a>(rest: &'a str, names: &mut Vec<&'a str>) -> Result<(), Fault<'a>> {
    names.clear();
    for attribute in Attributes::new(rest) {
        let (name, _) = attribute?;
        if names.len() == MOST {
            return Err((name, "an element has more than 256 attributes"));
        }
        names.push(name);
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(double) => Err((double[1], "an attribute occurs twice")),
        None => Ok(()),
    }
}

/// What an XML declaration says of the encoding, and where, if a body begins with one. Its characters are read as
/// bytes, which those of ASCII are in all encodings that are left when this is asked.
pub(in crate::decode) fn declared_encoding(beginning: &[u8]) -> Option<(&str, usize)> {
    let rest = beginning.strip_prefix(b"<?xml")?;
    let end = beginning.len() - rest.len() + rest.windows(2).position(|two| two == b"?>")?;
    let declaration = std::str::from_utf8(&beginning[..end]).ok()?;
    let rest = declaration.strip_prefix("<?xml")?;
    let (_, label) = Attributes::new(rest).flatten().find(|(name, _)| *name == "encoding")?;
    is_encoding(label).then(|| (label, offset(declaration, label)))
}

/// Whether a text is a name that an encoding may have.
fn is_encoding(text: &str) -> bool {
    let continues = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(continues)
}

/// Refuses an XML declaration that is not well-formed. Which encoding it declares has been heeded before.
pub(super) fn verify_declaration(rest: &str) -> Result<(), Fault<'_>> {
    let mut expected = ["version", "encoding", "standalone"].iter();
    let mut has_version = false;
    for attribute in Attributes::new(rest) {
        let (name, value) = attribute?;
        if !expected.any(|expected| *expected == name) {
            return Err((name, "not expected here in the XML declaration"));
        }
        let fault = match name {
            "version" => {
                has_version = true;
                let minor = value.strip_prefix("1.").unwrap_or_default();
                let is_known = !minor.is_empty() && minor.bytes().all(|digit| digit.is_ascii_digit());
                (!is_known).then_some("the version of XML must be 1.0")
            }
            "encoding" => (!is_encoding(value)).then_some("this is no name of an encoding"),
            _ => (!matches!(value, "yes" | "no")).then_some("standalone must be yes or no"),
        };
        if let Some(what) = fault {
            return Err((value, what));
        }
    }
    if has_version { Ok(()) } else { Err((rest, "the XML declaration has no version")) }
}
