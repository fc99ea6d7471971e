//! The document of the API is that of the API: every address is in it, whatever is in it is served, and what is answered is
//! what it says.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{Ask, Said, USERS, get, signed_in};
use crate::support::receiver::Receiver;
use crate::support::schema::Document;
use crate::support::sender::{Message, order_event};

const FILE: &str = "src/admin/api/openapi.json";
const METHODS: [&str; 2] = ["get", "post"];

/// Each method and path of the document.
fn operations(document: &Document) -> BTreeSet<(String, String)> {
    let paths = document.json["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|method| (method.clone(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// With one name for whatever is in braces.
fn without_names(operations: BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let of_path = |path: &str| path.replace("{key}", "{}").replace("{id}", "{}").replace("{name}", "{}");
    operations.into_iter().map(|(method, path)| (method, of_path(&path))).collect()
}

/// Each that the program routes, by its source.
fn routes() -> BTreeSet<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/api");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for route in source.split(".route(").skip(1) {
            let mut parts = route.trim_start().splitn(3, '"');
            let (path, rest) = (parts.nth(1).unwrap(), parts.next().unwrap());
            let handlers = rest.split(".route(").next().unwrap().split(".with_state").next().unwrap();
            let methods = METHODS.iter().filter(|method| handlers.contains(&format!("{method}(")));
            let before = found.len();
            found.extend(methods.map(|method| ((*method).to_owned(), path.to_owned())));
            assert!(found.len() > before, "{path} is routed in a way that the tests do not know");
        }
    }
    found
}

#[test]
fn every_address_is_in_the_document_and_nothing_else() {
    let document = Document::read(FILE);

    let documented = operations(&document);

    assert!(documented.len() > 16);
    assert_eq!(without_names(routes()), without_names(documented));
}

/// A receiver with a dead letter that somebody has delivered again, and a refused body.
async fn filled() -> (Receiver, String) {
    let receiver = Receiver::with(&format!(
        "{USERS}handlers.erp = {{ type = 'exec', command = ['/bin/sh', '-c', 'exit 65'], kinds = ['order'] }}\n\
         handlers.later = {{ type = 'file', directory = 'later', paused = true }}"
    ));
    receiver.expects_error("rejected: a dead letter");
    receiver.sender().send(order_event("1")).await;
    receiver.sender().send(Message::json("{")).await;
    let is_dead = |event: &Value| event["state"] == "dead";
    let events = receiver.inbox_until(|events| events.len() == 2 && events.iter().any(is_dead)).await;
    let id = events.iter().find(|event| is_dead(event)).unwrap()["id"].as_str().unwrap().to_owned();
    assert!(receiver.run(&["events", "deliver", &id, "--reason", "once more"]).status.success());
    receiver.inbox_until(|events| events.iter().any(|event| event["attempts"].as_array().unwrap().len() == 2)).await;
    let cookie = signed_in(&receiver);
    (receiver, cookie)
}

/// The address with something in the place of what is in braces.
fn filled_in(path: &str, key: &str, id: &str) -> String {
    let query = if path == "/orders" { "?number=PO-1" } else { "" };
    format!("/api/v1{}{query}", path.replace("{key}", key).replace("{id}", id).replace("{name}", "erp"))
}

/// What is wrong with an answer, by the document.
fn faults(document: &Document, method: &str, path: &str, said: &Said) -> Vec<String> {
    let responses = &document.json["paths"][path][method]["responses"];
    let content = &document.resolve(&responses[said.status.to_string()])["content"];
    let media_type = said.header("content-type").unwrap().split(';').next().unwrap();
    let schema = &content[media_type]["schema"];
    assert!(schema.is_object(), "{method} {path} answers {} as {media_type}: {}", said.status, said.text());
    let body = if media_type.ends_with("json") { said.json() } else { said.text().into() };
    document.faults_by(schema, &body)
}

