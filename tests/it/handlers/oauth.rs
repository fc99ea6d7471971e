//! What `http` promises of access tokens: fetched when needed, shared, replaced, and never a dead end.

use std::time::Duration;

use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler};

use super::http::handler_for;
use super::{event, unavailable};
use crate::support::erp::{Answer, Erp};
use crate::support::eventually;

/// An ERP, a token endpoint, and a handler that uses both.
fn with_tokens() -> (Erp, Erp, SharedHandler) {
    let (erp, issuer) = (Erp::start(), Erp::start());
    let handler = handler_for(
        &erp,
        &format!(
            "timeout = '2s'\nauth = {{ type = 'oauth', token_url = '{}', client_id = 'me', client_secret = 'a b+c', \
             scope = 'orders' }}",
            issuer.url("/token")
        ),
    );
    (erp, issuer, handler)
}

fn token(token: &str, expires_in: &str) -> Answer {
    let body = format!(r#"{{"token_type":"Bearer","access_token":"{token}","expires_in":{expires_in}}}"#);
    Answer::status(200).body("application/json", body)
}

fn tokens_seen(erp: &Erp) -> Vec<String> {
    erp.received().iter().map(|request| request.header("authorization").to_owned()).collect()
}

#[tokio::test]
async fn an_access_token_is_fetched_once_and_used_until_it_ends() {
    let (erp, issuer, handler) = with_tokens();
    issuer.answer([token("one", "\"20\""), token("two", "3600"), token("three", "3600")]);

    for id in ["m-1", "m-2"] {
        assert_eq!(handler.deliver(&event(id)).await, Outcome::Done);
    }
    assert_eq!(tokens_seen(&erp), ["Bearer one", "Bearer one"]);
    eventually("the token is at its end", async || {
        assert_eq!(handler.deliver(&event("m-3")).await, Outcome::Done);
        tokens_seen(&erp).last().is_some_and(|last| last == "Bearer two")
    })
    .await;
    assert_eq!(handler.deliver(&event("m-4")).await, Outcome::Done);

    let seen = tokens_seen(&erp);
    let (second, first) = seen.split_last_chunk::<2>().map(|(first, second)| (second, first)).unwrap();
    assert!(first.iter().all(|token| token == "Bearer one") && *second == ["Bearer two", "Bearer two"], "{seen:?}");
    let asked = issuer.received();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].at - asked[0].at > Duration::from_secs(1));
    assert_eq!(asked[0].header("authorization"), "Basic bWU6YSUyMGIlMkJj", "form-encoded, then base64");
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=orders");
}

#[tokio::test]
async fn many_events_at_once_share_one_token() {
    let (erp, issuer, handler) = with_tokens();
    issuer.answer([token("one", "3600").after(Duration::from_millis(200)), token("two", "3600")]);

    let deliveries: Vec<_> = (0..8)
        .map(|number| {
            let handler = handler.clone();
            tokio::spawn(async move { handler.deliver(&event(&number.to_string())).await })
        })
        .collect();
    for delivery in deliveries {
        assert_eq!(delivery.await.unwrap(), Outcome::Done);
    }

    assert_eq!(issuer.received().len(), 1);
    assert_eq!(erp.received().len(), 8);
}

#[tokio::test]
async fn a_token_that_the_erp_refuses_is_replaced_once() {
    let (erp, issuer, handler) = with_tokens();
    issuer.answer([token("one", "3600"), token("two", "3600"), token("three", "3600")]);
    erp.answer([401, 200, 401, 401]);

    let replaced = handler.deliver(&event("m-1")).await;
    let refused = handler.deliver(&event("m-2")).await;

    assert_eq!(replaced, Outcome::Done);
    assert!(unavailable(refused).reason.contains("`auth`"));
    assert_eq!(tokens_seen(&erp), ["Bearer one", "Bearer two", "Bearer two", "Bearer three"]);
}

#[tokio::test]
async fn a_token_endpoint_that_wants_the_secret_in_the_body_gets_it_there() {
    let (erp, issuer, handler) = with_tokens();
    issuer.answer([Answer::status(401), token("one", "0"), token("two", "0")]);

    for id in ["m-1", "m-2"] {
        assert_eq!(handler.deliver(&event(id)).await, Outcome::Done);
    }

    let asked = issuer.received();
    assert_eq!(asked.len(), 3, "what the endpoint wants is remembered");
    assert_eq!(asked[2].header("authorization"), "");
    assert_eq!(asked[2].body, "grant_type=client_credentials&scope=orders&client_id=me&client_secret=a+b%2Bc");
    assert_eq!(tokens_seen(&erp), ["Bearer one", "Bearer two"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_says_why() {
    let (erp, mut issuer, handler) = with_tokens();
    let refusal = Answer::status(401).body("application/json", r#"{"error":"invalid_client"}"#);
    issuer.answer([refusal.clone(), refusal, Answer::status(503), Answer::status(200), Answer::hang()]);
    for (said, fault) in [
        ("answered 401 Unauthorized: invalid_client", Fault::Unreachable),
        ("answered 503", Fault::Unreachable),
        ("without an `access_token`", Fault::Unreachable),
        ("within 2s", Fault::Late),
    ] {
        let why = unavailable(handler.deliver(&event("m-1")).await);

        assert!(why.reason.contains(said), "{}", why.reason);
        assert!(!why.reason.contains("a b+c"), "{}", why.reason);
        assert_eq!(why.fault, fault);
    }
    issuer.stop();

    let why = unavailable(handler.deliver(&event("m-1")).await);
    let probe = handler.probe().await;

    assert!(why.reason.starts_with("no access token: cannot connect to 127.0.0.1:"), "{}", why.reason);
    assert_eq!(probe, Err(why.reason));
    assert!(erp.received().is_empty());
}
