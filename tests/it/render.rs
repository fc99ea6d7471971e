//! JSON as tXML, as Tradecloud describes it: an object is an element, a list has no wrapper, and the
//! order of siblings means nothing. Written for the tests, without a look at how the receiver does it.

use std::fmt::Write as _;

use serde_json::Value;

/// Renders a JSON object as a document. `seed` chooses between ways to write the same.
pub(crate) fn render(root: &str, value: &Value, seed: u64) -> String {
    let mut renderer = Renderer { xml: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), state: seed | 1 };
    renderer.element(root, value);
    renderer.xml
}

/// The name of an element for one entry of a list.
fn singular(list: &str) -> String {
    match list {
        "deliverySchedule" | "deliveryHistory" | "deliveryScheduleIncludingRequests" => format!("{list}Line"),
        "properties" => "property".to_owned(),
        "names" | "addressLines" | "documents" | "notes" | "labels" | "dimensions" | "chargeLines" | "lines"
        | "invoiceNumbers" | "contacts" | "loadCarriers" | "destinations" => list.trim_end_matches('s').to_owned(),
        unknown => unknown.to_owned(),
    }
}

struct Renderer {
    xml: String,
    state: u64,
}

impl Renderer {
    fn chance(&mut self, one_in: u64) -> bool {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33).is_multiple_of(one_in)
    }

    fn element(&mut self, name: &str, value: &Value) {
        let _ = write!(self.xml, "<{name}");
        if self.chance(8) {
            self.xml.push_str(" xmlns=\"urn:x\"\n xmlns:xsi='y'");
        }
        if value.as_str() == Some("") && self.chance(2) {
            self.xml.push_str(" />");
            return;
        }
        self.xml.push('>');
        match value {
            Value::Object(fields) => {
                let mut siblings: Vec<(String, &Value)> = Vec::new();
                for (field, value) in fields {
                    match value {
                        Value::Array(entries) => siblings.extend(entries.iter().map(|entry| (singular(field), entry))),
                        value => siblings.push((field.clone(), value)),
                    }
                }
                // Neighbours change places, unless they are entries of one list.
                for _ in 0..2 {
                    for index in 1..siblings.len() {
                        if siblings[index].0 != siblings[index - 1].0 && self.chance(2) {
                            siblings.swap(index, index - 1);
                        }
                    }
                }
                for (name, value) in siblings {
                    self.element(&name, value);
                    if self.chance(4) {
                        self.xml.push_str("\r\n\t<!-- note --> ");
                    }
                }
            }
            Value::String(text) => self.text(text),
            Value::Number(number) => self.plain(&number.to_string()),
            Value::Bool(boolean) => self.plain(&boolean.to_string()),
            Value::Null | Value::Array(_) => panic!("has no element of its own"),
        }
        let space = if self.chance(8) { "\n" } else { "" };
        let _ = write!(self.xml, "</{name}{space}>");
    }

    fn plain(&mut self, text: &str) {
        let space = if self.chance(6) { " \n" } else { "" };
        let _ = write!(self.xml, "{space}{text}{space}");
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            if self.chance(16) {
                self.xml.push_str("<!---->");
            }
            match character {
                '<' if self.chance(2) => self.xml.push_str("<![CDATA[<]]>"),
                '<' => self.xml.push_str("&lt;"),
                '&' => self.xml.push_str("&amp;"),
                '>' => self.xml.push_str("&gt;"),
                '"' if self.chance(2) => self.xml.push_str("&quot;"),
                '\r' => self.xml.push_str("&#13;"),
                '\n' if self.chance(3) => self.xml.push_str("\r\n"),
                other if self.chance(16) => {
                    let _ = write!(self.xml, "&#x{:X};", u32::from(other));
                }
                other => self.xml.push(other),
            }
        }
    }
}
