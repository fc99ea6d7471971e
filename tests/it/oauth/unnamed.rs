//! Tokens that do not name their key by its id, as ADFS makes them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{header, receiver_of, status, with};
use crate::support::erp::Answer;
use crate::support::issuer::{Issuer, Key};

/// Publishes these keys with changes to each of them.
fn publish(issuer: &Issuer, keys: &[(&Key, Value)]) {
    let keys: Vec<_> = keys.iter().map(|(key, changes)| with(key.jwk(), changes)).collect();
    issuer.publish_by(Answer::status(200).body("application/json", json!({"keys": keys}).to_string()));
}

/// Around a change of its certificate, ADFS publishes two keys for weeks.
#[tokio::test]
async fn whichever_of_the_published_keys_signed_it_a_token_without_key_id_is_taken() {
    let (old, new) = (Key::rsa("old"), Key::rsa("new"));
    let issuer = Issuer::start(&[&old, &new]);
    let receiver = receiver_of(&issuer).await;
    let headers = |key: &Key| {
        [
            json!({"alg": "RS256", "typ": "JWT", "x5t": key.id}),
            json!({"alg": "RS256", "typ": "JWT", "x5t#S256": key.id}),
            json!({"alg": "RS256", "typ": "JWT"}),
            // Named by what nobody has, which says less than the signature.
            json!({"alg": "RS256", "x5t": "somebody else's"}),
            json!({"alg": "RS256", "x5t": 1, "x5t#S256": ["new"]}),
        ]
    };

    for _ in 0..3 {
        for key in [&old, &new] {
            for header in headers(key) {
                let answered = status(&receiver, &key.token(&header, &issuer.claims())).await;
                assert_eq!(answered, 202, "{header} by {}", key.id);
            }
        }
    }

    assert_eq!(issuer.asked(), 1, "there was nothing to ask");
}

#[tokio::test]
async fn a_thumbprint_is_found_whatever_the_issuer_calls_it() {
    let keys: Vec<_> = (0..20).map(|number| Key::p256(&format!("k{number}"))).collect();
    let issuer = Issuer::start(&[]);
    // More of them than are tried one after the other; the last is the one.
    for (changes, header) in [
        (json!({"kid": null, "x5t": "thumbprint"}), json!({"alg": "ES256", "x5t": "thumbprint"})),
        (json!({"kid": null, "x5t#S256": "thumbprint"}), json!({"alg": "ES256", "x5t#S256": "thumbprint"})),
        (json!({"kid": "thumbprint"}), json!({"alg": "ES256", "x5t": "thumbprint"})),
        (json!({"kid": "thumbprint"}), json!({"alg": "ES256", "x5t#S256": "thumbprint"})),
    ] {
        let (last, others) = keys.split_last().unwrap();
        let published: Vec<_> = others.iter().map(|key| (key, json!({}))).chain([(last, changes.clone())]).collect();
        publish(&issuer, &published);
        let receiver = receiver_of(&issuer).await;

        assert_eq!(status(&receiver, &last.token(&header, &issuer.claims())).await, 202, "{changes}");
    }
}

#[tokio::test]
async fn a_token_without_key_id_that_no_published_key_signed_is_refused_once_the_issuer_was_asked_about_it() {
    let (published, stranger) = (Key::rsa("k"), Key::rsa("k"));
    let issuer = Issuer::start(&[&published, &Key::rsa("second")]);
    let receiver = receiver_of(&issuer).await;

    for header in [json!({"alg": "RS256"}), json!({"alg": "RS256", "x5t": "k"}), json!({"alg": "ES256"})] {
        for _ in 0..3 {
            let before = issuer.asked();
            let answered = status(&receiver, &stranger.token(&header, &issuer.claims())).await;
            // That it has no new key is known only of when it was asked.
            let due = if issuer.asked() > before { 401 } else { 503 };
            assert_eq!(answered, due, "{header}");
        }
    }

    assert!(issuer.asked() > 1, "it may have had a new key");
    let named = stranger.token(&header(&stranger, "RS256"), &issuer.claims());
    assert_eq!(status(&receiver, &named).await, 401);
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn a_new_key_is_learnt_from_a_token_that_does_not_name_it() {
    let (old, new) = (Key::rsa("old"), Key::rsa("new"));
    let issuer = Issuer::start(&[&old]);
    let receiver = receiver_of(&issuer).await;
    issuer.publish(&[&old, &new]);

    assert_eq!(status(&receiver, &new.token(&json!({"alg": "RS256"}), &issuer.claims())).await, 202);

    assert_eq!(issuer.asked(), 2);
}

/// Half a minute, because the issuer is asked no more often.
#[tokio::test]
async fn a_new_key_that_no_token_names_costs_a_delay_and_no_event_whatever_a_stranger_had_the_issuer_asked_for() {
    let (old, new, stranger) = (Key::rsa("old"), Key::rsa("new"), Key::rsa("k"));
    let issuer = Issuer::start(&[&old]);
    let receiver = receiver_of(&issuer).await;
    let unnamed = |key: &Key| key.token(&json!({"alg": "RS256"}), &issuer.claims());
    assert_eq!(status(&receiver, &unnamed(&stranger)).await, 401);
    issuer.publish(&[&old, &new]);

    let (begun, mut answers) = (Instant::now(), Vec::new());
    while answers.last() != Some(&202) {
        assert!(begun.elapsed() < Duration::from_secs(120), "it is never learnt: {answers:?}");
        answers.push(status(&receiver, &unnamed(&new)).await);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    assert!(answers[..answers.len() - 1].iter().all(|status| *status == 503), "{answers:?}");
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test]
async fn while_no_keys_can_be_had_nobody_can_say_who_signed_a_token() {
    let (published, stranger) = (Key::rsa("k"), Key::rsa("k"));
    let mut issuer = Issuer::start(&[&published]);
    let receiver = receiver_of(&issuer).await;
    let token = stranger.token(&json!({"alg": "RS256"}), &issuer.claims());
    issuer.stop();

    assert_eq!(status(&receiver, &token).await, 503);
    assert_eq!(status(&receiver, &published.token(&json!({"alg": "RS256"}), &issuer.claims())).await, 202);
}
