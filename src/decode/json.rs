//! JSON: proves a body well-formed and picks the envelope out of it, without building the rest.
//!
//! Each object on the way to a field of the envelope is read once with its values as slices of the
//! body ([`RawValue`]); the first of these reads covers the whole body and proves it. Where a key occurs
//! twice, the last one wins.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::DecodeError;
use super::found::{self, EVENTS, Found, Slot};
use super::position;
use crate::model::{Envelope, Format, Kind};

/// Objects and lists inside each other. Tradecloud's events stay below 20; without a limit a body of
/// nothing but `[` would take its own size again to check.
const DEEPEST: usize = 128;

/// Reads the envelope of a JSON body.
pub(super) fn envelope(body: &[u8]) -> Result<Envelope, DecodeError> {
    let top = Top::read(body)?;
    let bare = top.is_bare_order();
    let event = top.event().map(|(kind, object)| (kind, event_texts(object)));
    let mut texts = if event.is_none() && bare { event_texts(top.text) } else { Found::default() };
    texts[Slot::EventName] = text(top.event_name);
    meta_texts(top.meta, &mut texts);
    found::envelope(Format::Json, texts, event, bare)
}

/// What kind of event a JSON body is, and whether it is a bare order.
pub(crate) fn kind(body: &[u8]) -> Result<(Kind, bool), DecodeError> {
    let top = Top::read(body)?;
    let (kind, bare) = top.event().map_or((Kind::Order, true), |(kind, _)| (kind, false));
    if bare && !top.is_bare_order() {
        return found::envelope(Format::Json, Found::default(), None, false).map(|envelope| (envelope.kind, bare));
    }
    Ok((kind, bare))
}

/// The text of a JSON body without byte order mark and white space around it.
pub(super) fn strip(body: &[u8]) -> &[u8] {
    position::without_mark(body).trim_ascii()
}

/// The fields at the top of a body, each as its JSON text.
struct Top<'a> {
    text: &'a str,
    event_name: Option<&'a str>,
    events: [Option<&'a str>; 5],
    meta: Option<&'a str>,
    bare: [Option<&'a str>; 3],
}

impl<'a> Top<'a> {
    fn read(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text = position::text(body)?;
        check_depth(text)?;
        let what = match text.bytes().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(position::fault(b"", 0, "the body is empty: expected a JSON object")),
            Some(b'{') => {
                let [event_name, order, single, simple, documents, shipment, meta, id, buyer_order, lines] = fields(
                    text,
                    [
                        "eventName",
                        EVENTS[0].0,
                        EVENTS[1].0,
                        EVENTS[2].0,
                        EVENTS[3].0,
                        EVENTS[4].0,
                        "meta",
                        "id",
                        "buyerOrder",
                        "lines",
                    ],
                )
                .map_err(|error| refused(text.as_bytes(), "", &error))?;
                let events = [order, single, simple, documents, shipment];
                return Ok(Self { text, event_name, events, meta, bare: [id, buyer_order, lines] });
            }
            Some(b'[') => "a list",
            Some(_) => "a single value",
        };
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| refused(text.as_bytes(), "", &error))?;
        Err(DecodeError::NoEvent(format!("the body is no Tradecloud event: expected a JSON object, found {what}")))
    }

    fn event(&self) -> Option<(Kind, &'a str)> {
        EVENTS.into_iter().zip(self.events).find_map(|((_, kind), raw)| object(raw).map(|object| (kind, object)))
    }

    fn is_bare_order(&self) -> bool {
        self.bare.iter().flatten().any(|raw| *raw != "null")
    }
}

/// Reads the texts of an envelope out of an event object or a bare order.
fn event_texts(event: &str) -> Found {
    let mut texts = Found::default();
    let [order_id, id, legacy, buyer_order, supplier_shipment, meta] =
        nested(Some(event), ["orderId", "id", "legacyOrderId", "buyerOrder", "supplierShipment", "meta"]);
    texts[Slot::OrderId] = text(order_id);
    texts[Slot::Id] = text(id);
    texts[Slot::LegacyOrderId] = text(legacy);
    texts[Slot::PurchaseOrderNumber] = text(nested(buyer_order, ["purchaseOrderNumber"])[0]);
    texts[Slot::ShipmentNumber] = text(nested(supplier_shipment, ["shipmentNumber"])[0]);
    meta_texts(meta, &mut texts);
    texts
}

fn meta_texts(meta: Option<&str>, texts: &mut Found) {
    let [message_id, source, created] = nested(meta, ["messageId", "source", "createdDateTime"]);
    texts[Slot::MessageId] = text(message_id);
    texts[Slot::CompanyId] = text(nested(source, ["companyId"])[0]);
    texts[Slot::Created] = text(created);
}

