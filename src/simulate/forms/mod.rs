//! How the simulated platform writes what it tells: the bodies of its webhooks and the answers of its API, field by
//! field as Tradecloud names them. `txml` writes the same as tXML.

mod legacy;
mod line;
mod order;
mod shipment;
pub(crate) mod txml;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::world::{Document, Event, Meta, Parties, Side, Subject};

pub(crate) use self::legacy::legacy;
pub(crate) use self::order::{documents_event, order};
pub(crate) use self::shipment::shipment;

/// The two forms of an order: lines with schedules, or with one delivery each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Schedule,
    Single,
}

/// The body of the webhook of an event.
pub(crate) fn webhook(event: &Event, parties: &Parties, form: Form) -> Value {
    let mut body = Map::new();
    body.insert("eventName".to_owned(), event.name.into());
    let (field, value) = match &event.of {
        Subject::Order(of) => {
            let field = if form == Form::Single { "singleDeliveryOrderEvent" } else { "orderEvent" };
            (field, order(of, parties, form, Some(&event.lines)))
        }
        Subject::Documents(of) => ("orderDocumentsEvent", documents_event(of, parties)),
        Subject::Shipment(of) => ("shipment", shipment(of, parties)),
    };
    body.insert(field.to_owned(), value);
    body.insert("meta".to_owned(), meta(&event.meta));
    Value::Object(body)
}

/// Who said something, and when.
fn meta(meta: &Meta) -> Value {
    json!({
        "messageId": meta.message,
        "source": { "traceId": meta.trace, "userId": meta.user, "companyId": meta.company },
        "createdDateTime": time(meta.at),
    })
}

/// A moment as the platform writes it.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A moment as an ERP writes it: without zone.
fn erp_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:00").to_string()
}

/// A decimal number, of which each digit stays.
fn decimal(digits: &str) -> Value {
    digits.parse::<serde_json::Number>().map_or(Value::Null, Value::Number)
}

/// What one side has attached, as a list; none is no field at all.
fn documents<'a>(of: impl IntoIterator<Item = &'a Document>, by: Side, since: Option<Timestamp>) -> Option<Value> {
    let of = of.into_iter().filter(|document| document.by == by && since.is_none_or(|since| document.updated >= since));
    let list: Vec<Value> = of.map(document).collect();
    (!list.is_empty()).then_some(Value::Array(list))
}

fn document(document: &Document) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "code", &*document.code);
    put(&mut fields, "revision", "B");
    put(&mut fields, "name", &*document.name);
    put(&mut fields, "description", format!("{} (simulated)", document.name));
    put(&mut fields, "type", "General");
    put_some(&mut fields, "objectId", document.object.map(|id| id.to_string()));
    put_some(&mut fields, "url", document.url);
    put(&mut fields, "meta", json!({ "lastUpdatedAt": time(document.updated) }));
    Value::Object(fields)
}

fn put(fields: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    fields.insert(name.to_owned(), value.into());
}

fn put_some(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        put(fields, name, value);
    }
}
