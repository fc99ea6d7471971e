//! The documents of an event: what is attached to its order or shipment, and to each of its lines.

use std::collections::HashSet;

use serde_json::Value;

use super::found::EVENTS;
use super::to_json;
use crate::model::Format;

/// So many documents of an event are looked at. The bound keeps what a handler is told small whatever a body holds.
const MOST: usize = 1000;

/// Where documents hang: on an order, a shipment or one of their lines, by either side.
const HOLDERS: [&str; 4] = ["buyerOrder", "supplierOrder", "supplierShipment", "buyerShipment"];
const HOLDERS_OF_LINES: [&str; 2] = ["buyerLine", "supplierLine"];

/// A document as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Where it is to be had.
    pub(crate) place: Place,
    /// The sender's code of it.
    pub(crate) code: Option<String>,
    /// The sender's name of it.
    pub(crate) name: Option<String>,
    /// The position of its line; `None` if it belongs to all of the order or shipment.
    pub(crate) line: Option<String>,
}

/// Where a document is to be had.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// In Tradecloud's object storage, by its id.
    Object(String),
    /// With the other party.
    Url(String),
}

/// The documents of an event in the order in which its body names them, each once for the order and for each line.
/// Those that nobody says where to get are left out. What cannot be read has none.
pub(crate) fn attached(format: Format, content_type: Option<&str>, body: &[u8]) -> Vec<Attachment> {
    let json = to_json(format, content_type, body).ok().and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    json.map_or_else(Vec::new, |json| of_body(&json))
}

fn of_body(body: &Value) -> Vec<Attachment> {
    let event = EVENTS.iter().find_map(|(name, _)| body.get(name).filter(|event| event.is_object()));
    let event = event.unwrap_or(body);
    let mut found = Found::default();
    HOLDERS.iter().filter_map(|holder| event.get(holder)).for_each(|holder| found.add(holder, None, None));
    for (index, line) in entries(event.get("lines")).enumerate() {
        let position = position(line);
        for holder in HOLDERS_OF_LINES.iter().filter_map(|holder| line.get(holder)) {
            found.add(holder, position.as_deref(), Some(index));
        }
    }
    found.attachments
}

#[derive(Default)]
struct Found {
    attachments: Vec<Attachment>,
    known: HashSet<(Place, Option<usize>)>,
}

impl Found {
    /// Takes the documents of one who holds some, which is in the line of that position and number.
    fn add(&mut self, holder: &Value, position: Option<&str>, line: Option<usize>) {
        for document in entries(holder.get("documents")) {
            let object = text(document.get("objectId")).map(Place::Object);
            let Some(place) = object.or_else(|| text(document.get("url")).map(Place::Url)) else { continue };
            if self.attachments.len() == MOST || !self.known.insert((place.clone(), line)) {
                continue;
            }
            let (code, name) = (text(document.get("code")), text(document.get("name")));
            self.attachments.push(Attachment { place, code, name, line: position.map(str::to_owned) });
        }
    }
}

/// The position of the line in its purchase order.
fn position(line: &Value) -> Option<String> {
    let of = |holder: &str| text(line.get(holder)?.get("position"));
    of("buyerLine").or_else(|| text(line.get("purchaseOrderLinePosition"))).or_else(|| text(line.get("position")))
}

/// The entries of a list; a single one need not be in a list.
fn entries(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (list, single) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        single => (&[][..], single),
    };
    list.iter().chain(single).filter(|entry| entry.is_object())
}

/// A text that says something. A number is one, too.
fn text(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/samples/", $name))
        };
    }

    fn of(body: &str) -> Vec<(String, Option<String>)> {
        let format = if body.trim_start().starts_with('<') { Format::Txml } else { Format::Json };
        let place = |place| match place {
            Place::Object(id) => id,
            Place::Url(url) => url,
        };
        attached(format, None, body.as_bytes()).into_iter().map(|one| (place(one.place), one.line)).collect()
    }

    #[test]
    fn an_event_has_the_same_documents_as_json_and_as_txml() {
        let (json, xml) = (sample!("order-documents-event.json"), sample!("order-documents-event.xml"));

        let documents = of(json);

        assert!(documents.len() > 1, "{documents:?}");
        assert!(documents.iter().any(|(_, line)| line.is_some()) && documents.iter().any(|(_, line)| line.is_none()));
        assert_eq!(of(xml), documents);
    }

    #[test]
    fn each_is_there_once_for_the_order_and_once_for_each_line() {
        let body = r#"{"orderEvent": {
            "buyerOrder": {"documents": [{"objectId": "a", "code": 7, "name": "n"}, {"objectId": " "}, {"code": "c"}]},
            "supplierOrder": {"documents": [{"objectId": "a"}, {"url": "https://x.example/1"}]},
            "lines": [
                {"buyerLine": {"position": "10", "documents": [{"objectId": "a", "url": "https://x.example/2"}]},
                 "supplierLine": {"documents": [{"objectId": "a"}, {"objectId": "b"}]}},
                {"buyerLine": {"position": 20}, "supplierLine": {"documents": [{"objectId": "b"}]}}
            ]}}"#;

        let found = of(body);

        let expected =
            [("a", None), ("https://x.example/1", None), ("a", Some("10")), ("b", Some("10")), ("b", Some("20"))];
        assert_eq!(found, expected.map(|(place, line)| (place.to_owned(), line.map(str::to_owned))));
        let first = &attached(Format::Json, None, body.as_bytes())[0];
        assert_eq!((first.code.as_deref(), first.name.as_deref()), (Some("7"), Some("n")));
    }

    #[test]
    fn bare_orders_and_shipments_have_documents_too() {
        assert_eq!(of(r#"{"id": "o", "buyerOrder": {"documents": [{"objectId": "a"}]}}"#), [("a".to_owned(), None)]);
        assert_eq!(of(r#"{"id": "s", "buyerShipment": {"documents": {"objectId": "a"}}}"#), [("a".to_owned(), None)]);
        assert!(!of(sample!("shipment-event.json")).is_empty());
        let bare = "<Order><id>1</id><buyerOrder><document><objectId>a</objectId></document></buyerOrder></Order>";
        assert_eq!(of(bare), [("a".to_owned(), None)]);
    }

    #[test]
    fn what_cannot_be_read_has_none_and_nobody_has_more_than_a_thousand() {
        assert!(of("{").is_empty() && of("[1]").is_empty() && of(r#"{"orderEvent": {"lines": 1}}"#).is_empty());
        let many: Vec<_> = (0..1500).map(|number| format!(r#"{{"objectId": "{number}"}}"#)).collect();
        assert_eq!(of(&format!(r#"{{"buyerOrder": {{"documents": [{}]}}}}"#, many.join(","))).len(), MOST);
    }
}
