//! JSON: proves a body well-formed and picks the envelope out of it, without building the rest.
//!
//! One read covers the whole body and proves it. On its way it keeps the few fields that the envelope
//! is made of, as slices of the body ([`RawValue`]). Where a key occurs twice, the last one wins.

use std::fmt;

use memchr::memchr2;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::DecodeError;
use super::found::{self, EVENTS, Found, Slot};
use super::position;
use crate::model::{Envelope, Format, Kind};

/// Objects and lists inside each other. Tradecloud's events stay below 20; without a limit a body of
/// nothing but `[` would take its own size again to check.
const DEEPEST: usize = 128;

/// The fields of an order or shipment that the envelope is made of.
const EVENT: [&str; 8] =
    ["orderId", "id", "legacyOrderId", "buyerOrder", "supplierOrder", "buyerShipment", "supplierShipment", "meta"];

/// The fields at the top of a body beside the event objects: the name, those of a bare order, and what
/// tells one.
const TOP: [&str; 10] = [
    "orderId",
    "id",
    "legacyOrderId",
    "buyerOrder",
    "supplierOrder",
    "buyerShipment",
    "supplierShipment",
    "meta",
    "eventName",
    "lines",
];

/// The JSON texts of an object's fields, in the order of the names they were asked for by.
type Fields<'a, const N: usize> = [Option<&'a str>; N];

/// Reads the envelope of a JSON body.
pub(super) fn envelope(body: &[u8]) -> Result<Envelope, DecodeError> {
    let top = Top::read(body)?;
    let bare = top.is_bare_order();
    let [bare_order @ .., meta, event_name, _] = top.fields;
    let event = top.event().map(|(kind, fields)| (kind, event_texts(fields)));
    let mut texts = Found::default();
    if event.is_none() && bare {
        let [order_id, id, legacy, buyer_order, supplier_order, buyer_shipment, supplier_shipment] = bare_order;
        texts =
            event_texts([order_id, id, legacy, buyer_order, supplier_order, buyer_shipment, supplier_shipment, meta]);
    }
    texts[Slot::EventName] = text(event_name);
    meta_texts(meta, &mut texts);
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

/// Whether the event names the state that it brings.
pub(super) fn names_its_state(json: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(json) else { return false };
    let events = EVENTS.into_iter().zip(nested(Some(text), EVENTS.map(|(name, _)| name)));
    let found = events.into_iter().find_map(|((_, kind), raw)| Some((raw.filter(|raw| raw.starts_with('{'))?, kind)));
    let (event, kind) = found.unwrap_or((text, Kind::Order));
    let [updated, version, meta] = nested(Some(event), ["lastUpdatedAt", "version", "meta"]);
    let meta = meta.filter(|_| kind == Kind::Shipment);
    let states = [updated, version, nested(meta, ["lastUpdatedAt"])[0]];
    states.into_iter().flatten().any(|raw| !matches!(raw, "null" | "\"\""))
}

/// The text of a JSON body without byte order mark and white space around it.
pub(super) fn strip(body: &[u8]) -> &[u8] {
    position::without_mark(body).trim_ascii()
}

/// What was found at the top of a body.
#[derive(Default)]
struct Top<'a> {
    fields: Fields<'a, 10>,
    events: [Option<Fields<'a, 8>>; 5],
}

impl<'a> Top<'a> {
    fn read(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text = position::text(body)?;
        check_depth(text)?;
        let refuse = |error| refused(text.as_bytes(), "", &error);
        let what = match text.bytes().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(position::fault(b"", 0, "the body is empty: expected a JSON object")),
            Some(b'{') => {
                let mut deserializer = serde_json::Deserializer::from_str(text);
                let top = deserializer.deserialize_map(TopFields).map_err(refuse)?;
                return deserializer.end().map(|()| top).map_err(refuse);
            }
            Some(b'[') => "a list",
            Some(_) => "a single value",
        };
        serde_json::from_str::<IgnoredAny>(text).map_err(refuse)?;
        Err(DecodeError::NoEvent(format!("the body is no Tradecloud event: expected a JSON object, found {what}")))
    }

    fn event(&self) -> Option<(Kind, Fields<'a, 8>)> {
        EVENTS.into_iter().zip(self.events).find_map(|((_, kind), fields)| fields.map(|fields| (kind, fields)))
    }

    fn is_bare_order(&self) -> bool {
        let [_, id, _, buyer_order, .., lines] = self.fields;
        [id, buyer_order, lines].into_iter().flatten().any(|raw| raw != "null")
    }
}

