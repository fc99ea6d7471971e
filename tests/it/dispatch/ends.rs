//! An event that the process does not survive: it is tried alone, it is not tried for ever, and nobody waits for it.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::{delivery, send_all};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::store::Store::{self, Sqlite};

/// Waits for a sign, and kills the receiver, which is its parent, if the event is of the order "killer". It ends
/// with the test's folder.
const SCRIPT: &str = "\
    if grep -q '\"subject\":\"killer\"'; then
        while [ ! -e kill-it ]; do
            [ -e config/receiver.toml ] || exit 1
            sleep 0.05
        done
        kill -9 $PPID
        sleep 1
    fi";

/// Lets the script kill the receiver, and starts it again.
fn die(receiver: &mut Receiver) {
    std::fs::write(receiver.path("kill-it"), "").unwrap();
    let status = receiver.wait();
    assert!(!status.success(), "{status}");
    std::fs::remove_file(receiver.path("kill-it")).unwrap();
    receiver.restart();
}

#[rstest]
#[tokio::test]
async fn an_event_that_ends_the_process_three_times_is_a_dead_letter_and_the_others_get_through(
    #[values(Sqlite)] store: Store,
) {
    let mut receiver = store.with(&format!(
        "handlers.script = {{ type = 'exec', timeout = '300s', command = ['sh', '-c', '''{SCRIPT}'''] }}"
    ));
    let killer = order_event("killer");
    let behind_it = order_event("killer");
    send_all(&receiver, &[killer.clone(), behind_it.clone()]).await;

    for end in 0..3 {
        let other = order_event(&format!("other-{end}"));
        send_all(&receiver, std::slice::from_ref(&other)).await;
        // It waits while the killer is alone, but not for as long as that may hang.
        receiver.inbox_until(|_| delivery(&receiver, &other)["state"] == "done").await;
        assert_eq!(delivery(&receiver, &killer)["state"], "pending");
        die(&mut receiver);
    }

    receiver.logged("it ends the process: a dead letter").await;
    let dead = delivery(&receiver, &killer);
    assert_eq!(dead["state"], json!("dead"));
    let reason = dead["failures"].as_array().unwrap().last().unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("the process ended during each of the last 3 attempts"), "{reason}");
    // The next event of the same order is tried now; it kills as well.
    die(&mut receiver);
}

#[rstest]
#[tokio::test]
async fn an_event_whose_handler_was_only_slow_when_the_receiver_was_drained_is_not_blamed(
    #[values(Sqlite)] store: Store,
) {
    let mut receiver = store.with(&format!(
        "server.shutdown_grace = '200ms'
         handlers.script = {{ type = 'exec', timeout = '300s', command = ['sh', '-c', '''{SCRIPT}'''] }}"
    ));
    let slow = order_event("killer");
    send_all(&receiver, std::slice::from_ref(&slow)).await;

    for _ in 0..4 {
        // It has begun once another one is done that came later.
        let other = order_event("other");
        send_all(&receiver, std::slice::from_ref(&other)).await;
        receiver.inbox_until(|_| delivery(&receiver, &other)["state"] == "done").await;
        assert!(receiver.terminate().success());
        receiver.restart();
    }

    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(delivery(&receiver, &slow)["state"], "pending");
}
