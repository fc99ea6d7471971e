//! Tokens that are taken, and right ones of the wrong caller.

use bigdecimal::num_bigint::BigUint;
use serde_json::json;

use super::{answer, configuration, header, receiver_of, status, with};
use crate::support::issuer::{Issuer, Key, decode, encode, now};
use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME};
use crate::support::sender::order_event;

#[tokio::test]
async fn every_algorithm_of_the_list_is_taken() {
    let (rsa, p256, p384) = (Key::rsa("rsa"), Key::p256("p256"), Key::p384("p384"));
    let issuer = Issuer::start(&[&rsa, &p256, &p384]);
    let receiver = receiver_of(&issuer).await;

    for algorithm in ["RS256", "RS384", "RS512", "PS256"] {
        assert_eq!(status(&receiver, &issuer.token(&rsa, algorithm)).await, 202, "{algorithm}");
    }
    assert_eq!(status(&receiver, &issuer.token(&p256, "ES256")).await, 202);
    assert_eq!(status(&receiver, &issuer.token(&p384, "ES384")).await, 202);
    assert_eq!(receiver.inbox().len(), 6);
    assert_eq!(issuer.asked(), 1, "once is enough");
    receiver.logged("event stored").await;
    let log = receiver.log().iter().map(ToString::to_string).collect::<String>();
    assert!(log.contains("\"credential\":\"entra\"") && !log.contains("eyJ"), "{log}");
}

/// To each signature on a curve there is a second one that anybody can work out. That is no forgery: it is
/// for the same claims, and half of all good tokens would be refused if only one of the two were taken.
#[tokio::test]
async fn both_signatures_that_a_curve_has_for_one_token_are_taken() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let receiver = receiver_of(&issuer).await;
    let token = issuer.token(&key, "ES256");
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (r, s) = decode(signature).split_at_checked(32).map(|(r, s)| (r.to_vec(), s.to_vec())).unwrap();
    let order = BigUint::parse_bytes(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16).unwrap();
    let negated = (order - BigUint::from_bytes_be(&s)).to_bytes_be();
    let twin = encode([&r[..], &vec![0; 32 - negated.len()], &negated].concat());

    assert_ne!(twin, signature);
    assert_eq!(status(&receiver, &token).await, 202);
    assert_eq!(status(&receiver, &format!("{message}.{twin}")).await, 202);
}

