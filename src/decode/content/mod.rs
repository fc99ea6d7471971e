//! What an event says, as a digest, so that a repeated message is told from another one of the same id.
//!
//! The digest is of the decoded event without its `meta`, at the top and inside the event object: that is
//! about the message and not about the order. Fields may stand in any order; numbers and texts count as they
//! are written, digit for digit. Beside the JSON text it takes memory by how deep a body is, not by how much
//! it holds: nothing is sorted, the digests of an object's fields are added up.
//!
//! A body of nothing but tiny fields takes a digest of each. So two JSON texts are read side by side first, which
//! is enough as long as their fields stand in the same order, as those of one sender do.

use std::borrow::Cow;

use aws_lc_rs::digest::{Context, SHA256, digest};
use bytes::Bytes;

use super::found::EVENTS;
use super::json::{end_of_text, strip};
use super::to_json;
use crate::model::Format;

/// Deeper than any body that is taken gets (as tXML, a list in each of 128 elements).
const DEEPEST: usize = 300;

/// So many bytes are digested at once. Most fields have fewer.
const AT_ONCE: usize = 128;

/// A body that was taken as an event, and its encoding.
pub(crate) type Body = (Format, Bytes);

/// Whether two bodies say the same.
pub(crate) fn say_the_same([one, other]: &[Body; 2]) -> bool {
    if one == other {
        return true;
    }
    if let ((Format::Json, one), (Format::Json, other)) = (one, other)
        && let Some(same) = SideBySide::read(strip(one), strip(other))
    {
        return same;
    }
    Content::of(one.0, &one.1).agrees_with(&Content::of(other.0, &other.1))
}

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

/// A digest in the making. To set up a context costs more than to digest what most fields hold, so that is done
/// only for those that hold more.
struct Running {
    last: [u8; AT_ONCE],
    length: usize,
    before: Option<Context>,
}

impl Running {
    const fn new() -> Self {
        Self { last: [0; AT_ONCE], length: 0, before: None }
    }

