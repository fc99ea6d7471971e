//! What would cost every event, and is most likely a slip, takes a restart.

use crate::support::certificates::{Pair, issue, issue_until};
use crate::support::erp::Erp;
use crate::support::eventually;
use crate::support::receiver::{PASSWORD, Receiver};
use crate::support::sender::order_event;

const ENDPOINTS: &str = "endpoints = [{ path = \"/webhooks/tradecloud\", allow_from = [\"127.0.0.0/8\"] }]\n";

fn handler(erp: &Erp) -> String {
    format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}\n", erp.url("/"))
}

/// Without the line that begins so, and with another change that must not be in place.
fn without(line: &str) -> impl Fn(String) -> String {
    move |text| text.replace(line, &format!("# {line}")).replace(PASSWORD, "another one")
}

/// The change was refused with this error, nothing of it is in place, and `/readyz` says so.
async fn is_refused(receiver: &Receiver, seen: usize, error: &str) {
    receiver.expects_error(error);
    let what = receiver.reloaded_since(seen).await;
    assert!(what.contains("refused as a whole"), "{what}");
    let log = receiver.log();
    let said = log[seen..].iter().find(|entry| entry["message"].as_str().unwrap().contains(error));
    let said = said.unwrap_or_else(|| panic!("not said: {error}: {log:#?}"));
    assert_eq!(said["level"], "ERROR");
    assert!(said["message"].as_str().unwrap().contains("restart the receiver"), "{said}");
    let (status, text) = receiver.admin("/readyz").await;
    assert!(status == 200 && text.contains("refused"), "{text}");
    assert!(receiver.sender().send(order_event("1")).await.is_delivered(), "the old password is in place");
}

#[tokio::test]
async fn a_state_without_the_last_handler_is_refused_and_takes_a_restart() {
    let erp = Erp::start();
    let mut receiver = Receiver::with(&handler(&erp));
    let seen = receiver.log().len();

    receiver.configure(without("handlers.erp"));
    is_refused(&receiver, seen, "`handlers` has no handler any more").await;
    let again = receiver.log().len();
    receiver.signal("-HUP");
    is_refused(&receiver, again, "`handlers` has no handler any more").await;

    erp.wait_for(2).await;
    receiver.terminate();
    receiver.restart();
    let answer = receiver.sender().basic("tradecloud", "another one").send(order_event("2")).await;
    assert_eq!(answer.status, Some(202));
    receiver.inbox_until(|events| events.last().unwrap()["state"] == "unwanted").await;
}

#[tokio::test]
async fn a_handler_in_the_place_of_the_last_one_is_taken() {
    let (old, new) = (Erp::start(), Erp::start());
    let receiver = Receiver::with(&handler(&old));

    receiver.configure(|text| text.replace("handlers.erp", "handlers.new").replace(&old.url("/"), &new.url("/")));

    assert!(receiver.hang_up().await.contains("configuration reloaded"));
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    new.wait_for(1).await;
}

#[tokio::test]
async fn a_state_without_the_last_endpoint_is_refused_although_a_default_one_would_stand_in() {
    let receiver = Receiver::with(ENDPOINTS);
    let seen = receiver.log().len();

    receiver.configure(without("endpoints"));

    is_refused(&receiver, seen, "`endpoints` has no endpoint any more").await;
}

/// Puts a certificate in the place of the one in use.
fn install(receiver: &Receiver, pair: &Pair) {
    receiver.replace("certs/privkey.pem", &pair.key);
    receiver.replace("certs/fullchain.pem", &pair.chain);
}

#[tokio::test]
async fn an_expired_certificate_in_the_place_of_a_good_one_is_refused() {
    let receiver = Receiver::start();
    let good = receiver.connect().certificate();
    let expired = issue_until(receiver.folder(), 2020);

    install(&receiver, &expired);
    receiver.logged("`server.tls.certificate` has expired on 2020-01-01").await;
    receiver.logged("refused as a whole").await;
    let by_file = receiver.connect().certificate();
    let again = receiver.log().len();
    receiver.signal("-HUP");
    is_refused(&receiver, again, "`server.tls.certificate` has expired on 2020-01-01").await;
    let by_signal = receiver.connect().certificate();

    assert_eq!([&by_file, &by_signal], [&good, &good]);
    let renewed = issue(receiver.folder());
    install(&receiver, &renewed);
    eventually("the renewed one is served", async || receiver.connect().certificate() == renewed.der).await;
    assert_eq!(receiver.admin("/readyz").await.1, "ready\n");
}

#[tokio::test]
async fn where_the_certificate_in_use_has_expired_another_such_one_changes_nothing_for_the_worse() {
    let mut receiver = Receiver::prepared("");
    install(&receiver, &issue_until(receiver.folder(), 2020));
    receiver.restart();
    let other = issue_until(receiver.folder(), 2021);

    install(&receiver, &other);

    receiver.logged("configuration reloaded").await;
    let log = receiver.log();
    let in_use = log.iter().rfind(|entry| entry["message"] == "the certificate in use").unwrap();
    assert_eq!(in_use["expires"], "2021-01-01T00:00:00Z");
}
