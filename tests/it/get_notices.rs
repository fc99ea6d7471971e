//! GET webhooks: a call says what has changed, is safe before it is answered, and is fetched afterwards.

use reqwest::Method;
use serde_json::Value;

use crate::configuration::problems;
use crate::support::erp::{self, Erp};
use crate::support::eventually;
use crate::support::raw::authorization;
use crate::support::receiver::Receiver;
use crate::support::sender::{Answer, Message, Sender, order_event};

/// Paths of the endpoints.
const PATHS: [&str; 4] = [
    "/webhooks/order/{orderId}",
    "/webhooks/shipment?shipmentId={shipmentId}",
    "/webhooks/old/{legacyOrderId}/changed",
    "/webhooks/tradecloud",
];

/// Endpoints of these paths, and a Tradecloud at `url`.
fn endpoints(url: &str) -> String {
    let endpoints = PATHS.map(|path| format!("[[endpoints]]\npath = \"{path}\"\n")).concat();
    format!(
        "{endpoints}\n[tradecloud]\nurl = \"{url}\"\nusername = \"u\"\npassword = \"p-of-the-api\"\n\
         [tradecloud.legacy]\nurl = \"{url}/api/v1\"\nusername = \"u\"\npassword = \"p-of-the-api\"\n"
    )
}

/// A receiver whose Tradecloud is away: what it is told stays a notice.
fn receiver() -> Receiver {
    let receiver = Receiver::with(&endpoints("http://127.0.0.1:9"));
    receiver.expects_errors(&["the handler is down", "Tradecloud"]);
    receiver
}

/// What the receiver answers to a GET of that target.
async fn get(receiver: &Receiver, sender: &Sender, target: &str) -> Answer {
    let sender = sender.clone().to(receiver.url(target));
    sender.finish(sender.request(Method::GET)).await
}

/// The events that came by GET.
fn noticed(receiver: &Receiver) -> Vec<Value> {
    receiver.inbox().into_iter().filter(|event| event["origin"] == "get").collect()
}

#[tokio::test]
async fn a_call_is_durable_when_it_is_answered() {
    let mut receiver = receiver();

    let answer = get(&receiver, &receiver.sender(), "/webhooks/order/a334").await;
    receiver.kill();

    assert_eq!(answer.status, Some(202), "{answer:?}");
    assert_eq!(answer.json()["status"], "stored");
    let events = noticed(&receiver);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((&events[0]["id"], &events[0]["kind"]), (&answer.json()["id"], &Value::from("order")));
    assert_eq!((&events[0]["subject"], &events[0]["path"]), (&"a334".into(), &"/webhooks/order/a334".into()));
}

#[tokio::test]
async fn whatever_an_id_is_made_of_it_arrives() {
    let receiver = receiver();
    let long = "x".repeat(512);
    let written = [
        ("/webhooks/order/c-PO%2F77", "c-PO/77", "order"),
        ("/webhooks/order/c-PO/78", "c-PO/78", "order"),
        ("/webhooks/order/a+b", "a+b", "order"),
        ("/webhooks/order/%C3%BC%25", "ü%", "order"),
        ("/webhooks/shipment?x=y&shipmentId=S%26N+1&z", "S&N+1", "shipment"),
        ("/webhooks/old/5d8a/changed", "5d8a", "order"),
        (&format!("/webhooks/order/{long}"), long.as_str(), "order"),
    ];

    for (target, ..) in written {
        let answer = get(&receiver, &receiver.sender(), target).await;
        assert_eq!(answer.status, Some(202), "{target}: {answer:?}");
    }

    let events = noticed(&receiver);
    for (target, id, kind) in written {
        let of = |event: &&Value| event["subject"] == id && event["kind"] == kind && event["path"] == target;
        assert!(events.iter().any(|event| of(&event)), "{target}: {events:?}");
    }
}

