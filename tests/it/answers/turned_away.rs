//! 401, 403, 404 and 405: who may not call, and what is kept of those who may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

use crate::support::raw;
use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME};
use crate::support::sender::{Message, message_id, order_event};

#[tokio::test]
async fn whoever_does_not_prove_who_it_is_gets_401_and_nothing_is_kept() {
    let receiver = Receiver::start();
    let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
    let right = basic(format!("{USERNAME}:{PASSWORD}"));
    let headers: [&[&str]; 14] = [
        &[],
        &[""],
        &["Basic"],
        &["Basic "],
        &["Basic ?"],
        &[&basic(format!("{USERNAME}:{PASSWORD}x"))],
        &[&basic(format!("{USERNAME}:"))],
        &[&basic(format!("someone:{PASSWORD}"))],
        &[&basic(USERNAME.to_owned())],
        &["Bearer wrong"],
        &[&format!("Bearer {PASSWORD}")],
        &[&format!("Digest {TOKEN}")],
        &[&right, &right],
        &[&right, &format!("Bearer {TOKEN}")],
    ];

    for values in headers {
        let sender = receiver.sender().anonymous();
        let mut request = sender.request(Method::POST).body(order_event("1").to_string());
        for value in values {
            request = request.header("authorization", *value);
        }

        let answer = sender.finish(request).await;

        assert_eq!(answer.status, Some(401), "{values:?}: {answer:?}");
        let mut challenges = answer.all("www-authenticate");
        challenges.sort_unstable();
        assert_eq!(challenges.len(), 2, "one for each scheme: {challenges:?}");
        assert!(challenges[0].starts_with("Basic realm=") && challenges[1].starts_with("Bearer realm="));
        assert!(!answer.body.contains(TOKEN) && !answer.body.contains(PASSWORD), "{answer:?}");
    }
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn whoever_is_turned_away_is_told_to_the_log_but_not_each_time() {
    let receiver = Receiver::start();

    for _ in 0..5 {
        receiver.sender().basic(USERNAME, "wrong").send(order_event("1")).await;
    }

    let line = receiver.logged("a caller was turned away").await;
    assert_eq!((line["level"].as_str(), line["reason"].as_str()), (Some("WARN"), Some("the credentials are wrong")));
    assert!(line.get("detail").is_none(), "there is nothing to say: {line}");
    assert_eq!(receiver.log().iter().filter(|line| line.to_string().contains("turned away")).count(), 1);
}

#[tokio::test]
async fn the_scheme_is_recognised_in_any_case() {
    let receiver = Receiver::start();
    let pair = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));

    for value in [format!("basic {pair}"), format!("BASIC  {pair}"), format!("bearer {TOKEN}")] {
        let sender = receiver.sender().anonymous();
        let request = sender.request(Method::POST).body(order_event("1").to_string());

        let answer = sender.finish(request.header("authorization", &value)).await;

        assert_eq!(answer.status, Some(202), "{value}");
    }
}

#[test]
fn nothing_of_a_strangers_body_is_asked_for() {
    let receiver = Receiver::start();
    let mut stranger = receiver.connect();

    stranger.write(raw::head(&["Expect: 100-continue", "Content-Length: 100"]));

    assert_eq!(stranger.answer().status, Some(401), "and not 100 before it");
}

#[test]
fn a_known_caller_is_told_to_continue() {
    let receiver = Receiver::start();
    let event = order_event("1").to_string();
    let mut caller = receiver.connect();

    caller.write_head(&["Expect: 100-continue", &raw::content_length(&event)]);
    let interim = caller.any_answer();
    caller.write(&event);

    assert_eq!(interim.status, Some(100));
    assert_eq!(caller.answer().status, Some(202));
}

#[test]
fn a_strangers_body_is_not_waited_for_however_large_it_is_said_to_be() {
    let receiver = Receiver::start();
    let mut stranger = receiver.connect();

    stranger.write(raw::head(&["Content-Length: 1099511627776"]));

    assert_eq!(stranger.answer().status, Some(401));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_gets_403() {
    let receiver = Receiver::with(
        r#"endpoints = [
            { path = "/webhooks/tradecloud", allow_from = ["tradecloud-production", "10.0.0.0/8"] },
            { path = "/here", allow_from = ["127.0.0.0/8"] },
        ]"#,
    );

    let elsewhere = receiver.sender().anonymous().send(order_event("1")).await;
    let here = receiver.sender().to(receiver.url("/here")).send(order_event("1")).await;

    assert_eq!((elsewhere.status, here.status), (Some(403), Some(202)));
    assert_eq!(receiver.inbox().len(), 1);
}

