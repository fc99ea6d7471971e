//! The configuration of an issuer, and `check`.

use serde_json::json;

use super::{configuration, header, status, with};
use crate::support::erp::Answer;
use crate::support::issuer::{Issuer, Key};
use crate::support::receiver::Receiver;

fn said(receiver: &Receiver, arguments: &[&str]) -> (Option<i32>, String) {
    let output = receiver.run(arguments);
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn what_is_wrong_with_an_issuer_is_said_all_at_once() {
    let receiver = Receiver::prepared(
        r#"auth.a = { type = "oauth" }
auth.b = { type = "oauth", issuer = "http://login.example/", audience = ["x"], clients = ["c"] }
auth.c = { type = "oauth", issuer = "login.example", audience = [], clients = [] }
auth.d = { type = "oauth", issuer = "https://login.example/?x=1", audience = ["x"], roles = ["r"] }
auth.e = { type = "oauth", issuer = "https://me:secret@login.example", audience = [""], client = ["x"] }
auth.f = { type = "oauth", issuer = "https://login.example", audience = ["x"], clients = ["c"], discovery = "ftp://x" }
auth.g = { type = "oauth", issuer = "https://login.example", audience = ["x"], clients = ["c"], ca_file = "nowhere.pem" }
auth.h = { type = "oauth", issuer = "https://login.example", audience = ["x"] }"#,
    );

    let (status, said) = said(&receiver, &["check"]);

    assert_eq!(status, Some(78));
    for expected in [
        "`auth.a.issuer` is missing",
        "`auth.a.audience` is missing",
        "`auth.b.issuer` must be https",
        "`auth.c.issuer` is no address",
        "`auth.c.audience` is missing",
        "`auth.c.clients` is empty",
        "`auth.d.issuer` must have no `?`",
        "`auth.e.issuer` has credentials in it",
        "`auth.e.client` is unknown. Did you mean `clients`?",
        "`auth.f.discovery` starts with `ftp:`",
        "`auth.g.ca_file` nowhere.pem cannot be read",
        "warning: ",
        "`auth.h.clients` is missing, and so is `roles`",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn an_issuer_without_tls_is_on_this_very_machine_or_none() {
    for (issuer, valid) in [
        ("http://localhost:8080/realm", true),
        ("http://127.0.0.1", true),
        ("http://127.8.9.10:1", true),
        ("http://[::1]:8080", true),
        ("https://login.example", true),
        ("http://localhost.login.example", false),
        ("http://127.0.0.1.login.example", false),
        ("http://10.0.0.1", false),
        ("http://0.0.0.0", false),
        ("http://[::]", false),
        ("http://[fe80::1]", false),
        ("ftp://localhost", false),
        ("file:///etc/keys", false),
    ] {
        let receiver = Receiver::prepared(&format!(
            "auth.a = {{ type = \"oauth\", issuer = \"{issuer}\", audience = [\"x\"], clients = [\"c\"] }}"
        ));

        let (status, said) = said(&receiver, &["check"]);

        assert_eq!(status, Some(if valid { 0 } else { 78 }), "{issuer}: {said}");
        assert!(valid || said.contains("`auth.a.issuer`"), "{said}");
    }
}

#[tokio::test]
async fn check_online_asks_the_issuer_and_keeps_nothing() {
    let key = Key::p256("k");
    let mut issuer = Issuer::start(&[&key]);
    let receiver = Receiver::prepared(&configuration(&issuer));

    let (status, offline) = said(&receiver, &["check"]);
    assert_eq!((status, issuer.asked()), (Some(0), 0), "{offline}");
    let (status, works) = said(&receiver, &["check", "--online"]);
    assert_eq!((status, issuer.asked()), (Some(0), 1), "{works}");
    issuer.describe(&with(issuer.document(), &json!({"issuer": "https://other.example"})));
    let (mismatch, another) = said(&receiver, &["check", "--online"]);
    issuer.stop();
    let (away, fails) = said(&receiver, &["check", "--online"]);

    assert!(works.contains("works: auth entra: ") && works.contains("1 key(s)"), "{works}");
    assert_eq!((mismatch, away), (Some(1), Some(1)));
    assert!(another.contains("FAILS: auth entra: ") && another.contains("https://other.example"), "{another}");
    assert!(fails.contains("FAILS: auth entra: cannot connect"), "{fails}");
    assert!(!receiver.path("data").exists(), "it wrote something");
}

#[tokio::test]
async fn the_document_may_be_elsewhere_as_long_as_it_is_the_issuers() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let name = "https://tenant.b2clogin.example/0000/v2.0/";
    issuer.describe(&with(issuer.document(), &json!({"issuer": name})));
    let receiver = Receiver::with(&format!(
        "auth.b2c = {{ type = \"oauth\", issuer = \"{name}\", audience = [\"api://webhook\"], clients = [\"tradecloud\"], \
         discovery = \"{}/.well-known/openid-configuration\", cache = \"elsewhere\" }}",
        issuer.name()
    ));
    receiver.logged("the keys of an issuer are known").await;

    let token = key.token(&header(&key, "ES256"), &with(issuer.claims(), &json!({"iss": name})));

    assert_eq!(status(&receiver, &token).await, 202);
    assert_eq!(status(&receiver, &issuer.token(&key, "ES256")).await, 401);
    assert_eq!(std::fs::read_dir(receiver.path("elsewhere")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_issuer_belongs_to_it() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let name = format!("{}/", issuer.name());
    issuer.describe(&with(issuer.document(), &json!({"issuer": name})));
    let receiver = Receiver::with(&configuration(&issuer).replace(&issuer.name(), &name));
    receiver.logged("the keys of an issuer are known").await;

    let token = key.token(&header(&key, "ES256"), &with(issuer.claims(), &json!({"iss": name})));

    assert_eq!(status(&receiver, &token).await, 202);
    assert_eq!(status(&receiver, &issuer.token(&key, "ES256")).await, 401);
}

#[tokio::test]
async fn the_operator_learns_what_was_wrong_with_a_token_and_nothing_of_the_token_itself() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]);
    let receiver = Receiver::with(&configuration(&issuer));
    receiver.logged("the keys of an issuer are known").await;
    let token = key.token(&header(&key, "ES256"), &with(issuer.claims(), &json!({"aud": "api://\u{1b}[2Jwrong"})));

    let answer = super::answer(&receiver, &token).await;

    let line = receiver.logged("a caller was turned away").await;
    assert_eq!(line["reason"], "the access token is for another audience");
    assert!(line["detail"].as_str().unwrap().contains("auth.entra: aud is \"api://\\u{1b}[2Jwrong\""), "{line}");
    assert!(!answer.body.contains("wrong\\") && answer.detail().contains("another audience"), "{answer:?}");
    let log = receiver.log().iter().map(ToString::to_string).collect::<String>();
    assert!(token.split('.').all(|part| !log.contains(part)), "a part of the token is in the log");
}

#[tokio::test]
async fn an_issuer_is_reached_by_tls_with_a_ca_of_its_own_only() {
    let key = Key::p256("k");
    let (server, ca) = crate::support::erp::Erp::start_with_tls();
    let (name, keys) = (server.url(""), json!({"keys": [key.jwk()]}).to_string());
    let document = json!({"issuer": name, "jwks_uri": server.url("/keys")}).to_string();
    server.answer_by(move |request| {
        let body = if request.uri.path() == "/keys" { &keys } else { &document };
        Answer::status(200).body("application/json", body.clone())
    });
    let configuration = |ca_file: &str| {
        format!(
            "auth.adfs = {{ type = \"oauth\", issuer = \"{name}\", audience = [\"x\"], clients = [\"y\"]{ca_file} }}"
        )
    };
    let trusting = Receiver::prepared(&configuration(", ca_file = \"issuer.pem\""));
    std::fs::write(trusting.path("issuer.pem"), ca).unwrap();

    let (trusted, works) = said(&trusting, &["check", "--online"]);
    let (untrusted, fails) = said(&Receiver::prepared(&configuration("")), &["check", "--online"]);

    assert_eq!((trusted, untrusted), (Some(0), Some(1)), "{works}{fails}");
    assert!(fails.contains("issuer is unknown") && fails.contains("ca_file"), "{fails}");
}