/// The value if it is an object.
fn object(raw: Option<&str>) -> Option<&str> {
    raw.filter(|raw| raw.starts_with('{'))
}

/// The value if it is a text that an envelope can hold. In JSON a character takes up to six times
/// the bytes it has unescaped.
fn text(raw: Option<&str>) -> Option<String> {
    let raw = raw.filter(|raw| raw.starts_with('"') && raw.len() <= found::LONGEST * 6 + 2)?;
    serde_json::from_str(raw).ok().filter(|text: &String| found::usable(text))
}

/// The named fields of a value that is known to be well-formed; none if it is no object.
fn nested<'a, const N: usize>(raw: Option<&'a str>, names: [&str; N]) -> [Option<&'a str>; N] {
    object(raw).and_then(|object| fields(object, names).ok()).unwrap_or([None; N])
}

/// The named fields of an object as slices of its text.
fn fields<'a, const N: usize>(object: &'a str, names: [&str; N]) -> Result<[Option<&'a str>; N], serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    let values = deserializer.deserialize_map(Pick(names))?;
    deserializer.end()?;
    Ok(values)
}

struct Pick<'n, const N: usize>([&'n str; N]);

impl<const N: usize> Pick<'_, N> {
    /// Which of the names a key is, as it is written in JSON.
    fn index(&self, key: &str) -> Option<usize> {
        if key.contains('\\') {
            let key = text(Some(key))?;
            return self.0.iter().position(|name| *name == key);
        }
        let key = key.trim_matches('"');
        self.0.iter().position(|name| *name == key)
    }
}

impl<'de, const N: usize> Visitor<'de> for Pick<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        // A key as it is written takes no memory, however long it is.
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            match self.index(key.get()) {
                Some(index) => values[index] = Some(map.next_value::<&'de RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// Refuses what is nested too deep, before the parser has to remember how deep it is.
fn check_depth(text: &str) -> Result<(), DecodeError> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            match byte {
                b'"' => in_text = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                let what = format!("objects and lists are nested deeper than {DEEPEST} levels");
                return Err(position::fault(text.as_bytes(), offset, what));
            }
        }
    }
    Ok(())
}

/// An error of serde_json about a text that is not at hand.
pub(crate) fn malformed(error: &serde_json::Error) -> DecodeError {
    DecodeError::Malformed { line: error.line(), column: error.column().max(1), what: describe(error) }
}

/// An error of serde_json about `text`, at a field if `path` is not empty.
pub(crate) fn refused(text: &[u8], path: &str, error: &serde_json::Error) -> DecodeError {
    let what = match path {
        "" | "." => describe(error),
        path => format!("{path}: {}", describe(error)),
    };
    if error.classify() == Category::Eof {
        return position::fault(text, text.trim_ascii_end().len(), what);
    }
    // serde_json counts columns in bytes, up to and including the one at fault.
    let line_start = match error.line() {
        0 | 1 => 0,
        line => text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(line - 2).map_or(0, |(at, _)| at + 1),
    };
    position::fault(text, (line_start + error.column()).saturating_sub(1), what)
}

/// What is wrong, in words that never repeat the body. Only errors of the category "data" could.
fn describe(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let text = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(text, _)| text);
    match error.classify() {
        Category::Data => match text.rsplit_once(", expected ").map(|(_, expected)| expected) {
            Some("a string") => "expected a text".to_owned(),
            Some("a boolean") => "expected true or false".to_owned(),
            Some("i64") => "expected a whole number".to_owned(),
            Some("a sequence") => "expected a list".to_owned(),
            Some(expected @ ("a number" | "a date-time" | "an object")) => format!("expected {expected}"),
            Some(expected) if expected.starts_with("struct ") => "expected an object".to_owned(),
            _ if text.starts_with("duplicate field") => "a field of this object occurs twice".to_owned(),
            _ => "not what Tradecloud documents for this field".to_owned(),
        },
        Category::Eof => text.replace("EOF while parsing", "the body ends inside"),
        Category::Syntax | Category::Io => match text {
            "expected ident" => "expected true, false or null".to_owned(),
            "trailing characters" => "there is more after the end of the object".to_owned(),
            "trailing comma" => "a comma that nothing follows".to_owned(),
            "key must be a string" => "expected the name of a field in double quotes".to_owned(),
            "expected value" => "expected a value".to_owned(),
            _ if text.starts_with("control character") => {
                "a control character in a string; write it escaped".to_owned()
            }
            other => other.to_owned(),
        },
    }
}
