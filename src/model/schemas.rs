//! The JSON Schema of Tradecloud's events (`docs/schemas/event.json`), made of the types that read them: a field that is
//! added there is missing in the file until that is written again.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::kinds::{BARE_ORDER, EVENTS, SIDES_OF_ORDER, SIDES_OF_SHIPMENT};
use super::message::Webhook;
use super::order::Order;
use super::shape::{Described, Fields, Shape};
use super::shipment::Shipment;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schemas/event.json");

/// Set it to have the file written.
const WRITE: &str = "WRITE_SCHEMAS";

#[test]
fn the_schema_of_events_has_every_field_that_is_read() {
    let made = serde_json::to_string_pretty(&event()).unwrap() + "\n";
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(FILE, &made).unwrap();
    }

    let kept = std::fs::read_to_string(FILE).unwrap();

    assert!(kept == made, "docs/schemas/event.json is not what the types say: run this test with {WRITE}=1");
}

fn event() -> Value {
    let mut types = BTreeMap::new();
    for shape in [Webhook::SHAPE, Order::SHAPE, Shipment::SHAPE] {
        describe(shape, &mut types);
    }
    let with = |field: &str| json!({"required": [field], "properties": {(field): {"type": "object"}}});
    let filled = |field: &str| json!({"required": [field], "properties": {(field): {"not": {"type": "null"}}}});
    let any = |fields: &[&str]| Value::Array(fields.iter().map(|field| filled(field)).collect());
    let events: Vec<_> = EVENTS.iter().map(|(field, _)| with(field)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of Tradecloud",
        "description": "The body of a webhook as JSON, or what was fetched or polled; from tXML, the JSON that Tradecloud \
                        would have sent. Every field may be missing, null says the same, and there may be others: ignore \
                        what you do not know. Numbers may have any number of digits, so read them as decimals.",
        "type": "object",
        "anyOf": [
            {
                "title": "An event with its name and meta",
                "anyOf": events,
                "$ref": "#/$defs/Webhook",
            },
            {
                "title": "A bare shipment",
                "allOf": [
                    {"anyOf": SIDES_OF_SHIPMENT.map(with)},
                    {"anyOf": any(&BARE_ORDER)},
                ],
                "not": {"anyOf": any(&SIDES_OF_ORDER)},
                "$ref": "#/$defs/Shipment",
            },
            {
                "title": "A bare order",
                "anyOf": any(&BARE_ORDER),
                "$ref": "#/$defs/Order",
            },
        ],
        "$defs": Map::from_iter(types),
    })
}

/// Adds a type and those of its fields.
fn describe(shape: Shape, types: &mut BTreeMap<String, Value>) {
    match shape {
        Shape::Object(fields) if !types.contains_key(fields.name) => {
            types.insert(fields.name.to_owned(), object(fields));
            fields.fields.iter().for_each(|field| describe(field.shape, types));
        }
        Shape::List(entry) => describe(*entry, types),
        _ => {}
    }
}

fn object(fields: &Fields) -> Value {
    let properties = fields.fields.iter().map(|field| {
        let mut schema = value(field.shape);
        schema.insert("description".to_owned(), in_json(field.meaning).into());
        if field.is_day {
            schema.insert("format".to_owned(), "date".into());
        }
        (field.json.to_owned(), Value::Object(schema))
    });
    json!({
        "description": in_json(fields.about),
        "type": ["object", "null"],
        "properties": properties.collect::<Map<_, _>>(),
    })
}

fn value(shape: Shape) -> Map<String, Value> {
    let schema = match shape {
        Shape::Text => json!({"type": ["string", "null"]}),
        // One that is written as a text is read all the same.
        Shape::Number => json!({"type": ["number", "string", "null"]}),
        Shape::Boolean => json!({"type": ["boolean", "null"]}),
        Shape::Any => json!({}),
        Shape::Object(fields) => json!({"$ref": format!("#/$defs/{}", fields.name)}),
        Shape::List(entry) => json!({"type": ["array", "null"], "items": value(*entry)}),
    };
    schema.as_object().cloned().unwrap_or_default()
}

/// What is said of a field, with the names that it has in JSON and without what only programmers look up.
fn in_json(meaning: &str) -> String {
    let (mut text, mut is_name) = (String::new(), false);
    for part in meaning.trim().split("; see [").next().unwrap_or_default().split('`') {
        let words: Vec<_> = part.split('_').collect();
        text += &match words.split_first() {
            Some((first, others)) if is_name => {
                let others = others.iter().map(|word| word[..1].to_uppercase() + &word[1..]);
                others.fold((*first).to_owned(), |name, word| name + &word)
            }
            _ => part.to_owned(),
        };
        is_name = !is_name;
    }
    text
}
