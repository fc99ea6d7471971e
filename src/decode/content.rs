//! What an event says, as a digest, so that a repeated message is told from another one of the same id.
//!
//! The digest is of the decoded event without its `meta`, at the top and inside the event object: that is
//! about the message and not about the order. Fields may stand in any order; numbers and texts count as they
//! are written, digit for digit. Beside the JSON text it takes memory by how deep a body is, not by how much
//! it holds: nothing is sorted, the digests of an object's fields are added up.

use std::borrow::Cow;

use aws_lc_rs::digest::{Context, SHA256, digest};

use super::found::EVENTS;
use super::json::end_of_text;
use super::to_json;
use crate::model::Format;

/// Deeper than any body that is taken gets (as tXML, a list in each of 128 elements).
const DEEPEST: usize = 300;

/// The digest of what an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    format: Format,
    /// Of everything there is.
    exact: [u8; 32],
    /// Of what is the same in JSON and in tXML: without `null`, empty lists, and the difference between a
    /// text, a number and a boolean that are written alike.
    alike: [u8; 32],
}

impl Content {
    /// Of a body that was taken as an event.
    pub(crate) fn of(format: Format, body: &[u8]) -> Self {
        let read = to_json(format, body).ok().and_then(|json| {
            let (mut hash, mut reader) = (Hash::new(), Reader { text: &json, at: 0 });
            reader.value(&mut hash, Place::Body, 0)?;
            reader.peek().is_none().then(|| hash.finish())
        });
        // What cannot be read as JSON in every detail says the same only if it is the same.
        let (exact, alike) = read.unwrap_or_else(|| (sha256(body), sha256(body)));
        Self { format, exact, alike }
    }

    /// Whether both say the same.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        if self.format == other.format { self.exact == other.exact } else { self.alike == other.alike }
    }

    /// A number for it that is the same in either encoding.
    pub(crate) const fn alike(&self) -> &[u8; 32] {
        &self.alike
    }

    /// A number for it in its encoding.
    pub(crate) const fn exact(&self) -> &[u8; 32] {
        &self.exact
    }
}

/// Both digests in the making.
struct Hash {
    exact: Context,
    alike: Context,
}

impl Hash {
    fn new() -> Self {
        Self { exact: Context::new(&SHA256), alike: Context::new(&SHA256) }
    }

    /// A value that has no others in it. Its length before it, so that where it ends is not told by what it holds.
    fn scalar(&mut self, kind: u8, text: &[u8]) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
        self.exact.update(&[kind]);
        self.alike.update(b"s");
        for context in [&mut self.exact, &mut self.alike] {
            context.update(&length);
            context.update(text);
        }
    }

    fn object(&mut self, exact: &Sum, alike: &Sum) {
        for (context, sum) in [(&mut self.exact, exact), (&mut self.alike, alike)] {
            context.update(b"{");
            sum.0.iter().for_each(|part| context.update(&part.to_be_bytes()));
        }
    }

    /// A bracket. In tXML a list with one entry looks like the entry itself, so it only counts exactly.
    fn bracket(&mut self, bracket: u8) {
        self.exact.update(&[bracket]);
    }

    fn finish(self) -> ([u8; 32], [u8; 32]) {
        (whole(self.exact.finish().as_ref()), whole(self.alike.finish().as_ref()))
    }
}

/// The digests of an object's fields, added up: the same in whatever order they come.
#[derive(Default)]
struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, digest: [u8; 32]) {
        for (part, bytes) in self.0.iter_mut().zip(digest.chunks_exact(8)) {
            *part = part.wrapping_add(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }
}

/// Where a value stands, as far as it matters for what is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Body,
    Event,
    Inside,
}

impl Place {
    /// The place of a field.
    fn of_field(self, name: &[u8]) -> Self {
        let is_event = self == Self::Body && EVENTS.iter().any(|(event, _)| event.as_bytes() == name);
        if is_event { Self::Event } else { Self::Inside }
    }

    fn leaves_out(self, name: &[u8]) -> bool {
        self != Self::Inside && name == b"meta"
    }
}

