//! What an ERP wants of an `http` handler besides credentials: headers of its own, and a certificate.

use std::path::Path;

use tempfile::TempDir;
use tradecloud_webhook::handlers::Outcome;

use super::http::handler_for;
use super::{event, handler, unavailable};
use crate::configuration::problems;
use crate::support::certificates;
use crate::support::erp::Erp;
use crate::support::eventually;
use crate::support::receiver::{Receiver, write_private};

#[tokio::test]
async fn headers_of_ones_own_go_with_every_request() {
    let (erp, home) = (Erp::start(), TempDir::new().unwrap());
    let secret = home.path().join("key");
    std::fs::write(&secret, "key-of-the-api\n").unwrap();
    let headers = format!(
        "headers = {{ X-Client = 'tradecloud', x-api-key_file = '{}', Accept = 'application/json' }}",
        secret.display()
    );

    for format in ["cloudevents", "cloudevents-binary", "original"] {
        let handler = handler_for(&erp, &format!("format = '{format}'\n{headers}"));
        assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);
        handler.probe().await.unwrap();
    }

    let requests = erp.received();
    assert_eq!(requests.len(), 6);
    for request in requests {
        let sent = ["x-client", "x-api-key", "accept"].map(|name| request.header(name));
        assert_eq!(sent, ["tradecloud", "key-of-the-api", "application/json"], "{request:?}");
    }
}

/// ERPs have schemes of their own.
#[tokio::test]
async fn credentials_of_a_scheme_of_its_own_are_a_header_where_there_is_no_auth() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "headers = { Authorization = 'token key:secret' }");

    assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);

    assert_eq!(erp.received()[0].header("authorization"), "token key:secret");
}