    fn update(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > AT_ONCE {
            let before = self.before.get_or_insert_with(|| Context::new(&SHA256));
            before.update(&self.last[..self.length]);
            self.length = 0;
            if bytes.len() > AT_ONCE {
                return before.update(bytes);
            }
        }
        self.last[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn finish(self) -> [u8; 32] {
        let last = &self.last[..self.length];
        let Some(mut context) = self.before else { return sha256(last) };
        context.update(last);
        whole(context.finish().as_ref())
    }
}

/// Both digests in the making.
struct Hash {
    exact: Running,
    alike: Running,
}

impl Hash {
    const fn new() -> Self {
        Self { exact: Running::new(), alike: Running::new() }
    }

    /// A value that has no others in it. Its length before it, so that where it ends is not told by what it holds.
    fn scalar(&mut self, kind: u8, text: &[u8]) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
        self.exact.update(&[kind]);
        self.alike.update(b"s");
        for digest in [&mut self.exact, &mut self.alike] {
            digest.update(&length);
            digest.update(text);
        }
    }

    fn object(&mut self, exact: &Sum, alike: &Sum) {
        for (digest, sum) in [(&mut self.exact, exact), (&mut self.alike, alike)] {
            digest.update(b"{");
            sum.0.iter().for_each(|part| digest.update(&part.to_be_bytes()));
        }
    }

    /// A bracket. In tXML a list with one entry looks like the entry itself, so it only counts exactly.
    fn bracket(&mut self, bracket: u8) {
        self.exact.update(&[bracket]);
    }

    fn finish(self) -> ([u8; 32], [u8; 32]) {
        (self.exact.finish(), self.alike.finish())
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

    /// Passes over a value.
    fn pass(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' | b'[' => {
                let mut open = 0_usize;
                loop {
                    match self.text.get(self.at)? {
                        b'"' => self.at = end_of_text(self.text, self.at),
                        b'{' | b'[' => open += 1,
                        b'}' | b']' => open -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if open == 0 {
                        return Some(());
                    }
                }
            }
            _ => self.literal().map(drop),
        }
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

/// Two JSON texts that are read together, as long as both say the same in the same order.
struct SideBySide<'a>(Reader<'a>, Reader<'a>);

/// Why it is no use to read on.
enum End {
    /// They say something else.
    Different,
    /// Their fields stand in another order, or one of them cannot be read: digests will tell.
    Unclear,
}

impl<'a> SideBySide<'a> {
    /// Whether both say the same, if that can be told.
    fn read(one: &'a [u8], other: &'a [u8]) -> Option<bool> {
        let mut both = Self(Reader { text: one, at: 0 }, Reader { text: other, at: 0 });
        match both.value(Place::Body, 0) {
            Ok(()) => (both.0.peek().is_none() && both.1.peek().is_none()).then_some(true),
            Err(End::Different) => Some(false),
            Err(End::Unclear) => None,
        }
    }

    fn value(&mut self, place: Place, depth: usize) -> Result<(), End> {
        if depth > DEEPEST {
            return Err(End::Unclear);
        }
        match self.both(Reader::peek)? {
            (b'{', b'{') => self.object(place, depth),
            (b'[', b'[') => self.list(depth),
            (b'"', b'"') => Self::same(&self.both(Reader::text)?),
            (one, other) if [one, other].iter().any(|begin| b"{[\"".contains(begin)) => Err(End::Different),
            _ => Self::same(&self.both(Reader::literal)?),
        }
    }

    fn object(&mut self, place: Place, depth: usize) -> Result<(), End> {
        self.open();
        loop {
            let (name, other) = (Self::field(&mut self.0, place)?, Self::field(&mut self.1, place)?);
            match (name, other) {
                (None, None) => return Ok(()),
                (Some(name), Some(other)) if name == other => self.value(place.of_field(&name), depth + 1)?,
                (Some(_), Some(_)) => return Err(End::Unclear),
                _ => return Err(End::Different),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), End> {
        self.open();
        loop {
            match self.both(|reader| reader.unless_closed(b']'))? {
                (false, false) => return Ok(()),
                (true, true) => self.value(Place::Inside, depth + 1)?,
                _ => return Err(End::Different),
            }
        }
    }

    /// The name of the next field that counts; nothing if the object is closed, and that is behind us then.
    fn field(reader: &mut Reader<'a>, place: Place) -> Result<Option<Cow<'a, [u8]>>, End> {
        while reader.unless_closed(b'}').ok_or(End::Unclear)? {
            let name = reader.text().ok_or(End::Unclear)?;
            reader.skip(b':').ok_or(End::Unclear)?;
            if !place.leaves_out(&name) {
                return Ok(Some(name));
            }
            reader.pass().ok_or(End::Unclear)?;
        }
        Ok(None)
    }

    fn open(&mut self) {
        self.0.at += 1;
        self.1.at += 1;
    }

    fn both<T>(&mut self, read: impl Fn(&mut Reader<'a>) -> Option<T>) -> Result<(T, T), End> {
        read(&mut self.0).zip(read(&mut self.1)).ok_or(End::Unclear)
    }

    fn same<T: PartialEq>((one, other): &(T, T)) -> Result<(), End> {
        if one == other { Ok(()) } else { Err(End::Different) }
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
    use super::{Body, Content, SideBySide, say_the_same};
    use crate::model::Format;

    fn json(body: &str) -> Content {
        Content::of(Format::Json, body.as_bytes())
    }

    fn body(text: &str) -> Body {
        (Format::Json, text.to_owned().into())
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
                assert_eq!(say_the_same(&[body(one), body(other)]), index == place, "{one} and {other}");
            }
        }
    }

    #[test]
    fn what_stands_in_the_same_order_is_compared_without_digests_and_the_rest_by_them() {
        let read = |one: &str, other: &str| SideBySide::read(one.as_bytes(), other.as_bytes());
        let one = r#"{"eventName":"E","orderEvent":{"meta":{"a":["}",1]},"lines":[{"a":1.0},[],{"meta":1}]},"meta":1}"#;
        let alike = r#"{"meta":"\\\"}", "event\u004eame":"E", "orderEvent":{"lines":[{"a":1.0}, [] ,{"meta":1}]}} "#;
        assert_eq!(read(one, alike), Some(true));
        for (text, other) in [("1.0", "1.00"), ("[]", "[1]"), ("\"E\"", "null"), (",{\"meta\":1}", ""), ("[] ", "{} ")]
        {
            assert_eq!(read(one, &alike.replace(text, other)), Some(false), "{text}");
        }
        let turned = r#"{"orderEvent":{"lines":[{"a":1.0},[],{"meta":1}]},"eventName":"E"}"#;
        assert_eq!(read(one, turned), None);
        assert!(say_the_same(&[body(one), body(turned)]));
        assert!(!say_the_same(&[body(one), body(&turned.replace("1.0", "1.00"))]));
        for cut in (0..alike.trim_end().len()).filter(|at| alike.is_char_boundary(*at)) {
            assert_ne!(read(one, &alike[..cut]), Some(true), "{cut}");
        }
        assert_eq!(read(one, &format!("{alike}}}")), None);
        let deep = "[".repeat(400) + &"]".repeat(400);
        assert_eq!(read(&deep, &format!("{deep} ")), None);
    }

    #[test]
    fn the_digest_of_what_is_long_is_that_of_the_whole() {
        let numbers = (0..1000).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        let of = |text: &str| json(&format!(r#"{{"orderEvent":{{"a":[{numbers},0],"{text}":"{text}"}}}}"#));
        let long = "x".repeat(1000);
        assert!(of(&long).agrees_with(&of(&long)));
        for changed in [long[1..].to_owned(), format!("y{}", &long[1..]), format!("{}y", &long[1..])] {
            assert!(!of(&long).agrees_with(&of(&changed)));
        }
        // As it has been from the beginning: the ids of events beside others are made of it.
        assert_eq!(of("b").alike()[..4], [177, 12, 174, 49]);
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