#[tokio::test]
async fn whatever_is_in_the_document_is_served_and_answered_as_it_says() {
    let (receiver, cookie) = filled().await;
    let document = Document::strictly(FILE);
    let events = receiver.inbox();
    let mut actions = events.iter().flat_map(|event| event["actions"].as_array().unwrap());
    let action = actions.next().unwrap()["id"].as_str().unwrap().to_owned();
    let ask = |method: &'static str, path: &str| Ask { method, ..get(&receiver, path) }.cookie(&cookie);

    for operation in operations(&document) {
        let (method, path) = (&operation.0, &operation.1);
        let keys = if path.contains('{') { events.len() } else { 1 };
        for event in &events[..keys] {
            let address = filled_in(path, event["key"].as_str().unwrap(), &action);
            let said = match method.as_str() {
                "get" => ask("GET", &address).send(),
                _ => ask("POST", &address).header("content-type: application/json").send(),
            };
            let is_nowhere = ["there is nothing at this address", "this address does not take that method"];
            assert!(!is_nowhere.iter().any(|words| said.text().contains(words)), "{method} {address}");
            assert!(method != "get" || said.status == 200, "{method} {address}: {}", said.text());
            assert_eq!(faults(&document, method, path, &said), [""; 0], "{method} {address}: {}", said.text());
        }
    }
    let acts = |path: &str, body: &str| {
        let ask = Ask { body: body.to_owned(), ..ask("POST", &format!("/api/v1{path}")) };
        ask.header("content-type: application/json").send()
    };
    let plan = acts("/plans", r#"{"action": "deliver", "filter": {"handler": "erp", "state": ["dead"]}}"#);
    let id = plan.json()["id"].as_str().unwrap().to_owned();
    let run = acts(&format!("/plans/{id}/run"), "");

    for (status, path, said) in [(201, "/plans", &plan), (202, "/plans/{id}/run", &run)] {
        assert_eq!(said.status, status, "{}", said.text());
        assert_eq!(faults(&document, "post", path, said), [""; 0], "{path}: {}", said.text());
    }
    let csv = ask("GET", "/api/v1/export?format=csv").send();
    let document_served = ask("GET", "/api/v1/openapi.json").send();

    assert_eq!(faults(&document, "get", "/export", &csv), [""; 0]);
    assert_eq!(document_served.json(), document.json);
}

#[tokio::test]
async fn what_is_declined_is_a_problem_that_the_document_has() {
    let (receiver, cookie) = filled().await;
    let document = Document::strictly(FILE);
    let refused = receiver.events(&["list", "--json", "--state", "refused"])[0].clone();
    let (key, id) = (refused["key"].as_str().unwrap(), refused["id"].as_str().unwrap());
    assert!(receiver.run(&["events", "erase", id, "--reason", "asked for"]).status.success());
    let one = "7fd0f2c2-e310-1363-ae70-6bea25604066";
    let ask = |path: &str| get(&receiver, path).cookie(&cookie);

    for (status, path, said) in [
        (400, "/events", ask("/api/v1/events?limit=0").send()),
        (400, "/orders", ask("/api/v1/orders").send()),
        (400, "/export", ask("/api/v1/export?format=xml").send()),
        (401, "/events", get(&receiver, "/api/v1/events").send()),
        (401, "/openapi.json", get(&receiver, "/api/v1/openapi.json").send()),
        (404, "/events/{key}", ask(&format!("/api/v1/events/{one}")).send()),
        (404, "/handlers/{name}", ask("/api/v1/handlers/none").send()),
        (410, "/events/{key}/body", ask(&format!("/api/v1/events/{key}/body")).send()),
        (421, "/events", ask("/api/v1/events").host("elsewhere.example").send()),
    ] {
        assert_eq!(said.status, status, "{path}: {}", said.text());
        assert_eq!(faults(&document, "get", path, &said), [""; 0], "{path} {status}");
    }
}