#[test]
fn a_secret_header_that_goes_unencrypted_is_a_warning_and_a_plain_one_is_none() {
    let receiver = |header: &str| {
        let receiver = Receiver::prepared(&format!(
            "handlers.erp = {{ type = 'http', url = 'http://erp.example/', headers = {{ {header} }} }}"
        ));
        write_private(&receiver.path("key"), "key-of-the-api");
        receiver
    };

    let (secret, plain) = (receiver("X-Api-Key_file = 'key'"), receiver("X-Client = 'tradecloud'"));

    let warnings = problems(&secret);
    assert!(warnings[0]["what"].as_str().unwrap().contains("unencrypted"), "{warnings:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(problems(&plain), Vec::<serde_json::Value>::new());
}

/// An authority, and what it gave us.
fn authority(has_ended: bool) -> (TempDir, String) {
    let home = TempDir::new().unwrap();
    certificates::make(home.path());
    let pair = certificates::issue_for_client(home.path(), has_ended);
    std::fs::write(home.path().join("client.pem"), pair.chain).unwrap();
    write_private(&home.path().join("client-key.pem"), &pair.key);
    let authority = std::fs::read_to_string(home.path().join("ca.pem")).unwrap();
    (home, authority)
}

fn trusting(home: &Path, certificate: &str) -> String {
    std::fs::write(home.join("erp.pem"), certificate).unwrap();
    format!("ca_file = '{}'", home.join("erp.pem").display())
}

fn with_certificate(home: &Path) -> String {
    let path = |name| home.join(name).display().to_string();
    format!("client_certificate = '{}'\nclient_key = '{}'", path("client.pem"), path("client-key.pem"))
}

#[tokio::test]
async fn an_erp_that_wants_a_certificate_of_its_client_gets_one() {
    let (home, authority) = authority(false);
    let (erp, certificate) = Erp::start_with_tls_for_clients_of(&authority);
    let trusting = trusting(home.path(), &certificate);
    let with = handler_for(&erp, &format!("{trusting}\n{}", with_certificate(home.path())));
    let without = handler_for(&erp, &trusting);

    assert_eq!(with.deliver(&event("m-1")).await, Outcome::Done);

    // What it says may be lost when it closes the connection on what it has not read.
    let says_so = |reason: &str| reason.contains("`client_certificate`");
    eventually("a reason that says what is missing", async || {
        says_so(&unavailable(without.deliver(&event("m-2")).await).reason)
    })
    .await;
    eventually("`check --online` says so, too", async || says_so(&without.probe().await.unwrap_err())).await;
    assert!(with.probe().await.is_ok());
    assert_eq!(erp.received().iter().filter(|request| request.method == "POST").count(), 1);
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_the_erp_does_not_know_is_named() {
    let ((home, _), (_other, authority)) = (authority(false), authority(false));
    let (erp, certificate) = Erp::start_with_tls_for_clients_of(&authority);
    let keys = format!("{}\n{}", trusting(home.path(), &certificate), with_certificate(home.path()));

    let handler = handler_for(&erp, &keys);

    eventually("a reason that says what is not taken", async || {
        unavailable(handler.deliver(&event("m-1")).await)
            .reason
            .contains("our certificate: look at `client_certificate`")
    })
    .await;
}

#[test]
fn what_is_wrong_with_a_certificate_of_ours_is_said_before_it_is_used() {
    let (home, _) = authority(false);
    let (other, _) = authority(true);
    let path = |name: &str| home.path().join(name).display().to_string();
    let (certificate, key) = (path("client.pem"), path("client-key.pem"));
    let (ended, key_of_ended) = (other.path().join("client.pem"), other.path().join("client-key.pem"));
    let (ended, key_of_ended) = (ended.display().to_string(), key_of_ended.display().to_string());
    std::fs::write(home.path().join("open-key.pem"), std::fs::read(&key).unwrap()).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(home.path().join("open-key.pem"), open).unwrap();
    let both = |certificate: &str, key: &str| format!("client_certificate = '{certificate}', client_key = '{key}'");
    for (keys, severity, key, what) in [
        (both(&certificate, &key_of_ended), "error", "client_key", "does not belong to the certificate"),
        (both("/none", &key), "error", "client_certificate", "cannot be read"),
        (both(&certificate, "/none"), "error", "client_key", "cannot be read"),
        (both(&key, &key), "error", "client_certificate", "holds no certificate"),
        (both(&certificate, &certificate), "error", "client_key", "holds no private key"),
        (both(&fixture("both.pfx"), &key), "error", "client_certificate", "`openssl pkcs12 -in "),
        (both(&fixture("certificate.pem"), &fixture("key.der")), "error", "client_key", "`openssl pkey -inform DER "),
        (both(&fixture("certificate.pem"), &fixture("encrypted.pem")), "error", "client_key", "is encrypted"),
        (format!("client_certificate = '{certificate}'"), "error", "client_key", "is missing"),
        (format!("client_key = '{key}'"), "error", "client_certificate", "is missing"),
        (both(&ended, &key_of_ended), "warning", "client_certificate", "expired on 2020-01-01"),
        (both(&certificate, &path("open-key.pem")), "warning", "client_key", "every user of this machine"),
    ] {
        let receiver =
            Receiver::prepared(&format!("handlers.erp = {{ type = 'http', url = 'https://erp.example/', {keys} }}"));

        let problems = problems(&receiver);

        let found: Vec<_> = problems.iter().filter(|problem| problem["key"] == format!("handlers.erp.{key}")).collect();
        assert_eq!(found.len(), 1, "{keys}: {problems:?}");
        assert!(found[0]["severity"] == severity && found[0]["what"].as_str().unwrap().contains(what), "{problems:?}");
    }
}

#[tokio::test]
async fn a_key_of_ours_may_be_encrypted() {
    let fixture = |name: &str| format!("{}/tests/fixtures/pem/{name}", env!("CARGO_MANIFEST_DIR"));
    let (certificate, key) = (fixture("certificate.pem"), fixture("encrypted.pem"));
    let table = format!(
        "type = 'http'\nurl = 'https://erp.example/'\nclient_certificate = '{certificate}'\nclient_key = '{key}'"
    );

    let problems = tradecloud_webhook::handlers::from_toml("erp", &table).err().unwrap();

    let says = |what: &str| problems.iter().any(|one| one.key == "erp.client_key" && one.what.contains(what));
    assert!(says("is encrypted") && says("`client_key_password_file"), "{problems}");
    drop(handler(&format!("{table}\nclient_key_password = 'wachtwoord'")));
}

/// A file with a certificate or a key as people bring them.
fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pem").join(name).display().to_string()
}

#[tokio::test]
async fn an_encrypted_key_of_ours_is_read_with_its_password() {
    let table = format!(
        "type = 'http'\nurl = 'https://erp.example/'\nclient_certificate = '{}'\nclient_key = '{}'\n\
         client_key_password = 'wachtwoord'",
        fixture("certificate.pem"),
        fixture("encrypted.pem")
    );

    drop(handler(&table));

    let problems = tradecloud_webhook::handlers::from_toml("erp", &table.replace("wachtwoord", "another"));
    let problems = problems.err().unwrap();
    let wrong = problems.iter().find(|one| one.key == "erp.client_key_password").unwrap();
    assert!(wrong.what.contains("is not the password of"), "{problems}");
}

#[tokio::test]
async fn a_certificate_of_ours_without_tls_is_an_error() {
    let (home, _) = authority(false);

    let table = format!("type = 'http'\nurl = 'http://127.0.0.1/'\n{}", with_certificate(home.path()));

    let problems = tradecloud_webhook::handlers::from_toml("erp", &table).err().unwrap();
    assert!(problems.iter().any(|one| one.key == "erp.client_certificate" && one.what.contains("https")), "{problems}");
    drop(handler(&table.replace("http:", "https:")));
}