/// Reads the top of a body.
struct TopFields;

impl<'de> Visitor<'de> for TopFields {
    type Value = Top<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
        let mut top = Top::default();
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            if let Some(index) = index(&TOP, key.get()) {
                top.fields[index] = Some(map.next_value::<&'de RawValue>()?.get());
            } else if let Some(index) = index(&EVENTS.map(|(name, _)| name), key.get()) {
                top.events[index] = map.next_value_seed(Pick(EVENT))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(top)
    }
}

/// The texts of an envelope in an event object or a bare order.
fn event_texts(fields: Fields<'_, 8>) -> Found {
    let [order_id, id, legacy, buyer_order, supplier_order, buyer_shipment, supplier_shipment, meta] = fields;
    let [purchase_order_number, buyer] = nested(buyer_order, ["purchaseOrderNumber", "companyId"]);
    let [shipment_number, shipping_supplier] = nested(supplier_shipment, ["shipmentNumber", "companyId"]);
    let mut texts = Found::default();
    texts[Slot::OrderId] = id_text(order_id);
    texts[Slot::Id] = id_text(id);
    texts[Slot::LegacyOrderId] = id_text(legacy);
    texts[Slot::PurchaseOrderNumber] = id_text(purchase_order_number);
    texts[Slot::ShipmentNumber] = id_text(shipment_number);
    texts[Slot::BuyerId] = id_text(buyer.or_else(|| nested(buyer_shipment, ["companyId"])[0]));
    texts[Slot::SupplierId] = id_text(shipping_supplier.or_else(|| nested(supplier_order, ["companyId"])[0]));
    meta_texts(meta, &mut texts);
    texts
}

fn meta_texts(meta: Option<&str>, texts: &mut Found) {
    let [message_id, source, created] = nested(meta, ["messageId", "source", "createdDateTime"]);
    texts[Slot::MessageId] = id_text(message_id);
    texts[Slot::CompanyId] = id_text(nested(source, ["companyId"])[0]);
    texts[Slot::Created] = text(created);
}

/// The value if it is a text that an envelope can hold. In JSON a character takes up to six times
/// the bytes it has unescaped.
fn text(raw: Option<&str>) -> Option<String> {
    let raw = raw.filter(|raw| raw.starts_with('"') && raw.len() <= found::LONGEST * 6 + 2)?;
    serde_json::from_str(raw).ok().filter(|text: &String| found::usable(text))
}

/// The same of an identifier. Those are texts, but one that comes as a number names its order all the same,
/// by its digits; as tXML, it would be the same text.
fn id_text(raw: Option<&str>) -> Option<String> {
    let is_number = |raw: &&str| raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let number = raw.filter(is_number).map(str::to_owned);
    number.filter(|number| found::usable(number)).or_else(|| text(raw))
}

/// The named fields of a value that is known to be well-formed; none if it is no object.
fn nested<'a, const N: usize>(raw: Option<&'a str>, names: [&str; N]) -> Fields<'a, N> {
    let fields = raw.and_then(|raw| Pick(names).deserialize(&mut serde_json::Deserializer::from_str(raw)).ok());
    fields.flatten().unwrap_or([None; N])
}

/// Picks the named fields out of an object. A text, a list, a boolean or null has none; a number in the
/// place of an object is an error.
struct Pick<'n, const N: usize>([&'n str; N]);

/// Which of the names a key is, as it is written in JSON.
fn index(names: &[&str], key: &str) -> Option<usize> {
    if key.contains('\\') {
        let key = text(Some(key))?;
        return names.iter().position(|name| *name == key);
    }
    let key = key.trim_matches('"');
    names.iter().position(|name| *name == key)
}

impl<'de, const N: usize> DeserializeSeed<'de> for Pick<'_, N> {
    type Value = Option<Fields<'de, N>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Pick<'_, N> {
    type Value = Option<Fields<'de, N>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        // A key as it is written takes no memory, however long it is.
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            match index(&self.0, key.get()) {
                Some(index) => values[index] = Some(map.next_value::<&'de RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(values))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Refuses what is nested too deep, before the parser has to remember how deep it is.
fn check_depth(text: &str) -> Result<(), DecodeError> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_text(bytes, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            let what = format!("objects and lists are nested deeper than {DEEPEST} levels");
            return Err(position::fault(bytes, at, what));
        }
        at += 1;
    }
    Ok(())
}

/// Where the text ends that begins at `start`: at its closing quote, or at the end of everything.
pub(super) fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
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
