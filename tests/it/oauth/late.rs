//! An issuer whose machines do not all know its new key yet, and clocks that do not agree.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{PATIENT, configuration, header, receiver_of, status, with};
use crate::support::clock::Clock;
use crate::support::issuer::{Issuer, Key, now};
use crate::support::receiver::Receiver;

/// Half a minute, because the issuer is asked no more often.
#[tokio::test]
async fn a_key_that_the_issuer_publishes_later_than_it_signs_with_it_costs_a_delay_and_no_event() {
    let (old, new) = (Key::rsa("old"), Key::rsa("new"));
    let issuer = Issuer::start(&[&old]);
    let receiver = receiver_of(&issuer).await;
    let by_id = issuer.token(&new, "RS256");
    let by_thumbprint = new.token(&json!({"alg": "RS256", "x5t": "new"}), &issuer.claims());

    // The issuer is asked, and does not have it.
    assert_eq!(status(&receiver, &by_id).await, 503);
    assert_eq!(status(&receiver, &by_thumbprint).await, 503);
    assert_eq!(issuer.asked(), 2);
    let line = receiver.logged("whether credentials are right cannot be said now").await;
    assert_eq!(line["level"], "WARN");
    assert!(line["reason"].as_str().unwrap().contains("a key that the issuer does not have, or not yet"), "{line}");
    issuer.publish(&[&old, &new]);
    let (begun, mut answers) = (Instant::now(), Vec::new());
    while answers.last() != Some(&202) {
        assert!(begun.elapsed() < Duration::from_secs(120), "it is never learnt: {answers:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
        answers.push(status(&receiver, &by_id).await);
    }

    assert!(answers[..answers.len() - 1].iter().all(|status| *status == 503), "{answers:?}");
    assert_eq!(status(&receiver, &by_thumbprint).await, 202);
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test]
async fn a_token_of_another_issuer_or_audience_is_refused_at_once_whatever_key_it_names() {
    let (known, unknown) = (Key::p256("known"), Key::p256("unknown"));
    let issuer = Issuer::start(&[&known]);
    let receiver = receiver_of(&issuer).await;

    for changes in [json!({"iss": "https://login.example"}), json!({"aud": "another"})] {
        let token = unknown.token(&header(&unknown, "ES256"), &with(issuer.claims(), &changes));
        assert_eq!(status(&receiver, &token).await, 401, "{changes}");
    }

    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_token_that_has_expired_by_our_clock_alone_costs_a_delay_and_raises_an_alarm() {
    let key = Key::p256("k");
    let mut issuer = Issuer::start(&[&key]);
    let clock = Clock::new();
    clock.set("+2h");
    let configuration = format!("{PATIENT}{}", configuration(&issuer));
    let mut receiver = Receiver::prepared(&configuration).inside(clock.inside());
    receiver.restart();
    receiver.logged("the keys of an issuer are known").await;
    let token = |key: &Key, changes| key.token(&header(key, "ES256"), &with(issuer.claims(), &changes));
    let (good, expired) = (token(&key, json!({})), token(&key, json!({"exp": now() - 100})));
    let forged = token(&Key::p256("k"), json!({}));

    assert_eq!(status(&receiver, &good).await, 503);
    let alarm = receiver.logged("the clock of this machine is fast").await;
    assert_eq!(alarm["level"], "ERROR");
    assert!((7100.0..7300.0).contains(&alarm["seconds"].as_f64().unwrap()), "{alarm}");
    assert_eq!(status(&receiver, &expired).await, 401, "by the issuer's clock, too");
    assert_eq!(status(&receiver, &forged).await, 401, "only a good signature makes that a question of clocks");

    receiver.kill();
    issuer.stop();
    receiver.restart();
    assert_eq!(status(&receiver, &good).await, 503, "its keys are on disk, and what time it is nobody knows");
    clock.set("+0");
    assert_eq!(status(&receiver, &good).await, 202);
}

#[tokio::test]
async fn the_alarm_tells_of_every_token_that_a_fast_clock_puts_off() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let clock = Clock::new();
    clock.set("+2h");
    let configuration = format!("{PATIENT}{}", configuration(&issuer));
    let mut receiver = Receiver::prepared(&configuration).inside(clock.inside());
    receiver.restart();
    receiver.logged("the keys of an issuer are known").await;
    let good = issuer.token(&key, "ES256");
    for _ in 0..3 {
        assert_eq!(status(&receiver, &good).await, 503);
    }
    let alarm = receiver.logged("the clock of this machine is fast").await;

    receiver.ask_to_end();

    receiver.logged("drained").await;
    let log = receiver.log();
    let alarms = log.iter().filter(|line| line["message"] == alarm["message"]);
    assert_eq!(alarms.map(|line| line["calls"].as_u64().unwrap()).sum::<u64>(), 3, "{log:#?}");
}

#[tokio::test]
async fn an_issuer_that_does_not_say_what_time_it_is_leaves_ours_to_go_by() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let answer = |json: serde_json::Value| {
        crate::support::erp::Answer::status(200).body("application/json", json.to_string()).header("date", "some time")
    };
    issuer.describe_by(answer(issuer.document()));
    issuer.publish_by(answer(json!({"keys": [key.jwk()]})));
    let receiver = receiver_of(&issuer).await;

    assert_eq!(status(&receiver, &issuer.token(&key, "ES256")).await, 202);
    let expired = key.token(&header(&key, "ES256"), &with(issuer.claims(), &json!({"exp": now() - 100})));
    for _ in 0..3 {
        assert_eq!(status(&receiver, &expired).await, 401);
    }
}
