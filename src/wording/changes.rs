//! What an event says otherwise than another one of the same order or shipment, field by field. Numbers are compared as
//! they are written, because `1.50` that has become `1.5` is a change to whoever reads digits.

use std::collections::HashMap;
use std::fmt;

use serde_json::{Map, Value};

/// What tells entries of a list from each other, the first that all of them have.
const NAMES: [&[&str]; 6] =
    [&["id"], &["objectId"], &["position"], &["buyerLine", "position"], &["code"], &["purchaseOrderLinePosition"]];

/// A field that is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its JSON path.
    pub(crate) path: String,
    /// What was there, as it is written.
    pub(crate) old: Option<String>,
    /// What is there.
    pub(crate) new: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".to_owned());
        write!(f, "{}: {} → {}", self.path, said(&self.old), said(&self.new))
    }
}

/// What `new` says otherwise than `old`, but for what is about the message itself.
pub(crate) fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("$", old, new, true, &mut changes);
    changes
}

fn compare(path: &str, old: &Value, new: &Value, is_message: bool, changes: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            // It differs with each message, and says nothing of the order.
            let is_left_out = |name: &str| is_message && name == "meta";
            for (name, new) in new.iter().filter(|(name, _)| !is_left_out(name)) {
                let path = member(path, name);
                match old.get(name) {
                    Some(old) => compare(&path, old, new, false, changes),
                    None => changes.push(added(path, new)),
                }
            }
            for (name, old) in old.iter().filter(|(name, _)| !is_left_out(name)) {
                if !new.contains_key(name) {
                    changes.push(removed(member(path, name), old));
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => entries(path, old, new, changes),
        _ if old == new => {}
        _ => changes.push(Change { path: path.to_owned(), old: Some(shown(old)), new: Some(shown(new)) }),
    }
}

fn added(path: String, new: &Value) -> Change {
    Change { path, old: None, new: Some(shown(new)) }
}

fn removed(path: String, old: &Value) -> Change {
    Change { path, old: Some(shown(old)), new: None }
}

/// Entries that are the same thing are compared, wherever in the list they stand: an event has only the lines that it is
/// about.
fn entries(path: &str, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let places = NAMES.into_iter().find_map(|name| Some((name, places(old, name)?, places(new, name)?)));
    let same = |entry: &Value, at: usize, is_new: bool| match &places {
        Some((name, old, new)) => (if is_new { old } else { new }).get(&named(entry, name)?).copied(),
        None => Some(at).filter(|at| *at < if is_new { old.len() } else { new.len() }),
    };
    for (at, entry) in new.iter().enumerate() {
        let path = format!("{path}[{at}]");
        match same(entry, at, true) {
            Some(before) => compare(&path, &old[before], entry, false, changes),
            None => changes.push(added(path, entry)),
        }
    }
    let gone = old.iter().enumerate().filter(|(at, entry)| same(entry, *at, false).is_none());
    changes.extend(gone.map(|(at, entry)| removed(format!("{path}[{at}] of before"), entry)));
}

/// Where each entry stands, by that name; `None` if it does not tell all of them from each other.
fn places(entries: &[Value], name: &[&str]) -> Option<HashMap<String, usize>> {
    let mut places = HashMap::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        if places.insert(named(entry, name)?, at).is_some() {
            return None;
        }
    }
    Some(places)
}

/// What it is called, as JSON has it.
fn named(entry: &Value, name: &[&str]) -> Option<String> {
    let found = name.iter().try_fold(entry, |value, name| value.get(name))?;
    (found.is_string() || found.is_number()).then(|| found.to_string())
}

/// The path of a member, by RFC 9535.
fn member(path: &str, name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_plain { format!("{path}.{name}") } else { format!("{path}[{}]", Value::from(name)) }
}

/// As it is written; of what has parts, its size says enough.
fn shown(value: &Value) -> String {
    let name = |fields: &Map<String, Value>| {
        let entry = Value::Object(fields.clone());
        NAMES.into_iter().find_map(|name| Some(format!("{} {}", name.last()?, named(&entry, name)?)))
    };
    match value {
        Value::Object(fields) => match name(fields) {
            Some(name) => format!("{{{name}, …}}"),
            None => format!("{{{} fields}}", fields.len()),
        },
        Value::Array(entries) if entries.iter().any(|entry| entry.is_object() || entry.is_array()) => {
            format!("[{} entries]", entries.len())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(old: &str, new: &str) -> Vec<String> {
        let read = |text: &str| serde_json::from_str(text).unwrap();
        changes(&read(old), &read(new)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_change_is_a_path_with_what_was_there_and_what_is_to_the_digit() {
        assert_eq!(
            changed(
                r#"{"eventName": "A", "orderEvent": {"lines": [{"quantity": 1234.560, "a-b": 1, "gone": "x"}]}, "meta": {"messageId": "1"}}"#,
                r#"{"eventName": "A", "orderEvent": {"lines": [{"quantity": 1234.56, "a-b": 2, "new": null}]}, "meta": {"messageId": "2"}}"#
            ),
            [
                "$.orderEvent.lines[0].quantity: 1234.560 → 1234.56",
                "$.orderEvent.lines[0][\"a-b\"]: 1 → 2",
                "$.orderEvent.lines[0].new: (absent) → null",
                "$.orderEvent.lines[0].gone: \"x\" → (absent)",
            ]
        );
    }

    #[test]
    fn lines_are_known_by_their_position_wherever_they_stand() {
        let line =
            |position: &str, row: &str| format!(r#"{{"buyerLine": {{"position": "{position}"}}, "row": {row}}}"#);
        let old = format!(r#"{{"lines": [{}, {}]}}"#, line("10", "1"), line("20", "2"));
        let new = format!(r#"{{"lines": [{}, {}]}}"#, line("20", "3"), line("30", "4"));

        assert_eq!(
            changed(&old, &new),
            [
                "$.lines[0].row: 2 → 3",
                "$.lines[1]: (absent) → {position \"30\", …}",
                "$.lines[0] of before: {position \"10\", …} → (absent)",
            ]
        );
    }
}
