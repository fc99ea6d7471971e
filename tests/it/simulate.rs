//! `simulate` is like Tradecloud: its answers have the fields of the real ones, it refuses what Tradecloud refuses, and
//! a receiver takes its webhooks.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::pages::root;
use crate::support::receiver::{PASSWORD, Receiver, USERNAME};
use crate::support::simulated::{JsonValue as _, Simulated, USER};

/// What a platform answers to a poll from the beginning.
async fn poll(platform: &Simulated, path: &str, filters: Value) -> Value {
    let body = json!({ "filters": filters, "offset": 0, "limit": 100 }).to_string();
    let request = platform.request(Method::POST, path).basic_auth(USER.0, Some(USER.1)).body(body);
    let answer = platform.ask(request).await;
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    answer.json_value().await
}

/// The status of an answer, and its text.
async fn said(platform: &Simulated, request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = platform.ask(request).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The `Authorization` of a new session.
async fn log_in(platform: &Simulated) -> String {
    let request = platform.request(Method::GET, "/v2/authentication/login").basic_auth(USER.0, Some(USER.1));
    let answer = platform.ask(request).await;
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.headers().contains_key("set-refresh-token"));
    let token = answer.headers()["set-authorization"].to_str().unwrap().to_owned();
    assert_eq!(answer.json_value().await, json!({ "username": USER.0, "status": "authenticated" }));
    format!("Bearer {token}")
}

type Fields = BTreeMap<String, BTreeSet<&'static str>>;

/// Every field below a value, with the kinds of what it holds.
fn fields(value: &Value, path: &str, found: &mut Fields) {
    let kind = match value {
        Value::Null => return,
        Value::Bool(_) => "truth",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    found.entry(path.to_owned()).or_default().insert(kind);
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| fields(entry, &format!("{path}[]"), found)),
        Value::Object(all) => {
            for (name, value) in all.iter().filter(|(name, _)| !name.starts_with("futureField")) {
                fields(value, &format!("{path}.{name}"), found);
            }
        }
        _ => {}
    }
}

/// That the values, together, have each field of a sample, and with the same kind of content.
fn have_the_fields_of(sample: &str, values: &[Value]) {
    let text = std::fs::read(root().join("tests/fixtures/api").join(sample)).unwrap();
    let (mut known, mut there) = (Fields::new(), Fields::new());
    fields(&serde_json::from_slice(&text).unwrap(), "", &mut known);
    for value in values {
        fields(value, "", &mut there);
    }
    for (path, kinds) in known {
        assert_eq!(there.get(&path), Some(&kinds), "{sample}: {path}");
    }
}