/// Tradecloud may move to another address; what it sends from there must not be gone.
#[tokio::test]
async fn what_a_known_caller_sends_from_an_address_that_is_not_allowed_is_kept() {
    let receiver = Receiver::with(
        r#"endpoints = [{ path = "/webhooks/tradecloud", allow_from = ["tradecloud-production", "10.0.0.0/8"] }]"#,
    );
    let event = order_event("1");

    let answer = receiver.sender().send(event.clone()).await;
    let stranger = receiver.sender().basic(USERNAME, "wrong").send(event.clone()).await;

    assert_eq!((answer.status, stranger.status), (Some(403), Some(403)));
    assert_eq!(receiver.body_of(&answer.id()), event.to_string().as_bytes());
    let states: Vec<_> = receiver.inbox().iter().map(|event| event["status"].clone()).collect();
    assert_eq!(states, [403], "nothing is kept of a stranger");
}

#[tokio::test]
async fn a_known_caller_that_misses_the_path_loses_nothing() {
    let receiver = Receiver::start();
    let event = order_event("1");
    let sender = receiver.sender();

    for path in ["/", "/webhooks/tradecloud/", "/Webhooks/Tradecloud", "/webhooks/tradecloud%2F", "//", "/livez"] {
        let answer = sender.clone().to(receiver.url(path)).send(event.clone()).await;

        assert_eq!(answer.status, Some(404), "{path}");
        let kept = receiver.events(&["show", &answer.id(), "--json"]).remove(0);
        assert_eq!((kept["state"].as_str(), kept["path"].as_str()), (Some("refused"), Some(path)));
        assert_eq!(receiver.body_of(&answer.id()), event.to_string().as_bytes());
    }
}

#[tokio::test]
async fn the_path_of_an_endpoint_is_taken_to_the_letter() {
    let paths = ["/:orders", "/*", "/a/:b/c", "/a%20b", "/"];
    let endpoints: Vec<_> = paths.iter().map(|path| format!("{{ path = \"{path}\" }}")).collect();
    let receiver = Receiver::with(&format!("endpoints = [{}]", endpoints.join(", ")));
    let statuses = async |paths: &[&str]| {
        let mut statuses = Vec::new();
        for path in paths {
            statuses.push(receiver.sender().to(receiver.url(path)).send(order_event("1")).await.status.unwrap());
        }
        statuses
    };

    assert_eq!(statuses(&paths).await, [202; 5]);
    assert_eq!(statuses(&["/orders", "/anything", "/a/x/c", "/a b"]).await, [404, 404, 404, 202]);
}

#[tokio::test]
async fn nothing_is_kept_of_strangers_on_wrong_paths() {
    let receiver = Receiver::start();
    let stranger = receiver.sender().to(receiver.url("/.env"));

    let anonymous = stranger.clone().anonymous().send(Message::json("{}")).await;
    let wrong = stranger.bearer("wrong").send(Message::json("{}")).await;

    assert_eq!((anonymous.status, wrong.status), (Some(404), Some(404)));
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn other_methods_are_told_which_ones_are_allowed() {
    let receiver = Receiver::start();
    let methods = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::PATCH];

    for method in methods {
        let request = receiver.sender().request(method.clone());

        let answer = receiver.sender().finish(request).await;

        assert_eq!(answer.status, Some(405), "{method}: {answer:?}");
        assert_eq!(answer.all("allow"), ["POST, PUT"], "{method}");
    }
    assert!(receiver.inbox().is_empty(), "there was no body to keep");
}

#[tokio::test]
async fn a_body_that_came_by_the_wrong_method_is_kept() {
    let receiver = Receiver::start();
    let event = order_event("1");

    let answer = receiver.sender().send_by(Method::PATCH, event.clone()).await;

    assert_eq!(answer.status, Some(405));
    assert_eq!(receiver.body_of(&answer.id()), event.to_string().as_bytes());
    assert_eq!(receiver.inbox()[0]["status"], 405);
    assert!(receiver.inbox().iter().all(|kept| kept["id"] != message_id(&event)), "it is no event yet");
}
