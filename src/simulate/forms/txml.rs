//! JSON as tXML: a field is an element, a list has no wrapper, and each of its entries is an element in the singular.

use serde_json::Value;

/// The name of the root, which is free.
const ROOT: &str = "OrderWebhook";

/// How deep it goes at the most; nothing that the platform tells comes near.
const DEEPEST: usize = 64;

/// The document that says what the JSON object does. What is `null` or an empty list is left out, as it says nothing.
pub(crate) fn txml(value: &Value) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    element(&mut xml, ROOT, value, 0);
    xml
}

fn element(xml: &mut String, name: &str, value: &Value, depth: usize) {
    if value.is_null() || depth > DEEPEST {
        return;
    }
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match value {
                    Value::Array(entries) => {
                        let singular = singular(field);
                        for entry in entries {
                            element(xml, &singular, entry, depth + 1);
                        }
                    }
                    value => element(xml, field, value, depth + 1),
                }
            }
        }
        Value::String(text) => escaped(xml, text),
        Value::Number(number) => xml.push_str(&number.to_string()),
        Value::Bool(truth) => xml.push_str(if *truth { "true" } else { "false" }),
        // A list directly in a list has no name of its own; the platform has none such.
        Value::Null | Value::Array(_) => {}
    }
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

/// What an entry of that list is called.
fn singular(list: &str) -> String {
    match list {
        "deliverySchedule" | "deliveryHistory" | "deliveryScheduleIncludingRequests" => format!("{list}Line"),
        "properties" => "property".to_owned(),
        plural => plural.strip_suffix('s').unwrap_or(plural).to_owned(),
    }
}

fn escaped(xml: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            '\r' => xml.push_str("&#13;"),
            letter => xml.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::decode::{envelope, to_json};
    use crate::model::Format;
    use crate::simulate::forms::{Form, webhook};
    use crate::simulate::world::{Event, Subject, World};

    /// What the receiver makes of the tXML of a body.
    fn read_back(body: &Value) -> Value {
        let xml = Bytes::from(txml(body));
        assert_eq!(envelope(Some("application/xml"), &xml).unwrap().format, Format::Txml);
        serde_json::from_slice(&to_json(Format::Txml, Some("application/xml"), &xml).unwrap()).unwrap()
    }

    /// Without what tXML cannot say of fields that nobody knows: whether they are numbers or lists.
    fn known(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields = fields.into_iter().filter(|(name, value)| {
                    !name.starts_with("futureField")
                        && !value.is_null()
                        && value.as_array().is_none_or(|list| !list.is_empty())
                });
                Value::Object(fields.map(|(name, value)| (name, known(value))).collect())
            }
            Value::Array(entries) => Value::Array(entries.into_iter().map(known).collect()),
            value => value,
        }
    }

    #[test]
    fn the_samples_come_back_as_they_were() {
        for name in ["order-event", "single-delivery-order-event", "order-documents-event", "shipment-event"] {
            let path = format!("{}/tests/fixtures/samples/{name}.json", env!("CARGO_MANIFEST_DIR"));
            let body = known(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());

            assert_eq!(known(read_back(&body)), body, "{name}");
        }
    }

    #[test]
    fn events_come_back_as_they_were() {
        for (form, single) in [(Form::Schedule, false), (Form::Single, true)] {
            let mut world = World::new(11, 20, single, Timestamp::from_second(1_790_000_000).unwrap());
            let parties = world.parties.clone();
            let at = |second: i64| Timestamp::from_second(1_790_000_000 + second).unwrap();
            let events: Vec<Event> = (0..300).flat_map(|second| world.change(at(second))).collect();

            for event in events.iter().filter(|event| !matches!(event.of, Subject::Shipment(_))) {
                let body = webhook(event, &parties, form);
                let (read, known) = (known(read_back(&body)), known(body));
                assert_eq!(read, known, "{}", event.name);
            }
        }
    }
}