/// Reads a JSON text that is known to be well-formed. `None` where it is not, after all.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, hash: &mut Hash, place: Place, depth: usize) -> Option<()> {
        match self.peek()? {
            _ if depth > DEEPEST => return None,
            b'{' => self.object(hash, place, depth)?,
            b'[' => self.list(hash, depth)?,
            b'"' => {
                let text = self.text()?;
                hash.scalar(b't', &text);
            }
            _ => match self.literal()? {
                // The same as an entry that is not there.
                b"null" => hash.exact.update(b"0"),
                literal => hash.scalar(b'l', literal),
            },
        }
        Some(())
    }

    fn object(&mut self, hash: &mut Hash, place: Place, depth: usize) -> Option<()> {
        let (mut exact, mut alike) = (Sum::default(), Sum::default());
        self.at += 1;
        while self.unless_closed(b'}')? {
            let name = self.text()?;
            self.skip(b':')?;
            let says_something = self.says_something()?;
            let mut field = Hash::new();
            field.scalar(b't', &name);
            self.value(&mut field, place.of_field(&name), depth + 1)?;
            if place.leaves_out(&name) {
                continue;
            }
            let (exactly, alikewise) = field.finish();
            exact.add(exactly);
            if says_something {
                alike.add(alikewise);
            }
        }
        hash.object(&exact, &alike);
        Some(())
    }

    fn list(&mut self, hash: &mut Hash, depth: usize) -> Option<()> {
        self.at += 1;
        hash.bracket(b'[');
        while self.unless_closed(b']')? {
            self.value(hash, Place::Inside, depth + 1)?;
        }
        hash.bracket(b']');
        Some(())
    }

    /// Whether there is another field or entry; if not, the bracket that closes is behind us.
    fn unless_closed(&mut self, bracket: u8) -> Option<bool> {
        if self.peek()? == b',' {
            self.at += 1;
        }
        let closed = self.peek()? == bracket;
        self.at += usize::from(closed);
        Some(!closed)
    }

    /// Whether the value that follows is more than `null` or an empty list, which tXML does not have.
    fn says_something(&mut self) -> Option<bool> {
        self.peek()?;
        let rest = self.text.get(self.at..)?;
        let in_list = rest.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
        Some(!rest.starts_with(b"null") && !in_list.is_some_and(|entries| entries.starts_with(b"]")))
    }

    /// A text, unescaped.
    fn text(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.peek()? != b'"' {
            return None;
        }
        let end = end_of_text(self.text, self.at);
        let quoted = self.text.get(self.at..=end)?;
        self.at = end + 1;
        let plain = quoted.get(1..quoted.len() - 1)?;
        if memchr::memchr(b'\\', plain).is_none() {
            return Some(Cow::Borrowed(plain));
        }
        serde_json::from_slice::<String>(quoted).ok().map(|text| Cow::Owned(text.into_bytes()))
    }

    /// A number, `true`, `false` or `null`, as it is written.
    fn literal(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b",]}".contains(byte);
        let literal = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        self.at += literal.len();
        (!literal.is_empty()).then_some(literal)
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The next character that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    whole(digest(&SHA256, bytes).as_ref())
}

