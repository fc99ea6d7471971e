//! What only `http` promises: the requests it makes, and what it makes of the answers.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler};

use super::{BODY, event, handler, rejection, unavailable};
use crate::support::erp::{Answer, Erp, Received};

pub(super) fn handler_for(erp: &Erp, keys: &str) -> SharedHandler {
    handler(&format!("type = 'http'\nurl = '{}'\n{keys}", erp.url("/tradecloud?company=1")))
}

async fn one_request(keys: &str, event: tradecloud_webhook::event::Event) -> Received {
    let erp = Erp::start();
    assert_eq!(handler_for(&erp, keys).deliver(&event).await, Outcome::Done);
    erp.received().remove(0)
}

#[tokio::test]
async fn the_structured_mode_is_the_default() {
    let request = one_request("", event("m-1")).await;

    assert_eq!(request.method, "POST");
    assert_eq!(request.uri, "/tradecloud?company=1");
    assert_eq!(request.header("content-type"), "application/cloudevents+json");
    assert!(request.header("user-agent").starts_with("tradecloud-webhook/"));
    assert_eq!(request.header("authorization"), "");
    assert_eq!(request.json()["specversion"], "1.0");
}

#[tokio::test]
async fn the_binary_mode_puts_the_attributes_into_headers_and_encodes_what_does_not_fit() {
    let mut event = event("Zürich \"1%\"");
    event.attempt = 12;
    event.envelope.subject = Some("€😀/a~b".to_owned());

    let request = one_request("format = 'cloudevents-binary'", event).await;

    let headers: Vec<_> = request.headers.keys().filter(|name| name.as_str().starts_with("ce-")).collect();
    assert_eq!(headers.len(), 10, "{headers:?}");
    assert_eq!(request.header("ce-id"), "Z%C3%BCrich%20%221%25%22");
    assert_eq!(request.header("ce-subject"), "%E2%82%AC%F0%9F%98%80/a~b");
    assert_eq!(request.header("ce-specversion"), "1.0");
    assert_eq!(request.header("ce-type"), "com.tradecloud1.order.OrderIssuedByBuyer");
    assert_eq!(request.header("ce-source"), "https://tradecloud1.com/company/company-1");
    assert_eq!(request.header("ce-time"), "2026-11-21T01:38:12.000Z");
    assert_eq!(request.header("ce-tcreceived"), "2026-11-21T01:38:12.123456Z");
    assert_eq!(request.header("ce-tcattempt"), "12");
    assert_eq!(request.header("ce-tcformat"), "json");
    assert_eq!(request.header("ce-tcorigin"), "webhook");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.body, BODY);
}

#[tokio::test]
async fn the_original_is_passed_on_untouched() {
    let mut event = event("m-1");
    event.envelope.format = tradecloud_webhook::model::Format::Txml;
    event.content_type = Some("text/xml; charset=utf-8".to_owned());
    event.body = "<OrderEvent><id>1</id></OrderEvent>".into();

    let request = one_request("format = 'original'", event).await;

    assert_eq!(request.header("content-type"), "text/xml; charset=utf-8");
    assert_eq!(request.body, "<OrderEvent><id>1</id></OrderEvent>");
}

#[tokio::test]
async fn every_status_has_its_outcome() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "");
    for done in [200, 201, 202, 204, 299] {
        erp.answer([done]);
        assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done, "{done}");
    }
    for rejected in [400, 404, 409, 410, 413, 415, 422] {
        erp.answer([rejected]);
        assert_eq!(rejection(handler.deliver(&event("m-1")).await).status, Some(rejected));
    }
    for unreachable in [301, 304, 401, 403, 405, 408, 425, 429, 500, 501, 502, 503, 504, 599] {
        erp.answer([unreachable]);
        let why = unavailable(handler.deliver(&event("m-1")).await);
        assert_eq!(why.fault, Fault::Unreachable);
        assert!(why.reason.contains(&format!("answered {unreachable}")), "{}", why.reason);
    }
}

#[tokio::test]
async fn the_statuses_that_reject_are_configurable() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "reject_on = [401, 500]");
    erp.answer([401, 500, 422]);

    let outcomes =
        [handler.deliver(&event("1")).await, handler.deliver(&event("2")).await, handler.deliver(&event("3")).await];

    let [unauthorized, fault, unprocessable] = outcomes;
    assert_eq!(rejection(unauthorized).status, Some(401));
    assert_eq!(rejection(fault).status, Some(500));
    unavailable(unprocessable);
}