#[tokio::test]
async fn calls_for_one_id_are_one_while_it_is_not_fetched() {
    let receiver = receiver();
    let sender = receiver.sender();

    let first = get(&receiver, &sender, "/webhooks/order/a334").await;
    let mut answers = vec![first];
    for _ in 0..5 {
        answers.push(get(&receiver, &sender, "/webhooks/order/a334").await);
    }

    assert!(answers.iter().all(|answer| answer.status == Some(202)), "{answers:?}");
    assert_eq!(answers[0].json()["repeated"], Value::Null);
    // One that comes during an attempt to fetch is another.
    assert!(noticed(&receiver).len() <= 3, "{answers:?}");
}

#[tokio::test]
async fn a_body_that_comes_along_is_taken_in_and_ignored() {
    let receiver = Receiver::with(&format!("server.limits.body = \"64 KiB\"\n{}", endpoints("http://127.0.0.1:9")));
    receiver.expects_errors(&["the handler is down", "Tradecloud"]);
    let sender = receiver.sender().to(receiver.url("/webhooks/order/1"));

    for body in [order_event("2").to_string(), "no event".to_owned(), "x".repeat(100_000)] {
        let answer = sender.send_by(Method::GET, Message::json(body)).await;
        assert_eq!(answer.status, Some(202), "{answer:?}");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_and_kept() {
    let receiver = receiver();
    let long = format!("/webhooks/order/{}", "x".repeat(513));
    let targets = [
        "/webhooks/order/",
        "/webhooks/order/a%00",
        "/webhooks/order/%FC",
        "/webhooks/shipment?shipmentId=",
        "/webhooks/shipment?x=1",
        &long,
    ];

    for target in targets {
        let answer = get(&receiver, &receiver.sender(), target).await;

        assert_eq!(answer.status, Some(400), "{target}: {answer:?}");
        assert!(answer.detail().contains("Id} of this call "), "{target}: {answer:?}");
        let kept = receiver.events(&["show", &answer.id(), "--json"]).remove(0);
        assert_eq!((&kept["state"], &kept["path"]), (&"refused".into(), &target.into()));
        assert_eq!(kept["reason"], answer.detail());
    }
    assert_eq!(receiver.inbox().len(), targets.len());
}

/// Clients resolve it before they send it; somebody who means harm does not.
#[tokio::test]
async fn an_id_is_no_way_to_another_path() {
    let receiver = receiver();

    for target in ["/webhooks/order/..", "/webhooks/order/%2E%2e", "/webhooks/order/%2e"] {
        let mut connection = receiver.connect();
        connection.write(format!("GET {target} HTTP/1.1\r\nhost: x\r\n{}\r\n\r\n", authorization()));
        let answer = connection.answer();

        assert_eq!(answer.status, Some(400), "{target}: {answer:?}");
        assert!(answer.detail().contains("Id} of this call "), "{target}: {answer:?}");
    }
    assert!(receiver.inbox().iter().all(|event| event["state"] == "refused"));
}

#[tokio::test]
async fn post_and_put_bring_an_event_there_as_anywhere() {
    let receiver = receiver();

    for (target, method) in [
        ("/webhooks/order/1", Method::POST),
        ("/webhooks/order/2", Method::PUT),
        ("/webhooks/shipment?shipmentId=3", Method::POST),
        ("/webhooks/shipment", Method::PUT),
    ] {
        let event = order_event(target);
        let answer = receiver.sender().to(receiver.url(target)).send_by(method, event.clone()).await;

        assert_eq!(answer.status, Some(202), "{target}: {answer:?}");
        let kept = receiver.events(&["show", &answer.id(), "--json"]).remove(0);
        assert_eq!((&kept["origin"], &kept["subject"]), (&"webhook".into(), &event["orderEvent"]["orderId"]));
    }
    assert_eq!(noticed(&receiver).len(), 0);
}

#[tokio::test]
async fn who_calls_shows_it_first() {
    let receiver = receiver();
    let stranger = receiver.sender().basic("tradecloud", "wrong");

    for sender in [stranger, receiver.sender().anonymous()] {
        for target in ["/webhooks/order/1", "/webhooks/order/", "/webhooks/shipment?shipmentId=1"] {
            let answer = get(&receiver, &sender, target).await;
            assert_eq!(answer.status, Some(401), "{target}: {answer:?}");
        }
    }
    assert_eq!(receiver.inbox().len(), 0);
}

#[tokio::test]
async fn where_there_is_no_placeholder_a_get_is_refused_and_kept() {
    let receiver = receiver();
    let plain = get(&receiver, &receiver.sender(), "/webhooks/tradecloud?orderId=1").await;
    assert_eq!((plain.status, plain.all("allow")), (Some(405), vec!["POST, PUT"]));

    let sender = receiver.sender().to(receiver.url("/webhooks/order/1"));
    for method in [Method::HEAD, Method::DELETE] {
        let other = sender.finish(sender.request(method)).await;
        assert_eq!((other.status, other.all("allow")), (Some(405), vec!["GET, POST, PUT"]));
    }

    assert_eq!(get(&receiver, &receiver.sender(), "/webhooks/old/5d8a").await.status, Some(404));
    assert!(receiver.inbox().iter().all(|event| event["state"] == "refused"));
}

#[tokio::test]
async fn with_handled_a_call_waits_for_the_fetch() {
    let tradecloud = Erp::start();
    tradecloud.answer_by(|_| erp::Answer::status(503));
    let endpoints = endpoints(&tradecloud.url("")).replace("[[endpoints]]", "[[endpoints]]\nacknowledge = \"handled\"");
    let receiver = Receiver::with(&format!("server.answer_within = \"2s\"\n{endpoints}"));
    receiver.expects_errors(&["the handler is down", "Tradecloud"]);

    let answer = get(&receiver, &receiver.sender(), "/webhooks/order/1").await;

    assert!(answer.will_retry(), "{answer:?}");
    eventually("it is kept", async || !noticed(&receiver).is_empty()).await;
}

#[test]
fn a_placeholder_wants_somebody_who_fetches_from_one_platform() {
    let said = |configuration: &str| -> Vec<(String, String)> {
        let problems = problems(&Receiver::prepared(configuration));
        let text = |problem: &Value, field: &str| problem[field].as_str().unwrap().to_owned();
        let about = problems.iter().filter(|problem| text(problem, "key").starts_with("endpoints"));
        about.map(|problem| (text(problem, "severity"), text(problem, "what"))).collect()
    };
    let with = |path: &str, rest: &str| format!("endpoints = [{{ path = \"{path}\" {rest} }}]\n");
    let api = "tradecloud = { url = \"http://127.0.0.1:9\", username = \"u\", password = \"p\" }";
    let both = ", allow_from = [\"tradecloud-production\", \"tradecloud-acceptance\"]";

    for (configuration, severity, what) in [
        (with("/o/{orderId}", ""), "error", "there is no `[tradecloud]`"),
        (format!("{}{api}", with("/o/{legacyOrderId}", "")), "error", "there is no `[tradecloud.legacy]`"),
        (format!("{}{api}", with("/o/{orderId}", both)), "warning", "of production and of acceptance"),
        (format!("{}{api}", with("/o/{order}", "")), "error", "`{orderId}`, `{legacyOrderId}` and `{shipmentId}`"),
        (format!("{}{api}", with("/o/{orderId}/{shipmentId}", "")), "error", "more than one placeholder"),
        (
            format!("endpoints = [{{ path = \"/o/{{orderId}}\" }}, {{ path = \"/o/{{shipmentId}}\" }}]\n{api}"),
            "error",
            "stands for the same calls as that of another endpoint, /o/{orderId}",
        ),
    ] {
        let said = said(&configuration);
        assert_eq!(said.len(), 1, "{configuration}: {said:?}");
        assert!(said[0].0 == severity && said[0].1.contains(what), "{configuration}: {said:?}");
    }
    for fine in [format!("{}{api}", with("/o/{orderId}", "")), format!("{}{api}", with("/o?a=1&o={orderId}", ""))] {
        assert_eq!(said(&fine), []);
    }
}