/// A digest as it is: all of them have this length.
fn whole(digest: &[u8]) -> [u8; 32] {
    digest.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Content;
    use crate::model::Format;

    fn json(body: &str) -> Content {
        Content::of(Format::Json, body.as_bytes())
    }

    fn xml(body: &str) -> Content {
        Content::of(Format::Txml, body.as_bytes())
    }

    #[test]
    fn the_order_of_fields_layout_and_escapes_make_no_difference() {
        let one = json(r#"{"orderEvent":{"orderId":"a/b","lines":[{"id":"1","quantity":1.50},{"id":"2"}]}}"#);
        let other = json(
            "\u{FEFF} { \"orderEvent\" : {\n\"lines\":[{\"quantity\":1.50,\"id\":\"1\"}, {\"id\":\"2\"} ],\
                  \"order\\u0049d\":\"a\\/b\"}}\r\n",
        );
        assert!(one.agrees_with(&other));
    }

    #[test]
    fn meta_is_left_out_at_the_top_and_inside_the_event_only() {
        let with = |top: &str, event: &str, line: &str| {
            json(&format!(
                r#"{{"orderEvent":{{"lines":[{{"meta":"{line}"}}],"meta":{{"a":["{event}"]}}}},"meta":{{"b":"{top}"}}}}"#
            ))
        };
        assert!(with("1", "1", "1").agrees_with(&with("2", "2", "1")));
        assert!(!with("1", "1", "1").agrees_with(&with("1", "1", "2")));
        let bare = |meta: &str| json(&format!(r#"{{"id":"1","buyerOrder":{{}},"meta":{meta}}}"#));
        assert!(bare("1").agrees_with(&bare("{}")));
    }

    #[test]
    fn whatever_else_differs_makes_another_content() {
        let bodies = [
            r#"{"shipment":{"a":1.0}}"#,
            r#"{"shipment":{"a":1.00}}"#,
            r#"{"shipment":{"a":1}}"#,
            r#"{"shipment":{"a":"1"}}"#,
            r#"{"shipment":{"a":"1 "}}"#,
            r#"{"shipment":{"a":[1]}}"#,
            r#"{"shipment":{"a":[1,1]}}"#,
            r#"{"shipment":{"a":[[1],1]}}"#,
            r#"{"shipment":{"a":[1,[1]]}}"#,
            r#"{"shipment":{"a":null}}"#,
            r#"{"shipment":{"a":[]}}"#,
            r#"{"shipment":{"a":[null]}}"#,
            r#"{"shipment":{"a":{}}}"#,
            r#"{"shipment":{"b":1.0}}"#,
            r#"{"shipment":{}}"#,
            r#"{"shipment":{"a":{"a":1.0}}}"#,
            r#"{"shipment":{},"a":1.0}"#,
            r#"{"shipment":{"a":["x","y"]}}"#,
            r#"{"shipment":{"a":["y","x"]}}"#,
            r#"{"orderEvent":{"a":1.0}}"#,
        ];
        for (index, one) in bodies.iter().enumerate() {
            for (place, other) in bodies.iter().enumerate() {
                assert_eq!(json(one).agrees_with(&json(other)), index == place, "{one} and {other}");
            }
        }
    }

    #[test]
    fn an_event_says_the_same_in_json_and_in_txml() {
        let one = json(
            r#"{"eventName":"E","orderEvent":{"orderId":"1","version":7,"reason":null,"futureFlag":true,"futureNumber":5,
                "lines":[{"id":"1","deliverySchedule":[{"quantity":1.50}],"notes":[]}]},"meta":{"messageId":"m"}}"#,
        );
        let body = |quantity: &str| {
            xml(&format!(
                "<W><meta><messageId>n</messageId></meta><orderEvent><line><deliveryScheduleLine><quantity>{quantity}\
                 </quantity></deliveryScheduleLine><id>1</id></line><version>7</version><orderId>1</orderId>\
                 <futureNumber>5</futureNumber><futureFlag>true</futureFlag></orderEvent><eventName>E</eventName></W>"
            ))
        };
        assert!(one.agrees_with(&body("1.50")));
        assert!(!one.agrees_with(&body("1.5")));
        assert_eq!(one.alike(), body("1.50").alike());
    }

    #[test]
    fn what_cannot_be_read_says_only_what_is_written() {
        let lone = |id: &str| json(&format!(r#"{{"orderEvent":{{"reason":"\ud800"}},"meta":"{id}"}}"#));
        assert!(lone("1").agrees_with(&lone("1")));
        assert!(!lone("1").agrees_with(&lone("2")));
        let deep = "[".repeat(400) + &"]".repeat(400);
        assert!(json(&deep).agrees_with(&json(&deep)));
        assert!(!json("no 1").agrees_with(&json("no 2")));
        for cut in ["", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "[", "[1,", "{1}"] {
            assert!(!json(cut).agrees_with(&json("{}")), "{cut}");
        }
    }
}
