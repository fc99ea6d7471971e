//! What the page about events says of them is so: its samples, its paths, and how to read an order.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::documented::{TYPES, fields};
use crate::support::pages::{file, in_backticks, page, root};
use crate::support::receiver::Receiver;
use crate::support::sender::Message;
use crate::support::{self, sample};

/// The samples of the page, in its order.
fn samples() -> Vec<Value> {
    let blocks = page("docs/events.md").blocks("json");
    let samples: Vec<Value> = blocks.iter().map(|block| serde_json::from_str(block).unwrap()).collect();
    samples.into_iter().filter(|sample| sample["meta"].is_object()).collect()
}

/// A receiver that writes each event into a file, and the events that it made of these messages, in their order.
async fn handed_on(messages: Vec<Message>) -> Vec<Value> {
    let receiver = Receiver::with("handlers.disk = { type = \"file\", directory = \"data/events\" }");
    let count = messages.len();
    for message in messages {
        assert!(receiver.sender().send(message).await.is_delivered());
    }
    receiver.inbox_until(|events| events.len() == count && events.iter().all(|event| event["state"] == "done")).await;
    let mut files: Vec<_> =
        std::fs::read_dir(receiver.path("data/events")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect()
}

#[test]
fn the_samples_of_the_page_are_those_that_send_sends() {
    let samples = samples();

    assert_eq!(samples.len(), 4);
    for (shown, name) in samples.iter().zip(["order", "single-delivery", "order-documents", "shipment"]) {
        let text = file(&format!("src/cli/samples/{name}.json"));
        let text = text.replace("{{messageId}}", shown["meta"]["messageId"].as_str().unwrap());
        let sent: Value = serde_json::from_str(&text.replace("{{now}}", "2026-11-21T03:08:35.067Z")).unwrap();
        assert_eq!(*shown, sent, "{name}");
    }
}

#[tokio::test]
async fn the_sample_in_txml_is_the_one_in_json() {
    let events = handed_on(vec![Message::xml(page("docs/events.md").block("xml"))]).await;

    assert_eq!(events[0]["data"], samples()[0]);
    assert_eq!(events[0]["tcformat"], "txml");
}

#[tokio::test]
async fn what_stands_around_an_event_is_as_shown() {
    let order = serde_json::to_string(&samples()[0]).unwrap();

    let events = handed_on(vec![Message::json(order)]).await;

    let blocks = page("docs/events.md").blocks("json");
    let shown: Value = serde_json::from_str(&blocks[0]).unwrap();
    let (shown, event) = (shown.as_object().unwrap(), events[0].as_object().unwrap());
    assert_eq!(shown.keys().collect::<Vec<_>>(), event.keys().collect::<Vec<_>>());
    for (name, value) in shown.iter().filter(|(name, _)| !["tcreceived", "data"].contains(&name.as_str())) {
        assert_eq!(value, &event[name], "{name}");
    }
}

#[test]
fn every_path_of_the_page_is_one_that_tradecloud_documents() {
    let paths = page("docs/events.md").section("Paths");
    let leads = |path: &str, from: &'static str| {
        path.split('.').try_fold(from, |at, name| {
            let name = name.trim_end_matches("[]");
            TYPES.iter().find(|(known, _)| *known == at)?;
            let (_, kind) = fields(at).into_iter().find(|(field, _)| *field == name)?;
            Some(kind.trim_start_matches("[]"))
        })
    };
    let mut followed = 0;
    for path in in_backticks(&paths.text) {
        // Where the paths begin, and the end of one whose beginning stands before it.
        if path.starts_with('.') || path.contains("Event") || path == "Confirmed" {
            continue;
        }
        assert!(TYPES.iter().any(|(from, _)| leads(path, from).is_some()), "{path} leads nowhere");
        followed += 1;
    }
    assert!(followed > 30, "the paths were not found: {followed}");
}

/// What both programs print for an event, by the page's own words.
fn rows(event: &Value) -> Vec<Vec<String>> {
    let data = &event["data"];
    let shapes = ["orderEvent", "singleDeliveryOrderEvent", "simpleOrderEvent", "orderDocumentsEvent"];
    let order = shapes.iter().map(|name| &data[*name]).find(|order| order.is_object()).unwrap_or(data);
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let mut rows = Vec::new();
    for line in order["lines"].as_array().into_iter().flatten() {
        let single = line["statusLine"].is_object();
        let (prices, deliveries) = if single {
            (&line["statusLine"]["prices"], vec![&line["statusLine"]["scheduledDelivery"]])
        } else {
            (&line["prices"], line["deliverySchedule"].as_array().into_iter().flatten().collect())
        };
        let net = &prices["netPrice"];
        let price = if net["priceInTransactionCurrency"].is_null() {
            "priceInBaseCurrency"
        } else {
            "priceInTransactionCurrency"
        };
        for delivery in deliveries.into_iter().filter(|delivery| delivery.is_object()) {
            let cells = [
                &order["buyerOrder"]["purchaseOrderNumber"],
                &line["buyerLine"]["position"],
                &delivery["date"],
                &delivery["quantity"],
                &line["buyerLine"]["item"]["purchaseUnitOfMeasureIso"],
                &net[price]["value"],
                &net[price]["currencyIso"],
                &prices["priceUnitQuantity"],
                &line["status"]["processStatus"],
            ];
            rows.push(cells.into_iter().map(text).collect());
        }
    }
    rows
}

/// What a program prints that gets this on standard input, cell by cell.
fn printed(program: &str, arguments: &[&str], event: &Value) -> Vec<Vec<String>> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(root().join("examples"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; scripts/test installs it"));
    serde_json::to_writer(child.stdin.take().unwrap(), event).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {event}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

#[tokio::test]
async fn jq_and_python_read_every_shape() {
    let messages = support::samples()
        .into_iter()
        .map(|name| if name.ends_with("xml") { Message::xml(sample(&name)) } else { Message::json(sample(&name)) });
    // The same message in both formats is one event.
    let (mut known, mut events) = (Vec::new(), Vec::new());
    for message in messages {
        let event = handed_on(vec![message]).await.remove(0);
        if !known.contains(&event["id"]) {
            known.push(event["id"].clone());
            events.push(event);
        }
    }

    let mut read = 0;
    for event in &events {
        let expected = rows(event);
        read += expected.len();
        assert_eq!(printed("python3", &["order_lines.py"], event), expected, "Python, {}", event["id"]);
        let with_jq = printed("jq", &["-r", "-f", "order-lines.jq"], event);
        assert_eq!(with_jq.len(), expected.len(), "jq, {}", event["id"]);
        for (cell, expected) in with_jq.iter().flatten().zip(expected.iter().flatten()) {
            // jq before 1.7 has binary fractions.
            let is_same_number = match (cell.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(read), Ok(sent)) => (read - sent).abs() <= sent.abs() * 1e-15,
                _ => false,
            };
            assert!(cell == expected || is_same_number, "jq: {cell} is not {expected}, {}", event["id"]);
        }
    }
    assert!(read > 15, "the samples have no deliveries: {read}");
}
