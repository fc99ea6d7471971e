//! A certificate that renews itself: the receiver and a real CA, `pebble`.

mod challenge;
mod configuration;
mod renewal;

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;

use crate::support::pebble::{EAB_KEY, EAB_KEY_ID, Pebble};
use crate::support::receiver::{PASSWORD, Receiver, USERNAME};
use crate::support::sender::{Sender, order_event};
use crate::support::server::free_port;

/// The name that the certificate is for.
const NAME: &str = "webhooks.example.com";
/// Much longer than a test.
const LONG: Duration = Duration::from_secs(90 * 86_400);
/// What the log says of each certificate that comes.
const NEW: &str = "a new certificate is in use";

/// A receiver, not started, that gets its certificate from the CA.
fn receiver(port: u16, ca: &Pebble, further: &str) -> Receiver {
    let receiver = Receiver::prepared(&configuration(ca, further));
    receiver.setting("SERVER__LISTEN", &format!("127.0.0.1:{port}"))
}

/// A CA, and a receiver that has its certificate.
async fn certified(valid: Duration) -> (Pebble, Receiver) {
    let port = free_port();
    let ca = Pebble::start(port, valid);
    let mut receiver = receiver(port, &ca, "");
    receiver.restart();
    receiver.logged(NEW).await;
    (ca, receiver)
}

fn configuration(ca: &Pebble, further: &str) -> String {
    let (directory, ca_file) = (ca.directory(), ca.ca_file());
    format!(
        r#"endpoints = [{{ path = "/webhooks/tradecloud" }}]
[server.tls.acme]
domains = ["{NAME}"]
contact = ["it@example.com"]
directory = "{directory}"
ca_file = "{ca_file}"
{further}
"#
    )
}

/// Tradecloud, if it trusts this root.
fn sender(receiver: &Receiver, root: &[u8]) -> Sender {
    sender_at(receiver.public_port(), root)
}

fn sender_at(port: u16, root: &[u8]) -> Sender {
    let url = format!("https://{NAME}:{port}/webhooks/tradecloud");
    Sender::new(url, root.to_vec()).knowing(NAME).basic(USERNAME, PASSWORD)
}

fn logged(receiver: &Receiver, message: &str) -> Vec<Value> {
    let has = |entry: &Value| entry["message"].as_str().is_some_and(|text| text.contains(message));
    receiver.log().into_iter().filter(has).collect()
}

#[tokio::test]
async fn nobody_can_connect_until_the_ca_has_given_a_certificate_and_then_events_are_taken() {
    let port = free_port();
    let mut ca = Pebble::prepared(port, LONG);
    let mut receiver = receiver(port, &ca, "");
    receiver.restart();

    receiver.logged("no certificate: ").await;
    let before = Sender::new(receiver.url("/webhooks/tradecloud"), receiver.ca()).send(order_event("1")).await;
    let ready_before = receiver.admin("/readyz").await;
    ca.restart();
    let new = receiver.logged(NEW).await;
    let ready = receiver.admin("/readyz").await;
    let sender = sender(&receiver, &ca.root().await);
    let (http2, http1) = (sender.send(order_event("2")).await, sender.clone().http1().send(order_event("3")).await);

    assert!(before.status.is_none(), "{before:?}");
    assert_eq!(ready_before.0, 200, "{ready_before:?}");
    assert!(ready_before.1.starts_with("ready\nnote: there is no certificate yet"), "{ready_before:?}");
    assert_eq!(ready, (200, "ready\n".to_owned()));
    assert_eq!((http2.status, http2.version), (Some(202), reqwest::Version::HTTP_2), "{http2:?}");
    assert_eq!((http1.status, http1.version), (Some(202), reqwest::Version::HTTP_11), "{http1:?}");
    assert_eq!(new["days_left"], 89, "{new}");
}

#[tokio::test]
async fn on_the_way_from_files_to_a_ca_the_certificate_of_the_files_serves_on() {
    let port = free_port();
    let mut ca = Pebble::prepared(port, LONG);
    let endpoints = r#"endpoints = [{ path = "/webhooks/tradecloud" }]"#;
    let mut receiver = Receiver::prepared(endpoints).setting("SERVER__LISTEN", &format!("127.0.0.1:{port}"));
    receiver.restart();
    let sender_before = receiver.sender();

    receiver.configure(|text| text.replace(endpoints, &configuration(&ca, "")));
    let failed = receiver.logged("no certificate from the CA yet, the one before it serves on").await;
    let meanwhile = sender_before.send(order_event("1")).await;
    let ready = receiver.admin("/readyz").await;
    ca.restart();
    receiver.logged(NEW).await;
    let afterwards = sender(&receiver, &ca.root().await).send(order_event("2")).await;

    assert_eq!(failed["level"], "WARN", "{failed}");
    assert_eq!((meanwhile.status, afterwards.status), (Some(202), Some(202)));
    assert_eq!(ready, (200, "ready\n".to_owned()));
    assert!(logged(&receiver, "nobody can connect").is_empty(), "{:#?}", receiver.log());
}

