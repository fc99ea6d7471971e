//! Forged and wrong tokens: all are refused, and nothing of them is kept.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::forgeries::Signers;
use super::{header, receiver_of, status, with};
use crate::support::issuer::{Issuer, Key, encode, now};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// How many are tried at least: a list that got lost would prove nothing.
const AT_LEAST: usize = 230;

#[tokio::test]
async fn no_forged_or_wrong_token_gets_through() {
    let stranger = Issuer::start(&[]);
    let signers = Signers::new(stranger.keys_at());
    stranger.publish(&signers.strange());
    let issuer = Issuer::start(&signers.published());
    let receiver = receiver_of(&issuer).await;
    let attempts = signers.attempts(&issuer);
    assert!(attempts.len() >= AT_LEAST, "only {} attempts", attempts.len());
    let different: HashSet<_> = attempts.iter().map(|(_, token)| token).collect();
    assert!(different.len() >= AT_LEAST, "only {} that differ", different.len());

    let mut otherwise = Vec::new();
    for (what, token) in &attempts {
        match status(&receiver, token).await {
            401 => {}
            status => otherwise.push((what, status)),
        }
    }

    assert!(otherwise.is_empty(), "not 401: {otherwise:#?}");
    assert!(receiver.inbox().is_empty());
    for key in [&signers.rsa, &signers.p256] {
        let algorithm = if key.id == "rsa" { "RS256" } else { "ES256" };
        assert_eq!(status(&receiver, &issuer.token(key, algorithm)).await, 202, "and the good ones still do");
    }
    assert_eq!(issuer.asked(), 1, "none of them made us ask the issuer");
    assert_eq!(stranger.asked(), 0, "none of them made us ask whom it named");
    still_well(&receiver);
}

/// A token belongs into the header `Authorization`, after `Bearer`. Addresses end up in logs, cookies come by themselves.
#[tokio::test]
async fn a_good_token_in_the_wrong_place_is_none() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let receiver = receiver_of(&issuer).await;
    let token = issuer.token(&key, "ES256");
    let anonymous = receiver.sender().anonymous();
    let with = async |name: &str, value: String| {
        let request = anonymous.request(Method::POST).header(name, value).body(order_event("1").to_string());
        anonymous.finish(request).await.status
    };

    for scheme in ["JWT", "DPoP", "Basic", "Negotiate", "Token", "Bearer:", "BearerBearer"] {
        assert_eq!(with("authorization", format!("{scheme} {token}")).await, Some(401), "{scheme}");
    }
    assert_eq!(with("authorization", token.clone()).await, Some(401));
    assert_eq!(with("authorization", format!("Bearer{token}")).await, Some(401));
    for header in ["proxy-authorization", "x-authorization", "x-ms-token-aad-access-token"] {
        assert_eq!(with(header, format!("Bearer {token}")).await, Some(401), "{header}");
    }
    assert_eq!(with("cookie", format!("access_token={token}")).await, Some(401));
    let in_address = anonymous.clone().to(receiver.url(&format!("/webhooks/tradecloud?access_token={token}")));
    assert_eq!(in_address.send(order_event("1")).await.status, Some(401));
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        assert_eq!(with("authorization", format!("{scheme} {token}")).await, Some(202), "{scheme}");
    }
}

/// It may be a new one that not all of the issuer's machines have heard of.
#[tokio::test]
async fn a_token_by_a_key_that_the_issuer_does_not_have_gets_nobody_in_and_has_it_asked_now_and_then() {
    let (known, unknown) = (Key::rsa("rsa"), Key::rsa("another"));
    let issuer = Issuer::start(&[&known, &Key::rsa("second")]);
    let receiver = receiver_of(&issuer).await;

    for _ in 0..5 {
        assert_eq!(status(&receiver, &issuer.token(&unknown, "RS256")).await, 503);
    }
    assert_eq!(issuer.asked(), 2);
    let expired = with(issuer.claims(), &json!({"exp": now() - 100}));
    assert_eq!(status(&receiver, &unknown.token(&header(&unknown, "RS256"), &expired)).await, 401, "wrong anyway");
    assert_eq!(issuer.asked(), 2, "anybody can invent a key");
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn a_key_is_used_for_what_it_is_published_for_only() {
    let (key, other) = (Key::rsa("k"), Key::p256("other"));
    let issuer = Issuer::start(&[&key]);
    let publish = |changes: &Value| {
        let keys = json!({"keys": [with(key.jwk(), changes), other.jwk()]});
        issuer.publish_by(crate::support::erp::Answer::status(200).body("application/json", keys.to_string()));
    };
    let cases = [
        (json!({"use": "enc"}), "RS256", 401),
        (json!({"use": null, "key_ops": ["encrypt"]}), "RS256", 401),
        (json!({"use": null, "key_ops": ["verify"]}), "RS256", 202),
        (json!({"alg": "RS512"}), "RS256", 401),
        (json!({"alg": "RS256"}), "RS256", 202),
        (json!({"alg": "RS256"}), "PS256", 401),
        (json!({"alg": "RSA-OAEP"}), "RS256", 401),
        (json!({"alg": "HS256"}), "HS256", 401),
        (json!({"kty": "oct", "k": encode("secret")}), "HS256", 401),
        // Not the key that the token names, which may turn up.
        (json!({"kid": "K"}), "RS256", 503),
        (json!({"kid": null}), "RS256", 503),
        (json!({"x5t": null, "x5c": null, "use": null}), "RS256", 202),
    ];

    for (changes, algorithm, expected) in cases {
        publish(&changes);
        let receiver = receiver_of(&issuer).await;

        let answered = status(&receiver, &issuer.token(&key, algorithm)).await;

        assert_eq!(answered, expected, "{changes} for {algorithm}");
    }
}

fn still_well(receiver: &Receiver) {
    let troubles: Vec<_> = receiver.log().into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(troubles.is_empty(), "{troubles:#?}");
}
