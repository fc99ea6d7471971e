//! The keys of the issuer: learnt, kept, replaced, and what becomes of events while they cannot be had.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{answer, configuration, header, receiver_of, status, with};
use crate::support::erp::Answer;
use crate::support::issuer::{Issuer, Key};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

#[tokio::test]
async fn a_new_key_is_learnt_with_the_first_token_that_it_signed() {
    let (old, new) = (Key::p256("old"), Key::p256("new"));
    let issuer = Issuer::start(&[&old]);
    let receiver = receiver_of(&issuer).await;
    assert_eq!(status(&receiver, &issuer.token(&old, "ES256")).await, 202);

    issuer.publish(&[&new]);

    assert_eq!(status(&receiver, &issuer.token(&new, "ES256")).await, 202);
    assert_eq!(status(&receiver, &issuer.token(&old, "ES256")).await, 503, "the issuer is not asked for it yet");
    assert_eq!(issuer.asked(), 2);
}

/// Half a minute, because that is the promise.
#[tokio::test]
async fn a_second_new_key_is_learnt_half_a_minute_later_and_no_event_is_lost_until_then() {
    let keys = [Key::p256("one"), Key::p256("two"), Key::p256("three")];
    let issuer = Issuer::start(&[&keys[0]]);
    let receiver = receiver_of(&issuer).await;
    issuer.publish(&[&keys[1]]);
    let asked = Instant::now();
    assert_eq!(status(&receiver, &issuer.token(&keys[1], "ES256")).await, 202);
    issuer.publish(&[&keys[2]]);

    let mut answers = Vec::new();
    while answers.last() != Some(&202) {
        assert!(asked.elapsed() < Duration::from_secs(120), "it is never learnt: {answers:?}");
        answers.push(status(&receiver, &issuer.token(&keys[2], "ES256")).await);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    assert!(asked.elapsed() >= Duration::from_secs(30), "{:?}", asked.elapsed());
    assert!(answers.len() > 10 && answers[..answers.len() - 1].iter().all(|status| *status == 503), "{answers:?}");
    assert_eq!(issuer.asked(), 3, "at the start, and once for each new key");
}

#[tokio::test]
async fn many_requests_with_a_new_key_have_the_issuer_asked_once() {
    let (old, new) = (Key::p256("old"), Key::p256("new"));
    let issuer = Issuer::start(&[&old]);
    let receiver = receiver_of(&issuer).await;
    let keys = json!({"keys": [new.jwk()]}).to_string();
    issuer.publish_by(Answer::status(200).body("application/json", keys).after(Duration::from_millis(300)));
    let token = issuer.token(&new, "ES256");
    let (sender, mut requests) = (receiver.sender(), tokio::task::JoinSet::new());

    for number in 0..50 {
        let sender = sender.clone().bearer(&token);
        requests.spawn(async move { sender.send(order_event(&number.to_string())).await.status });
    }

    assert!(requests.join_all().await.iter().all(|status| *status == Some(202)));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn while_the_issuer_is_away_known_keys_do_and_others_are_sent_again() {
    let (known, unknown) = (Key::p256("known"), Key::p256("unknown"));
    let mut issuer = Issuer::start(&[&known]);
    let receiver = receiver_of(&issuer).await;
    let (good, new) = (issuer.token(&known, "ES256"), issuer.token(&unknown, "ES256"));
    issuer.stop();

    assert_eq!(status(&receiver, &good).await, 202);
    assert_eq!(status(&receiver, &new).await, 503);
    let line = receiver.logged("the ones known are used on").await;
    assert!(line["trouble"].as_str().unwrap().contains("cannot connect"), "{line}");
    assert_eq!(status(&receiver, &format!("{good}AA")).await, 401, "for that no issuer is needed");
}

#[tokio::test]
async fn a_restart_while_the_issuer_is_away_goes_on_with_the_keys_on_disk() {
    let key = Key::rsa("k");
    let mut issuer = Issuer::start(&[&key]);
    let mut receiver = receiver_of(&issuer).await;
    assert_eq!(status(&receiver, &issuer.token(&key, "RS256")).await, 202);
    receiver.kill();
    issuer.stop();

    receiver.restart();

    assert_eq!(status(&receiver, &issuer.token(&key, "RS256")).await, 202);
    let forged = Key::rsa("k");
    assert_eq!(status(&receiver, &issuer.token(&forged, "RS256")).await, 401);
    let kept: Vec<_> =
        std::fs::read_dir(receiver.path("data/issuer-keys")).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(kept.len(), 1, "and nothing half written: {kept:?}");
}

#[tokio::test]
async fn keys_on_disk_that_are_old_broken_or_of_another_issuer_are_not_used() {
    let key = Key::p256("k");
    let mut issuer = Issuer::start(&[&key]);
    let mut receiver = receiver_of(&issuer).await;
    receiver.expects_error("the keys of an issuer cannot be had");
    receiver.kill();
    issuer.stop();
    let file = std::fs::read_dir(receiver.path("data/issuer-keys")).unwrap().next().unwrap().unwrap().path();
    let good = std::fs::read_to_string(&file).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&good).unwrap();

    for text in [
        with(kept.clone(), &json!({"fetched": "2026-01-01T00:00:00Z"})).to_string(),
        with(kept.clone(), &json!({"issuer": "https://login.example"})).to_string(),
        with(kept, &json!({"key_set": {"keys": []}})).to_string(),
        good[..good.len() / 2].to_owned(),
        String::new(),
    ] {
        std::fs::write(&file, &text).unwrap();
        receiver.restart();
        assert_eq!(status(&receiver, &issuer.token(&key, "ES256")).await, 503, "{text}");
        receiver.kill();
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_costs_a_delay_and_is_used_as_soon_as_it_is_back() {
    let key = Key::p256("k");
    let mut issuer = Issuer::start(&[&key]);
    let token = issuer.token(&key, "ES256");
    issuer.stop();
    let receiver = Receiver::with(&configuration(&issuer));

    let answer = answer(&receiver, &token).await;

    assert_eq!(answer.status, Some(503), "{answer:?}");
    receiver.logged("the keys of an issuer cannot be had; whoever comes").await;
    let wrong_path = receiver.sender().bearer(&token).to(receiver.url("/slip")).send(order_event("1")).await;
    assert_eq!(wrong_path.status, Some(503), "a 404 would lose it");
    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202), "other credentials do not care");
    issuer.restart();
    crate::support::eventually("the token is taken", async || status(&receiver, &token).await == 202).await;
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_up_no_answer_and_no_other_issuer() {
    let (key, other_key) = (Key::p256("k"), Key::p256("k"));
    let (hanging, other) = (Issuer::start(&[&key]), Issuer::start(&[&other_key]));
    hanging.describe_by(Answer::hang());
    let receiver = Receiver::with(&format!(
        "server.answer_within = \"16s\"\n{}\n{}",
        configuration(&hanging),
        configuration(&other).replace("auth.entra", "auth.another")
    ));
    receiver.logged("the keys of an issuer are known").await;

    // The issuer has ten seconds, the answer eight: half of its time.
    let answer = answer(&receiver, &hanging.token(&key, "ES256")).await;
    assert_eq!(answer.status, Some(503));
    assert!(answer.detail().contains("not found out in time"), "{answer:?}");
    assert_eq!(status(&receiver, &other.token(&other_key, "ES256")).await, 202);
}

#[tokio::test]
async fn whatever_an_issuer_publishes_in_place_of_keys_is_not_believed() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let (document, token) = (issuer.document(), issuer.token(&key, "ES256"));
    let json = |text: String| Answer::status(200).body("application/json", text);
    let keys = json!({"keys": [key.jwk()]}).to_string();
    let padding = "x".repeat(2 << 20);
    let documents = [
        (Answer::status(404), "404"),
        (Answer::status(500), "500"),
        (Answer::status(302).header("location", "http://127.0.0.1:1/"), "302"),
        (Answer::drop_connection(), "no answer"),
        (json("garbage".to_owned()), "no discovery document"),
        (json("[]".to_owned()), "no discovery document"),
        (json("{}".to_owned()), "no discovery document"),
        (json(with(document.clone(), &json!({"padding": padding})).to_string()), "more than"),
        (json(with(document.clone(), &json!({"issuer": format!("{}/", issuer.name())})).to_string()), "another issuer"),
        (
            json(
                with(document.clone(), &json!({"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}))
                    .to_string(),
            ),
            "{tenantid}",
        ),
        (json(with(document.clone(), &json!({"jwks_uri": "http://keys.example/keys"})).to_string()), "not https"),
        (json(with(document.clone(), &json!({"jwks_uri": "file:///etc/keys"})).to_string()), "not https"),
        (json(with(document.clone(), &json!({"jwks_uri": 1})).to_string()), "no discovery document"),
    ];
    let sets = [
        (Answer::status(503), "503"),
        (json("garbage".to_owned()), "no set of keys"),
        (json("{}".to_owned()), "no set of keys"),
        (json(r#"{"keys": []}"#.to_owned()), "no key"),
        (json(r#"{"keys": [{}, 1, {"kty": "oct", "k": "AAAA", "kid": "k"}]}"#.to_owned()), "no key"),
        (json(with(serde_json::from_str(&keys).unwrap(), &json!({"padding": padding})).to_string()), "more than"),
    ];
    let cases = documents.map(|(answer, says)| (Some(answer), None, says)).into_iter();

    for (described, published, says) in cases.chain(sets.map(|(answer, says)| (None, Some(answer), says))) {
        issuer.describe(&document);
        issuer.publish(&[&key]);
        if let Some(answer) = described {
            issuer.describe_by(answer);
        }
        if let Some(answer) = published {
            issuer.publish_by(answer);
        }
        let receiver = Receiver::with(&configuration(&issuer));

        let answered = status(&receiver, &token).await;

        let line = receiver.logged("cannot be had").await;
        assert!(line["trouble"].as_str().unwrap().contains(says), "{says}: {line}");
        assert_eq!(answered, 503, "{says}");
        assert!(!receiver.path("data/issuer-keys").exists(), "{says}");
    }
}

#[tokio::test]
async fn what_is_odd_in_a_key_set_does_not_spoil_the_rest() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let keys = json!({"keys": [
        {}, 1, {"kty": "RSA", "kid": "no-modulus"}, {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "s"},
        {"kty": "future", "kid": "f", "use": "sig"}, {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "o"},
        {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "bad"}, key.jwk(),
    ]});
    issuer.publish_by(Answer::status(200).body("text/plain", keys.to_string()));
    let receiver = receiver_of(&issuer).await;

    assert_eq!(status(&receiver, &issuer.token(&key, "ES256")).await, 202);
}

#[tokio::test]
async fn adfs_has_another_name_in_its_access_tokens() {
    let key = Key::rsa("k");
    let issuer = Issuer::start(&[&key]);
    let trust = "http://adfs.example/adfs/services/trust";
    issuer.describe(&with(issuer.document(), &json!({"access_token_issuer": trust})));
    let mut receiver = receiver_of(&issuer).await;
    let token = |iss: &str| key.token(&header(&key, "RS256"), &with(issuer.claims(), &json!({"iss": iss})));

    assert_eq!(status(&receiver, &token(trust)).await, 202);
    assert_eq!(status(&receiver, &token(&issuer.name())).await, 202);
    assert_eq!(status(&receiver, &token("http://adfs.example/adfs")).await, 401);
    receiver.kill();
    issuer.describe_by(Answer::hang());
    receiver.restart();
    assert_eq!(status(&receiver, &token(trust)).await, 202, "it is kept with the keys");
}