#[tokio::test]
async fn its_answers_have_every_field_of_the_samples() {
    let platform = Simulated::start(&["--orders", "100", "--seed", "7", "--every", "0s"]);
    for _ in 0..4 {
        platform.change("orders=100").await;
        platform.change("shipments=30").await;
    }
    let beginning = json!({ "lastUpdatedAfter": "2000-01-01T00:00:00Z" });
    let orders = poll(&platform, "/v2/order-search/poll", beginning.clone()).await;
    let single = poll(&platform, "/v2/order-search/poll/single-delivery", beginning.clone()).await;
    let shipments = poll(&platform, "/v2/shipment/poll", beginning).await;
    let nothing = poll(&platform, "/v2/order-search/poll", json!({ "lastUpdatedAfter": "2100-01-01T00:00:00Z" })).await;
    let [all, shipped] = [&orders, &shipments].map(|page| page["data"].as_array().unwrap().clone());

    assert_eq!(orders["total"], 100);
    let times: Vec<&str> = all.iter().map(|order| order["lastUpdatedAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(orders["lastUpdatedAt"], *times.last().unwrap());
    assert_eq!(nothing, json!({ "data": [], "total": 0 }));
    have_the_fields_of("order-poll.json", std::slice::from_ref(&orders));
    have_the_fields_of("order-get.json", &all);
    have_the_fields_of("order-poll-single-delivery.json", &[single]);
    have_the_fields_of("shipment-get.json", &shipped);

    let session = log_in(&platform).await;
    let last = all.last().unwrap();
    let path = format!("/v2/order/{}", last["id"].as_str().unwrap().replace('/', "%2F"));
    let request = platform.request(Method::GET, &path).header("authorization", &session);
    assert_eq!(platform.ask(request).await.json_value().await, *last);

    let mut legacy = Vec::new();
    for id in platform.state().await["legacyOrders"].as_object().unwrap().keys() {
        let request = platform.request(Method::GET, &format!("/api/v1/purchaseOrder/{id}"));
        legacy.push(platform.ask(request.basic_auth(USER.0, Some(USER.1))).await.json_value().await);
    }
    have_the_fields_of("legacy-purchase-order.json", &legacy);
}

#[tokio::test]
async fn it_refuses_what_tradecloud_refuses() {
    let platform = Simulated::start(&["--orders", "30", "--seed", "7", "--every", "0s"]);
    let state = platform.state().await;
    let id = state["orders"].as_object().unwrap().keys().find(|id| id.contains('/')).unwrap().replace('/', "%2F");
    let stranger = state["strangers"][0].as_str().unwrap().replace('/', "%2F");
    let session = log_in(&platform).await;
    let get = |path: &str| platform.request(Method::GET, path);
    let order = |id: &str| get(&format!("/v2/order/{id}"));

    let basic = said(&platform, order(&id).basic_auth(USER.0, Some(USER.1))).await;
    assert_eq!(basic, (401, "The supplied authentication is invalid".to_owned()));
    assert_eq!(said(&platform, order(&id)).await.0, 401);
    assert_eq!(said(&platform, order(&id).header("authorization", &session)).await.0, 200);
    assert_eq!(said(&platform, order(&stranger).header("authorization", &session)).await.0, 403);
    assert_eq!(said(&platform, order("no-such").header("authorization", &session)).await.0, 404);
    log_in(&platform).await;
    assert_eq!(said(&platform, order(&id).header("authorization", &session)).await.0, 401, "the session before");

    let long = platform.request(Method::POST, "/v2/shipment/poll").basic_auth(USER.0, Some(USER.1));
    assert_eq!(said(&platform, long.body(r#"{"limit":101}"#)).await.0, 400);

    let document = state["documents"][0].as_str().unwrap();
    let path = format!("/v2/object-storage/document/{document}");
    let metadata = get(&format!("{path}/metadata")).basic_auth(USER.0, Some(USER.1));
    let metadata = platform.ask(metadata).await.json_value().await;
    let url = metadata["downloadUrl"].as_str().unwrap().strip_prefix(&*platform.url).unwrap();
    have_the_fields_of("document-metadata.json", std::slice::from_ref(&metadata));
    let (status, content) = said(&platform, get(url)).await;
    assert_eq!((status, content), said(&platform, get(&path).basic_auth(USER.0, Some(USER.1))).await);
    assert_eq!(status, 200);
    assert_eq!(said(&platform, get(url).basic_auth(USER.0, Some(USER.1))).await.0, 400);
    let (status, refused) = said(&platform, get(&url.replace("Expires=60", "Expires=600"))).await;
    assert!(status == 403 && refused.starts_with("<?xml"), "{status} {refused}");
}

#[tokio::test]
async fn more_than_ten_requests_in_a_second_are_too_many() {
    let platform = Simulated::start(&["--orders", "1", "--every", "0s"]);
    let mut refused = 0;
    for _ in 0..40 {
        let answer = platform.request(Method::GET, "/v2/order/none").send().await.unwrap();
        if answer.status().as_u16() == 429 {
            assert_eq!(answer.headers()["retry-after"], "1");
            refused += 1;
        }
    }

    let state = platform.state().await;
    assert!(refused > 0, "{state:#}");
    assert_eq!(state["requests"]["order"], 40);
    assert_eq!(state["tooMany"], refused);
}

/// A receiver, and a platform that tells it what happens to 30 orders; the receiver has all of it.
async fn is_taken(arguments: &[&str]) {
    let receiver = Receiver::start();
    let (url, ca) = (receiver.url("/webhooks/tradecloud"), receiver.path("ca.pem"));
    let credentials = format!("{USERNAME}:{PASSWORD}");
    let to = ["--webhook", &url, "--ca", ca.to_str().unwrap(), "--basic", &credentials, "--every", "0s"];
    let platform = Simulated::start(&[&to, arguments].concat());

    for _ in 0..3 {
        platform.change("orders=10").await;
    }
    let mut told = Vec::new();
    eventually("all of it is delivered", async || {
        told.clone_from(platform.state().await["events"].as_array().unwrap());
        told.iter().all(|event| event["verdict"] == "delivered")
    })
    .await;

    let inbox = receiver.inbox();
    assert!(told.len() >= 30);
    assert_eq!(inbox.len(), told.len());
    let mut ids: Vec<_> = inbox.iter().map(|event| event["subject"].to_string()).collect();
    let mut expected: Vec<_> = told.iter().map(|event| event["id"].to_string()).collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
    let summary = platform.end().await;
    assert!(summary.contains(&format!("{0} sent: {0} delivered", told.len())), "{summary}");
    assert!(!summary.contains(PASSWORD), "{summary}");
}

#[tokio::test]
async fn a_receiver_takes_its_webhooks() {
    is_taken(&["--seed", "3"]).await;
}

#[tokio::test]
async fn a_receiver_takes_its_webhooks_as_txml_with_single_deliveries() {
    is_taken(&["--seed", "3", "--format", "txml", "--single-delivery", "--method", "put"]).await;
}

#[tokio::test]
async fn what_is_dropped_on_purpose_is_not_sent_and_named_at_the_end() {
    let platform = Simulated::start(&["--webhook", "http://127.0.0.1:1/", "--drop", "100%", "--every", "0s"]);
    platform.change("orders=5").await;

    let state = platform.state().await;
    let events = state["events"].as_array().unwrap();
    assert!(events.len() >= 5);
    assert!(events.iter().all(|event| event["dropped"] == true && event["sent"] == false && event["attempts"] == 0));
    let said = platform.end().await;
    for event in events {
        assert!(said.contains(event["messageId"].as_str().unwrap()), "{said}");
    }
}

#[tokio::test]
async fn its_webhooks_begin_by_themselves() {
    let platform = Simulated::start(&["--webhook", "http://127.0.0.1:1/{shipmentId}", "--seed", "5"]);

    eventually("a webhook was tried", async || {
        let state = platform.state().await;
        state["events"].as_array().unwrap().iter().any(|event| event["attempts"].as_u64() > Some(0))
    })
    .await;

    // It is written down before it is said.
    eventually("it is said", async || platform.printed().contains("again in 1s")).await;
    let printed = platform.printed();
    assert!(printed.contains("[tradecloud]\n") && printed.contains("--seed 5"), "{printed}");
    assert!(printed.contains("will retry"), "{printed}");
}