#[tokio::test]
async fn account_and_certificate_are_kept_where_only_their_owner_can_read_them() {
    let (_ca, receiver) = certified(LONG).await;

    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = receiver.path("data/acme");
    let mut kept: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    kept.sort();
    let ends: Vec<_> = kept.iter().map(|path| path.to_str().unwrap().rsplit('-').next().unwrap()).collect();
    assert_eq!(ends, ["account.json", "certificate.pem"]);
    assert_eq!(mode(&folder), 0o700);
    assert!(kept.iter().all(|path| mode(path) == 0o600), "{kept:?}");
}

#[tokio::test]
async fn a_restart_uses_the_kept_certificate_while_the_ca_is_away() {
    let (mut ca, mut receiver) = certified(LONG).await;
    let root = ca.root().await;
    ca.stop();
    receiver.kill();

    receiver.restart();
    let answer = sender(&receiver, &root).send(order_event("1")).await;

    assert_eq!(answer.status, Some(202), "{answer:?}");
    assert_eq!(logged(&receiver, "the certificate in use")[0]["days_left"], 89);
    assert!(logged(&receiver, "no certificate: ").is_empty(), "{:#?}", receiver.log());
    let said = receiver.run(&["check"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains(&format!("note: certificate for {NAME}: expires in 89 days, on ")), "{said}");
}

#[tokio::test]
async fn a_kept_certificate_that_is_broken_is_a_warning_and_is_made_anew() {
    let (_ca, mut receiver) = certified(LONG).await;
    receiver.kill();
    let cut = receiver.shell("for file in data/acme/*; do head -c 100 $file >part; cat part >$file; done");
    assert!(cut.status.success());

    let said = receiver.run(&["check"]);
    receiver.restart();
    receiver.logged(NEW).await;

    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}");
    assert!(text.contains("`server.tls.acme.cache` has a certificate that is of no use"), "{text}");
    assert_eq!(logged(&receiver, "the account with the CA is of no use").len(), 1);
}

#[tokio::test]
async fn a_ca_that_refuses_most_nonces_still_gives_a_certificate_at_the_first_attempt() {
    let port = free_port();
    let mut ca = Pebble::prepared(port, LONG).set("PEBBLE_WFE_NONCEREJECT", "70");
    ca.restart();
    let mut receiver = receiver(port, &ca, "");
    receiver.restart();

    receiver.logged(NEW).await;

    assert!(logged(&receiver, "no certificate: ").is_empty(), "{:#?}", receiver.log());
}

#[tokio::test]
async fn several_names_are_in_one_certificate_and_another_name_brings_another_one() {
    let (ca, mut receiver) = certified(LONG).await;
    receiver.kill();
    let root = ca.root().await;

    receiver = receiver.setting("SERVER__TLS__ACME__DOMAINS", &format!("{NAME},other.example.com"));
    receiver.restart();
    receiver.logged(NEW).await;

    let url = format!("https://other.example.com:{}/webhooks/tradecloud", receiver.public_port());
    let other = sender(&receiver, &root).to(url).knowing("other.example.com").send(order_event("1")).await;
    let first = sender(&receiver, &root).send(order_event("2")).await;
    assert_eq!((other.status, first.status), (Some(202), Some(202)));
    assert!(logged(&receiver, "the certificate is for other names").len() == 1);
}

#[tokio::test]
async fn a_ca_that_wants_an_external_account_gets_one() {
    let port = free_port();
    let mut ca = Pebble::prepared(port, LONG).wants_external_accounts();
    ca.restart();

    let mut without = receiver(port, &ca, "");
    without.restart();
    let refused = without.logged("no certificate: ").await["message"].to_string();
    without.kill();
    let mut wrong = receiver(port, &ca, &format!("eab_key_id = \"{EAB_KEY_ID}\"\neab_hmac_key = \"c2VjcmV0\""));
    wrong.restart();
    let forged = wrong.logged("no certificate: ").await["message"].to_string();
    wrong.kill();
    let mut right = receiver(port, &ca, &format!("eab_key_id = \"{EAB_KEY_ID}\"\neab_hmac_key_file = \"eab\""));
    std::fs::write(right.path("eab"), format!("{EAB_KEY}\n")).unwrap();
    right.restart();
    right.logged(NEW).await;

    assert!(refused.contains("Add `eab_key_id` and `eab_hmac_key_file`"), "{refused}");
    assert!(forged.contains("the CA makes no account with `eab_key_id` and `eab_hmac_key`"), "{forged}");
    assert!(!forged.contains("c2VjcmV0"), "{forged}");
}