#[tokio::test]
async fn tokens_as_the_issuers_of_this_world_make_them_are_taken() {
    let key = Key::rsa("k");
    let issuer = Issuer::start(&[&key]);
    let receiver = receiver_of(&issuer).await;
    let good = issuer.claims();
    let claims = [
        ("Entra ID v2.0", json!({"ver": "2.0", "azpacr": "1", "tid": "t", "oid": "o", "uti": "u", "rh": "r"})),
        ("Entra ID v1.0", json!({"azp": null, "appid": "tradecloud", "appidacr": "1", "ver": "1.0"})),
        ("ADFS", json!({"azp": null, "appid": "tradecloud", "apptype": "Confidential", "nbf": null, "sub": null})),
        ("B2C", json!({"azp": "tradecloud", "tfp": "B2C_1_signin", "scp": "send", "acr": null})),
        ("Keycloak", json!({"aud": ["account", "api://webhook"], "realm_access": {"roles": ["x"]}, "typ": "Bearer"})),
        ("both claims of the client", json!({"appid": "someone"})),
        ("one role as a text", json!({"roles": "Orders.Send"})),
        ("parts of a second", json!({"exp": 9_999_999_999.25_f64, "nbf": 1.5})),
        ("far away", json!({"exp": 1e15})),
        // Within the minute that clocks may be apart, and far enough from its end for a test on a busy machine.
        ("just over", json!({"exp": now() - 10})),
        ("not quite begun", json!({"nbf": now() + 55})),
        ("made in the future", json!({"iat": now() + 1000})),
    ];
    let headers = [
        json!({"alg": "RS256", "kid": "k"}),
        json!({"alg": "RS256", "kid": "k", "typ": "at+jwt", "x5t": "k"}),
        // What is in the header besides is no concern of ours.
        json!({"alg": "RS256", "kid": "k", "typ": "JWT", "jku": "https://evil.example/keys", "x5u": "https://evil.example",
            "x5c": ["AAAA"], "jwk": Key::p256("evil").jwk(), "nonce": "n", "cty": "json"}),
        // With one key only, there is no question which.
        json!({"alg": "RS256", "typ": "JWT"}),
    ];

    for (what, changes) in claims {
        let answer = answer(&receiver, &key.token(&header(&key, "RS256"), &with(good.clone(), &changes))).await;
        assert_eq!(answer.status, Some(202), "{what}: {answer:?}");
    }
    for header in headers {
        let answer = answer(&receiver, &key.token(&header, &good)).await;
        assert_eq!(answer.status, Some(202), "{header}: {answer:?}");
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn all_kinds_of_credentials_work_side_by_side() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    // A static token that looks like an access token, too.
    let fixed = key.token(&header(&key, "ES256"), &with(issuer.claims(), &json!({"exp": 1})));
    let receiver = Receiver::with(&format!(
        "{}\nauth.fixed = {{ type = \"bearer\", token = \"{fixed}\" }}\n[[endpoints]]\npath = \"/webhooks/tradecloud\"\n\
         [[endpoints]]\npath = \"/oauth\"\nauth = [\"entra\"]\n[[endpoints]]\npath = \"/old\"\nauth = [\"portal\"]",
        configuration(&issuer)
    ));
    receiver.logged("the keys of an issuer are known").await;
    let challenges = async |path: &str| {
        let answer = receiver.sender().anonymous().to(receiver.url(path)).send(order_event("1")).await;
        assert_eq!(answer.status, Some(401));
        answer
            .all("www-authenticate")
            .iter()
            .map(|value| value.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(status(&receiver, &issuer.token(&key, "ES256")).await, 202);
    assert_eq!(status(&receiver, &fixed).await, 202, "it equals a static token");
    assert_eq!(status(&receiver, TOKEN).await, 202);
    assert!(receiver.sender().basic(USERNAME, PASSWORD).send(order_event("1")).await.is_delivered());
    let elsewhere = receiver.sender().bearer(&issuer.token(&key, "ES256")).to(receiver.url("/old"));
    assert_eq!(elsewhere.send(order_event("1")).await.status, Some(401), "not a credential of that endpoint");
    assert_eq!(challenges("/webhooks/tradecloud").await, ["Basic", "Bearer"]);
    assert_eq!(challenges("/oauth").await, ["Bearer"]);
}

#[tokio::test]
async fn a_right_token_of_the_wrong_caller_is_refused_and_what_it_sent_is_kept() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let receiver = receiver_of(&issuer).await;
    let cases = [
        (json!({"azp": "stranger"}), "clients"),
        (json!({"azp": null, "appid": "stranger"}), "clients"),
        (json!({"azp": null}), "clients"),
        (json!({"azp": "Tradecloud"}), "clients"),
        (json!({"azp": "tradecloud", "appid": "stranger"}), "clients"),
        (json!({"roles": null}), "Orders.Send"),
        (json!({"roles": []}), "Orders.Send"),
        (json!({"roles": ["orders.send"]}), "Orders.Send"),
        (json!({"roles": "Orders.Send Another"}), "Orders.Send"),
        (json!({"azp": "\u{1b}[2J"}), "clients"),
    ];

    for (changes, about) in &cases {
        let answer = answer(&receiver, &key.token(&header(&key, "ES256"), &with(issuer.claims(), changes))).await;

        assert_eq!(answer.status, Some(403), "{changes}: {answer:?}");
        assert!(answer.detail().contains(about) && !answer.detail().contains('\u{1b}'), "{changes}: {answer:?}");
        assert_eq!(receiver.body_of(&answer.id())[..1], *b"{", "it is kept");
    }
    let inbox = receiver.inbox();
    assert_eq!(inbox.len(), cases.len());
    assert!(inbox.iter().all(|event| event["state"] == "refused" && event["status"] == 403), "{inbox:#?}");
}

#[tokio::test]
async fn what_a_right_token_sends_to_the_wrong_path_is_kept() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let receiver = receiver_of(&issuer).await;
    let strange = key.token(&header(&key, "ES256"), &with(issuer.claims(), &json!({"azp": "stranger"})));

    for token in [issuer.token(&key, "ES256"), strange] {
        let answer = receiver.sender().bearer(&token).to(receiver.url("/slip")).send(order_event("1")).await;

        assert_eq!(answer.status, Some(404));
        assert_eq!(receiver.body_of(&answer.id())[..1], *b"{", "it is kept");
    }
}

#[tokio::test]
async fn the_time_that_a_token_is_good_for_has_a_minute_on_either_side() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let receiver = receiver_of(&issuer).await;
    let status_of =
        async |changes| status(&receiver, &key.token(&header(&key, "ES256"), &with(issuer.claims(), &changes))).await;

    assert_eq!(status_of(json!({"exp": now() - 30})).await, 202);
    assert_eq!(status_of(json!({"exp": now() - 61})).await, 401);
    assert_eq!(status_of(json!({"nbf": now() + 55})).await, 202);
    assert_eq!(status_of(json!({"nbf": now() + 100})).await, 503, "our clock may be slow: it is sent again");
    assert_eq!(status_of(json!({"nbf": now() + 100, "azp": "stranger"})).await, 503);
    receiver.logged("is the clock of this machine slow?").await;
    let forged =
        format!("{}AA", key.token(&header(&key, "ES256"), &with(issuer.claims(), &json!({"nbf": now() + 100}))));
    assert_eq!(status(&receiver, &forged).await, 401, "only a good signature makes that a question of clocks");
}
