//! In time, again and again, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{LONG, NAME, NEW, certified, configuration, logged, sender};
use crate::support::certificates::issue_expired_for;
use crate::support::eventually;
use crate::support::receiver::{Receiver, write_private};
use crate::support::sender::order_event;

#[tokio::test]
async fn renewals_under_load_cost_no_request() {
    let (ca, receiver) = certified(Duration::from_secs(30)).await;
    let root = ca.root().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for number in 0..4 {
        let (kept, stop) = (sender(&receiver, &root), Arc::clone(&stop));
        // Half of them make a handshake for every request.
        let (root, port, anew) = (root.clone(), receiver.public_port(), number % 2 == 0);
        load.spawn(async move {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                let once = if anew { super::sender_at(port, &root) } else { kept.clone() };
                let answer = once.send(order_event(&format!("{number}-{sent}"))).await;
                assert_eq!(answer.status, Some(202), "{answer:?}");
                sent += 1;
            }
            sent
        });
    }

    eventually("renewed twice", async || logged(&receiver, NEW).len() >= 3).await;
    stop.store(true, Ordering::Relaxed);

    let sent: Vec<usize> = load.join_all().await;
    assert!(sent.iter().all(|sent| *sent > 20), "{sent:?}");
    assert!(logged(&receiver, "not renewed").is_empty(), "{:#?}", receiver.log());
}

#[tokio::test]
async fn while_the_ca_fails_the_old_certificate_serves_and_the_ca_is_asked_again() {
    let (mut ca, receiver) = certified(Duration::from_secs(45)).await;
    let old = ca.root().await;
    ca.stop();

    let failed = receiver.logged("the certificate was not renewed").await;
    let meanwhile = sender(&receiver, &old).send(order_event("1")).await;
    // It has forgotten our account, and has another root.
    ca.restart();
    eventually("a second certificate", async || logged(&receiver, NEW).len() == 2).await;
    let afterwards = sender(&receiver, &ca.root().await).send(order_event("2")).await;

    assert_eq!(failed["level"], "WARN", "{failed}");
    assert_eq!((meanwhile.status, afterwards.status), (Some(202), Some(202)));
    assert_eq!(logged(&receiver, "does not know the account any more").len(), 1);
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_renewed_at_the_start() {
    let (mut ca, mut receiver) = certified(Duration::from_secs(8)).await;
    ca.stop();
    receiver.kill();
    eventually("expired", async || {
        let said = receiver.run(&["check"]);
        String::from_utf8_lossy(&said.stdout).contains("should have been renewed long since")
            && String::from_utf8_lossy(&said.stdout).contains("expired on ")
    })
    .await;

    ca.restart();
    receiver.restart();

    receiver.logged(NEW).await;
}

/// Puts one that has expired in the place of the certificate of the last time.
fn expire(receiver: &Receiver) {
    let kept = std::fs::read_dir(receiver.path("data/acme")).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.into_iter().find(|path| path.to_str().unwrap().ends_with("certificate.pem")).unwrap();
    let expired = issue_expired_for(receiver.folder(), NAME);
    write_private(&kept, &(expired.key + &expired.chain));
}

#[tokio::test]
async fn while_the_ca_is_away_nobody_is_taken_in_by_an_expired_certificate_and_it_is_renewed_once_the_ca_is_back() {
    let (mut ca, mut receiver) = certified(LONG).await;
    ca.stop();
    receiver.kill();
    expire(&receiver);

    receiver.restart();
    let failed = receiver.logged("the certificate was not renewed").await;
    let meanwhile = sender(&receiver, &receiver.ca()).send(order_event("1")).await;
    ca.restart();
    receiver.logged(NEW).await;
    let afterwards = sender(&receiver, &ca.root().await).send(order_event("2")).await;

    assert_eq!((failed["level"].as_str(), failed["days_left"].as_i64()), (Some("ERROR"), Some(0)), "{failed}");
    assert_eq!((meanwhile.status, afterwards.status), (None, Some(202)), "{meanwhile:?}");
}

#[tokio::test]
async fn an_expired_certificate_of_the_last_time_takes_no_good_ones_place_at_a_reload() {
    let (mut ca, mut receiver) = certified(LONG).await;
    ca.stop();
    receiver.kill();
    expire(&receiver);
    let (by_ca, by_files) = (configuration(&ca, ""), "endpoints = [{ path = \"/webhooks/tradecloud\" }]");
    receiver.configure(|text| text.replace(&by_ca, by_files));
    receiver.restart();
    let good = receiver.connect().certificate();

    receiver.configure(|text| text.replace(by_files, &by_ca));
    receiver.logged("configuration reloaded").await;
    receiver.logged("the certificate was not renewed").await;
    let meanwhile = receiver.connect().certificate();
    let taken = receiver.sender().send(order_event("1")).await;
    assert_eq!((meanwhile == good, taken.status), (true, Some(202)));
    ca.restart();
    receiver.logged(NEW).await;

    assert_eq!(sender(&receiver, &ca.root().await).send(order_event("2")).await.status, Some(202));
}
