//! The text of an element: the concatenation of its pieces, with comments and the like left out.

use super::chars::{is_space, resolve};

/// A piece of text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'a> {
    /// As written, also from a CDATA section; line ends are not normalised yet, see [`normalised`].
    Text(&'a str),
    /// What a reference stands for.
    Character(char),
}

impl Piece<'_> {
    /// Whether it is nothing but white space.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => super::chars::is_blank(text),
            Self::Character(character) => character.is_ascii() && is_space(*character as u8),
        }
    }

    /// Its length in bytes, at most.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Character(character) => character.len_utf8(),
        }
    }

    /// Appends it to a text.
    pub(super) fn append_to(&self, text: &mut String) {
        match self {
            Self::Text(piece) => normalised(piece).for_each(|part| text.push_str(part)),
            Self::Character(character) => text.push(*character),
        }
    }
}

/// A text with its line ends as XML wants them: each of CR LF and CR is a line feed.
pub(super) fn normalised(text: &str) -> impl Iterator<Item = &str> {
    let mut parts = text.split('\r');
    let first = parts.next();
    first.into_iter().chain(parts.flat_map(|part| {
        let feed = if part.starts_with('\n') { "" } else { "\n" };
        [feed, part]
    }))
}

/// The pieces of a well-formed stretch of text that holds no start tag. It ends at an end tag.
#[derive(Clone)]
pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(super) const fn new(stretch: &'a str) -> Self {
        Self { rest: stretch }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let special = self.rest.find(['<', '&']).unwrap_or(self.rest.len());
            if special > 0 {
                return Some(Piece::Text(self.take(special)));
            }
            if self.rest.starts_with('&') {
                let end = self.rest.find(';')?;
                let reference = self.take(end + 1);
                return resolve(&reference[1..end]).map(Piece::Character);
            }
            if self.rest.starts_with("<![CDATA[") {
                let end = self.rest.find("]]>")?;
                return Some(Piece::Text(&self.take(end + 3)[9..end]));
            }
            let end = if self.rest.starts_with("<!--") {
                self.rest[4..].find("-->")? + 7
            } else if self.rest.starts_with("<?") {
                self.rest.find("?>")? + 2
            } else {
                return None;
            };
            self.take(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_concatenation_of_its_pieces() {
        for (source, expected) in [
            ("12<!-- -->34</a>", "1234"),
            ("a<![CDATA[<b>&amp;]]>c&amp;&#13;&lt;<?pi ?>d", "a<b>&amp;c&\r<d"),
            ("a\r\nb\rc\r", "a\nb\nc\n"),
            ("", ""),
        ] {
            let mut text = String::new();
            Pieces::new(source).for_each(|piece| piece.append_to(&mut text));
            assert_eq!(text, expected, "{source}");
        }
    }
}