#[tokio::test]
async fn a_reason_is_what_the_erp_says_about_it_and_no_more() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "");
    let long = format!("{{\"detail\":\"{}\"}}", "x".repeat(1_000_000));
    for (media_type, body, end) in [
        ("application/problem+json", r#"{"title":"Refused","detail":"item 7 is unknown"}"#, ": item 7 is unknown"),
        ("application/json", r#"{"error":{"code":"X","message":"period is closed"}}"#, ": period is closed"),
        ("application/json", r#"{"error":{"code":"X","message":{"value":"period is closed"}}}"#, ": period is closed"),
        ("text/plain", "\n  item 7\r\nstack trace", ": item 7"),
        ("text/html; charset=utf-8", "<!DOCTYPE html>\n<html>", "Unprocessable Entity"),
        ("application/json", long.as_str(), "…"),
        ("text/plain", "", "Unprocessable Entity"),
    ] {
        erp.answer([Answer::status(422).body(media_type, body)]);

        let reason = rejection(handler.deliver(&event("m-1")).await).reason;

        assert!(reason.starts_with("127.0.0.1:") && reason.contains(" answered 422 "), "{reason}");
        assert!(reason.ends_with(end), "{reason}");
        assert!(reason.len() < 500, "{reason}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (erp, other) = (Erp::start(), Erp::start());
    erp.answer([Answer::status(307).header("location", &other.url("/new"))]);

    let why = unavailable(handler_for(&erp, "").deliver(&event("m-1")).await);

    assert!(why.reason.contains(&other.url("/new")), "{}", why.reason);
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn a_connection_that_breaks_is_worth_another_try() {
    let erp = Erp::start();
    erp.answer([Answer::drop_connection()]);
    let handler = handler_for(&erp, "");

    let (first, second) = (handler.deliver(&event("m-1")).await, handler.deliver(&event("m-1")).await);

    assert_eq!(unavailable(first).fault, Fault::Unreachable);
    assert_eq!(second, Outcome::Done);
    assert_eq!(erp.wait_for(2).await.len(), 2);
}

#[tokio::test]
async fn an_erp_that_restarts_between_two_events_is_found_again() {
    let mut erp = Erp::start();
    let handler = handler_for(&erp, "");
    assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);

    erp.restart();

    let mut outcome = handler.deliver(&event("m-2")).await;
    if outcome != Outcome::Done {
        // The pooled connection may have been found broken only in use.
        outcome = handler.deliver(&event("m-2")).await;
    }
    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn an_event_that_was_taken_is_done_even_if_the_answer_never_ends() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let _ = connection.read(&mut [0; 8 * 1024]).await;
        connection.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nx").await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
    });
    let start = Instant::now();

    let outcome = handler(&format!("type = 'http'\nurl = '{url}'\ntimeout = '60s'")).deliver(&event("m-1")).await;

    assert_eq!(outcome, Outcome::Done);
    assert!(start.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn fixed_credentials_are_sent() {
    let basic = one_request("auth = { type = 'basic', username = 'me', password = 'a:b' }", event("m-1")).await;
    let bearer = one_request("auth = { type = 'bearer', token = 'abc' }", event("m-1")).await;

    assert_eq!(basic.header("authorization"), "Basic bWU6YTpi");
    assert_eq!(bearer.header("authorization"), "Bearer abc");
}

#[tokio::test]
async fn a_private_ca_is_trusted_only_if_it_is_named() {
    let (erp, certificate) = Erp::start_with_tls();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, certificate).unwrap();

    let unknown = handler_for(&erp, "").deliver(&event("m-1")).await;
    let known = handler_for(&erp, &format!("ca_file = '{}'", file.path().display())).deliver(&event("m-2")).await;

    let why = unavailable(unknown);
    assert!(why.reason.contains("`ca_file`"), "{}", why.reason);
    assert_eq!(known, Outcome::Done);
    assert_eq!(erp.received().len(), 1);
    assert_eq!(erp.received()[0].version, axum::http::Version::HTTP_2);
}
