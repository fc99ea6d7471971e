//! An event that the process does not survive: it is tried alone, it is not tried for ever, and nobody waits for it.

use rstest::rstest;

use super::{delivery, send_all};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::store::Store::{self, Postgres, Sqlite};

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

/// Notes that it has begun and hangs, if the event is of an order "suspect-…", until it is told to go on.
const HANGS: &str = "\
    order=$(sed 's/.*\"subject\":\"\\([^\"]*\\).*/\\1/')
    case $order in suspect-*)
        : >begun-$order
        while [ -e config/receiver.toml ] && [ ! -e go-on ]; do sleep 0.05; done
    esac";

/// Lets the script kill the receiver, and starts it again.
fn die(receiver: &mut Receiver) {
    std::fs::write(receiver.path("kill-it"), "").unwrap();
    let status = receiver.wait();
    assert!(!status.success(), "{status}");
    std::fs::remove_file(receiver.path("kill-it")).unwrap();
    receiver.restart();
}

/// How many were tried alone since the start.
fn alone(receiver: &Receiver) -> usize {
    receiver.log().iter().filter(|line| line["message"].to_string().contains("it is alone")).count()
}

#[rstest]
#[tokio::test]
async fn an_event_that_ends_the_process_three_times_is_a_dead_letter_and_the_others_get_through(
    #[values(Sqlite, Postgres)] store: Store,
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

    let line = receiver.logged("it ends the process: a dead letter").await;
    assert_eq!((&line["number"], &line["handler"]), (&"PO-killer".into(), &"script".into()), "{line}");
    receiver.inbox_until(|_| delivery(&receiver, &killer)["state"] == "dead").await;
    let dead = delivery(&receiver, &killer);
    let reason = dead["failures"].as_array().unwrap().last().unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("the process ended during each of the last 3 attempts"), "{reason}");
    assert_eq!(dead["reason"], reason, "{dead}");
    // The next event of the same order is tried now; it kills as well.
    die(&mut receiver);
}

#[rstest]
#[tokio::test]
async fn an_event_whose_handler_was_only_slow_when_the_receiver_was_drained_is_not_blamed(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let mut receiver = store.with(&format!(
        "server.shutdown_grace = '200ms'
         handlers.script = {{ type = 'exec', timeout = '300s', command = ['sh', '-c', '''{HANGS}'''] }}"
    ));
    let slow = order_event("suspect-slow");
    send_all(&receiver, std::slice::from_ref(&slow)).await;

    for _ in 0..4 {
        // It has begun once another one is done that came later.
        let other = order_event("other");
        send_all(&receiver, std::slice::from_ref(&other)).await;
        receiver.inbox_until(|_| delivery(&receiver, &other)["state"] == "done").await;
        assert!(receiver.terminate().success());
        receiver.restart();
    }

    std::fs::write(receiver.path("go-on"), "").unwrap();
    receiver.inbox_until(|_| delivery(&receiver, &slow)["state"] == "done").await;
    assert_eq!(alone(&receiver), 0);
}

#[rstest]
#[tokio::test]
async fn others_get_through_while_several_events_under_suspicion_hang(#[values(Sqlite, Postgres)] store: Store) {
    let mut receiver = store.with(&format!(
        "delivery.lanes = 3
         handlers.script = {{ type = 'exec', timeout = '300s', command = ['sh', '-c', '''{HANGS}'''] }}"
    ));
    let suspects = ["suspect-1", "suspect-2", "suspect-3"].map(order_event);
    send_all(&receiver, &suspects).await;
    let begun = |receiver: &Receiver| {
        let names = std::fs::read_dir(receiver.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("begun-")).collect::<Vec<_>>()
    };
    eventually("they take all lanes", async || begun(&receiver).len() == 3).await;
    receiver.kill();
    for name in begun(&receiver) {
        std::fs::remove_file(receiver.path(name.to_str().unwrap())).unwrap();
    }
    receiver.restart();
    let line = receiver.logged("it is alone").await;
    assert!(line["number"].as_str().is_some_and(|number| number.starts_with("PO-")), "{line}");
    eventually("one of them is tried", async || !begun(&receiver).is_empty()).await;

    for number in 0..3 {
        let other = order_event(&format!("other-{number}"));
        send_all(&receiver, std::slice::from_ref(&other)).await;
        receiver.inbox_until(|_| delivery(&receiver, &other)["state"] == "done").await;
    }

    assert_eq!(alone(&receiver), 1, "two under suspicion at once");
    assert!(suspects.iter().all(|suspect| delivery(&receiver, suspect)["state"] == "pending"));
    std::fs::write(receiver.path("go-on"), "").unwrap();
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}
