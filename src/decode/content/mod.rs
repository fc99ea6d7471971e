//! What an event says, as a digest, so that a repeated message is told from another one of the same id.
//!
//! The digest is of the decoded event without its `meta`, at the top and inside the event object: that is
//! about the message and not about the order. Fields may stand in any order; numbers and texts count as they
//! are written, digit for digit. Beside the JSON text it takes memory by how deep a body is, not by how much
//! it holds: nothing is sorted, the digests of an object's fields are added up.
//!
//! A body of nothing but tiny fields takes a digest of each. So two JSON texts are read side by side first, which
//! is enough as long as their fields stand in the same order, as those of one sender do.

mod digest;
mod reader;
mod side_by_side;

use std::borrow::Cow;

use bytes::Bytes;

use self::digest::{Hash, sha256};
use self::reader::{Place, Reader};
use self::side_by_side::SideBySide;
use super::{DecodeError, to_json};
use crate::model::Format;

/// Deeper than any body that is taken gets (as tXML, a list in each of 128 elements).
const DEEPEST: usize = 300;

/// A body that was taken as an event, and all that says how to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) format: Format,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Body {
    /// One that was taken before, and was kept with its media type only.
    pub(crate) fn kept(content_type: Option<String>, bytes: Bytes) -> Self {
        let format = super::format(content_type.as_deref(), &bytes).unwrap_or(Format::Json);
        Self { format, content_type, bytes }
    }

    pub(super) fn json(&self) -> Result<Cow<'_, [u8]>, DecodeError> {
        to_json(self.format, self.content_type.as_deref(), &self.bytes)
    }
}

/// Whether two bodies say the same.
pub(crate) fn say_the_same([one, other]: &[Body; 2]) -> bool {
    if one == other {
        return true;
    }
    if one.format == Format::Json
        && other.format == Format::Json
        && let (Ok(one), Ok(other)) = (one.json(), other.json())
        && let Some(same) = SideBySide::read(&one, &other)
    {
        return same;
    }
    Content::of(one).agrees_with(&Content::of(other))
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
    /// As it was kept of a body that is gone: what [`Self::exact`] and [`Self::alike`] said.
    pub(crate) const fn kept(format: Format, exact: [u8; 32], alike: [u8; 32]) -> Self {
        Self { format, exact, alike }
    }

    /// Of a body that was taken as an event.
    pub(crate) fn of(body: &Body) -> Self {
        let read = body.json().ok().and_then(|json| {
            let (mut hash, mut reader) = (Hash::new(), Reader { text: &json, at: 0 });
            reader.value(&mut hash, Place::Body, 0)?;
            reader.peek().is_none().then(|| hash.finish())
        });
        // What cannot be read as JSON in every detail says the same only if it is the same.
        let (exact, alike) = read.unwrap_or_else(|| (sha256(&body.bytes), sha256(&body.bytes)));
        Self { format: body.format, exact, alike }
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

#[cfg(test)]
mod tests {
    use super::{Body, Content, say_the_same};
    use crate::model::Format;

    fn json(text: &str) -> Content {
        Content::of(&body(text))
    }

    fn body(text: &str) -> Body {
        Body { format: Format::Json, content_type: None, bytes: text.to_owned().into() }
    }

    fn xml(text: &str) -> Content {
        Content::of(&Body { format: Format::Txml, ..body(text) })
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
