//! The schemas of `docs/schemas` say what Tradecloud sends and what a handler gets, and the document in `docs/openapi` what
//! is said to Tradecloud and to an ERP: held against the samples and the running program.

use std::path::Path;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use tradecloud_webhook::decode::{envelope, to_json};

use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::schema::Document;
use crate::support::sender::{Answer, Message, order_event};
use crate::support::{sample, samples};

const EVENT: &str = "docs/schemas/event.json";
const CLOUD_EVENT: &str = "docs/schemas/cloudevent.json";
const RECEIVER: &str = "docs/openapi/receiver.json";

#[test]
fn whatever_is_taken_as_an_event_is_one_by_the_schema_and_nothing_else_is() {
    let schema = Document::read(EVENT);

    for name in samples() {
        let body = Bytes::from(sample(&name));
        let json = match envelope(None, &body) {
            Ok(envelope) => to_json(envelope.format, None, &body).unwrap().into_owned(),
            Err(_) if body.starts_with(b"<") => continue,
            Err(_) => {
                let json: Value = serde_json::from_slice(&body).unwrap();
                assert!(!schema.faults(&json).is_empty(), "{name} is no event");
                continue;
            }
        };
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(schema.faults(&json), [""; 0], "{name}");
    }
    let mut broken: Value = serde_json::from_slice(&sample("order-event.json")).unwrap();
    broken["orderEvent"]["lines"][0]["buyerLine"]["position"] = json!(10);
    broken["orderEvent"]["buyerOrder"] = json!("PO1");

    for none in [json!([]), json!({}), json!({"order": {}}), json!({"orderEvent": null})] {
        assert!(!schema.faults(&none).is_empty(), "{none} is no event");
    }
    assert!(!schema.faults(&broken).is_empty(), "a wrong type is found at any depth");
}

#[test]
fn what_is_fetched_and_polled_is_an_event_by_the_schema() {
    let schema = Document::read(EVENT);
    let read = |name: &str| -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/api");
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };

    for name in ["order-get.json", "shipment-get.json"] {
        assert_eq!(schema.faults(&read(name)), [""; 0], "{name}");
    }
    for name in ["order-poll.json", "order-poll-single-delivery.json"] {
        let page = read(name);
        let entries = page["data"].as_array().unwrap();
        assert!(!entries.is_empty());
        for entry in entries {
            assert_eq!(schema.faults(entry), [""; 0], "{name}");
        }
    }
}

/// What is wrong with an answer of the receiver by its document.
fn faults(document: &Document, method: &str, path: &str, answer: &Answer) -> Vec<String> {
    let operation = &document.json["paths"][path][method];
    let status = answer.status.unwrap();
    let response = document.resolve(&operation["responses"][status.to_string()]);
    let media_type = if status < 300 { "application/json" } else { "application/problem+json" };
    let schema = &response["content"][media_type]["schema"];
    assert!(schema.is_object(), "{method} {path} has no {status}");
    document.faults_by(schema, &answer.json())
}

#[tokio::test]
async fn what_tradecloud_is_told_is_in_the_document() {
    let document = Document::strictly(RECEIVER);
    let (path, with_id) = ("/webhooks/tradecloud", "/webhooks/order/{orderId}");
    let receiver = Receiver::with(
        "server.limits.body = '100 KiB'\nhandlers.erp = { type = 'exec', command = ['/bin/sh', '-c', 'exit 65'] }\n\
         endpoints = [{ path = '/webhooks/tradecloud' }, { path = '/handled', acknowledge = 'handled' }]",
    );
    receiver.expects_error("rejected: a dead letter");
    let sender = receiver.sender();
    let large = "x".repeat(200 << 10);

    let mut told = Vec::new();
    for (status, message) in [
        (202, Message::from(order_event("1"))),
        (202, Message::xml(sample("order-event.xml"))),
        (400, Message::json("{\"a\": ")),
        (413, Message::json(large)),
        (415, Message::untyped("no event")),
    ] {
        let answer = sender.send(message).await;
        assert_eq!(answer.status, Some(status), "{}", answer.body);
        told.push((faults(&document, "post", path, &answer), answer));
    }
    let put = sender.send_by(Method::PUT, order_event("2")).await;
    told.push((faults(&document, "put", path, &put), put));
    let anonymous = receiver.sender().anonymous().send(order_event("3")).await;
    told.push((faults(&document, "post", path, &anonymous), anonymous));
    for (method, url) in [(Method::DELETE, path), (Method::POST, "/elsewhere"), (Method::POST, "/handled")] {
        let sender = receiver.sender().to(receiver.url(url));
        let answer = sender.send_by(method, order_event("4")).await;
        told.push((faults(&document, "post", path, &answer), answer));
    }

    let statuses: Vec<_> = told.iter().map(|(_, answer)| answer.status.unwrap()).collect();
    assert_eq!(statuses, [202, 202, 400, 413, 415, 202, 401, 405, 404, 400]);
    for (faults, answer) in told {
        assert_eq!(faults, [""; 0], "{:?}", answer.status);
    }
    assert!(document.json["paths"][with_id]["get"].is_object());
}

#[tokio::test]
async fn what_an_erp_is_sent_is_in_the_document() {
    let document = Document::read(RECEIVER);
    let erps = [Erp::start(), Erp::start(), Erp::start()];
    let formats = ["cloudevents", "cloudevents-binary", "original"];
    let handlers = formats.iter().zip(&erps).map(|(format, erp)| {
        format!("handlers.{format} = {{ type = \"http\", url = \"{}\", format = \"{format}\" }}\n", erp.url("/"))
    });
    let receiver = Receiver::with(&handlers.collect::<String>());
    for message in [Message::from(order_event("1")), Message::xml(sample("order-event.xml"))] {
        receiver.sender().send(message).await;
    }
    receiver.inbox_until(|events| events.len() == 2 && events.iter().all(|event| event["state"] == "done")).await;

    for (hook, erp) in ["event", "eventInBinaryMode", "originalEvent"].iter().zip(&erps) {
        let operation = &document.json["webhooks"][hook]["post"];
        let requests = erp.received();
        assert_eq!(requests.len(), 2);
        for request in requests {
            let media_type = request.headers["content-type"].to_str().unwrap();
            let essence = media_type.split(';').next().unwrap();
            let schema = &operation["requestBody"]["content"][essence]["schema"];
            assert!(schema.is_object(), "{hook} has no {media_type}");
            let body = serde_json::from_slice(&request.body).unwrap_or_else(|_| "no JSON".into());
            assert_eq!(document.faults_by(schema, &body), [""; 0], "{hook}");
            for header in operation["parameters"].as_array().into_iter().flatten() {
                let value = request.headers.get(header["name"].as_str().unwrap());
                assert!(value.is_some() || header["required"] == false, "{hook}: {header}");
            }
            let of_event = request.headers.keys().filter(|name| name.as_str().starts_with("ce-"));
            for name in of_event {
                let mut known = operation["parameters"].as_array().into_iter().flatten();
                assert!(known.any(|header| header["name"] == name.as_str()), "{hook} has no {name}");
            }
        }
    }
    let event: Value = serde_json::from_slice(&erps[0].received()[0].body).unwrap();
    assert_eq!(Document::strictly(CLOUD_EVENT).faults(&event), [""; 0]);
}
