//! When an order or a shipment was changed last, and each of its lines: by that it is told whether a state is known.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Body;
use super::json::{each_entry, number_or_text, picked, subject, updated};
use crate::model::Kind;
use crate::model::instant::instant;

/// Which state of an order or a shipment a body brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StateOf {
    /// When it was changed last.
    pub(crate) updated: Option<Timestamp>,
    /// When each line was, as far as it says so. A line of an order goes by its id, or without one by its position, one
    /// of a shipment by purchase order number and position, with a `/` between them.
    pub(crate) lines: Vec<(String, Timestamp)>,
    /// Its number among the states of this order or shipment, if it has one.
    pub(crate) version: Option<u64>,
}

/// The state that a body brings, whether an event is around it or not; `None` if it says nothing of when it was.
pub(crate) fn state_of(body: &Body) -> Option<StateOf> {
    let json = body.json().ok()?;
    let (subject, kind) = subject(std::str::from_utf8(&json).ok()?);
    let mut lines = Lines::default();
    let [of_itself, carriers] = picked(subject, ["lines", "loadCarriers"]);
    if kind == Kind::Shipment {
        each_entry(carriers.unwrap_or_default(), |carrier| {
            each_entry(picked(carrier, ["lines"])[0].unwrap_or_default(), |line| lines.add(of_shipment(line)));
        });
        each_entry(of_itself.unwrap_or_default(), |line| lines.add(of_shipment(line)));
    } else {
        each_entry(of_itself.unwrap_or_default(), |line| lines.add(of_order(line)));
    }
    let version = picked(subject, ["version"])[0].and_then(number_or_text).and_then(|text| text.parse().ok());
    let state = StateOf { updated: updated(subject, kind).and_then(time), lines: lines.0, version };
    (state != StateOf::default()).then_some(state)
}

/// The lines so far, and where each of them is. Of one that stands there several times, as the goods of a line may be
/// in several containers, the latest time counts.
#[derive(Default)]
struct Lines(Vec<(String, Timestamp)>, HashMap<String, usize>);

impl Lines {
    fn add(&mut self, line: Option<(String, Timestamp)>) {
        let Some((name, time)) = line else { return };
        if let Some(at) = self.1.get(&name) {
            let (_, known) = &mut self.0[*at];
            *known = time.max(*known);
        } else {
            self.1.insert(name.clone(), self.0.len());
            self.0.push((name, time));
        }
    }
}

fn of_order(line: &str) -> Option<(String, Timestamp)> {
    let [id, buyer_line, updated] = picked(line, ["id", "buyerLine", "lastUpdatedAt"]);
    let position = || number_or_text(picked(buyer_line?, ["position"])[0]?);
    Some((id.and_then(number_or_text).or_else(position)?, time(updated?)?))
}

fn of_shipment(line: &str) -> Option<(String, Timestamp)> {
    let [number, position, meta] = picked(line, ["purchaseOrderNumber", "purchaseOrderLinePosition", "meta"]);
    let text = |raw: Option<&str>| raw.and_then(number_or_text).unwrap_or_default();
    Some((format!("{}/{}", text(number), text(position)), time(picked(meta?, ["lastUpdatedAt"])[0]?)?))
}

/// The instant that a JSON value stands for.
fn time(raw: &str) -> Option<Timestamp> {
    instant(&number_or_text(raw)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Format;

    fn state(json: &str) -> Option<StateOf> {
        state_of(&Body { format: Format::Json, content_type: None, bytes: json.to_owned().into() })
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_order_says_when_it_and_each_line_was_changed_whether_it_was_sent_or_fetched() {
        let fetched = state(include_str!("../../tests/fixtures/api/order-get.json")).unwrap();
        let sent = state(include_str!("../../tests/fixtures/samples/order-event.json")).unwrap();

        assert_eq!(fetched.updated, Some(at("2025-11-13T22:08:30.653Z")));
        assert_eq!(fetched.updated, sent.updated);
        let first = ("80494830-ce5c-4651-abad-e956e9284572".to_owned(), at("2026-04-15T10:11:19.046Z"));
        assert_eq!((fetched.lines.len(), &fetched.lines[0]), (5, &first));
        assert!(sent.lines.len() == 3 && sent.lines.iter().all(|line| fetched.lines.contains(line)), "{sent:?}");
    }

    #[test]
    fn a_shipment_says_it_in_its_meta_and_has_lines_in_load_carriers_too() {
        let fetched = state(include_str!("../../tests/fixtures/api/shipment-get.json")).unwrap();

        let (before, last) = (at("2025-01-06T11:00:00Z"), at("2025-01-07T23:38:20.784Z"));
        let lines = [("PO0123/0001", before), ("PO0123/0002", before), ("PO0123/0003", last)];
        assert_eq!(fetched.updated, Some(last));
        assert_eq!(fetched.lines, lines.map(|(name, time)| (name.to_owned(), time)));
        let sent = state(include_str!("../../tests/fixtures/samples/shipment-event.json")).unwrap();
        assert_eq!(sent.updated, fetched.updated);
    }

    #[test]
    fn a_time_is_the_same_in_any_zone_and_with_any_digits() {
        for written in [
            "\"2026-01-30T10:05:00.5Z\"",
            "\"2026-01-30T10:05:00.500Z\"",
            "\"2026-01-30T11:05:00.50000+01:00\"",
            "\"2026-01-30 10:05:00.500\"",
            "1769767500500",
        ] {
            let state = state(&format!(r#"{{"id":"1","lastUpdatedAt":{written}}}"#)).unwrap();
            assert_eq!(state.updated, Some(at("2026-01-30T10:05:00.5Z")), "{written}");
        }
    }

    #[test]
    fn a_line_goes_by_its_position_without_an_id_and_by_its_latest_time() {
        let order = r#"{"orderEvent":{"lines":[
            {"buyerLine":{"position":"0010"},"lastUpdatedAt":"2026-01-30T10:00:00Z"},
            {"id":"","buyerLine":{"position":20},"lastUpdatedAt":"2026-01-30T10:00:00Z"},
            {"id":"x"}, {"lastUpdatedAt":"2026-01-30T10:00:00Z"}, null,
            {"buyerLine":{"position":"0010"},"lastUpdatedAt":"2026-01-30T11:00:00Z"}]}}"#;

        let lines = state(order).unwrap().lines;

        let (early, late) = (at("2026-01-30T10:00:00Z"), at("2026-01-30T11:00:00Z"));
        assert_eq!(lines, [("0010".to_owned(), late), ("20".to_owned(), early)]);
    }

    #[test]
    fn what_names_no_time_has_no_state() {
        for json in [
            "",
            "no json",
            "[1]",
            "{}",
            r#"{"id":"1","lines":"none"}"#,
            r#"{"id":"1","lastUpdatedAt":"lately"}"#,
            include_str!("../../tests/fixtures/api/legacy-purchase-order.json"),
        ] {
            assert_eq!(state(json), None, "{json}");
        }
    }
}
