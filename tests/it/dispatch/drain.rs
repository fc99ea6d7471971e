//! SIGTERM: what has begun is finished, nothing new is begun, and nothing is lost.

use std::fs::File;
use std::time::{Duration, Instant};

use super::{delivery, ids, receiver_for, receiver_with, send_all};
use crate::support::erp::{Answer, Erp};
use crate::support::load::Load;
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn a_delivery_that_has_begun_is_finished_and_no_other_is_begun(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer([Answer::status(200).after(Duration::from_secs(5))]);
    let mut receiver = receiver_for(store, &erp);
    let events = [order_event("1"), order_event("1")];
    send_all(&receiver, &events).await;
    erp.wait_for(1).await;
    let sender = receiver.sender();

    receiver.ask_to_end();
    receiver.logged("draining").await;
    let late = sender.send(order_event("2")).await;
    let status = receiver.wait();

    assert!(late.will_retry(), "{late:?}");
    assert!(status.success(), "{status}");
    assert_eq!(ids(&erp.received()), [message_id(&events[0])]);
    assert_eq!(delivery(&receiver, &events[0])["state"], "done");
    assert_eq!(delivery(&receiver, &events[1])["attempts"], 0);
    receiver.restart();
    erp.wait_for(2).await;
    assert_eq!(ids(&erp.received()), events.each_ref().map(message_id), "the first is not delivered twice");
}

#[rstest]
#[tokio::test]
async fn a_delivery_that_outlasts_the_grace_is_cut_and_made_again_after_the_next_start(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    erp.answer([Answer::hang()]);
    let mut receiver = store.with(&format!(
        "server.shutdown_grace = '500ms'\nhandlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ));
    receiver.expects_error("the handler is down");
    let event = order_event("1");
    send_all(&receiver, std::slice::from_ref(&event)).await;
    erp.wait_for(1).await;

    let asked = Instant::now();
    let status = receiver.terminate();

    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());
    receiver.restart();
    erp.wait_for(2).await;
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    assert_eq!(ids(&erp.received()), [message_id(&event), message_id(&event)]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_answer_until_the_end_is_kept(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let mut receiver = receiver_with(store, &erp, "timeout = '5s'");
    let load = Load::start(&receiver, 8);
    load.acknowledged(50).await;

    receiver.ask_to_end();
    let status = receiver.wait();
    let tally = load.stop().await;

    assert!(status.success(), "{status}");
    assert!(tally.lost.is_empty(), "{:?}", tally.lost);
    let inbox = receiver.inbox();
    for id in tally.acknowledged.keys() {
        assert!(inbox.iter().any(|event| event["id"] == *id), "lost: {id}");
    }
    receiver.restart();
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let arrived = ids(&erp.received());
    assert!(tally.acknowledged.keys().all(|id| arrived.contains(id)));
}

#[tokio::test]
async fn what_hangs_and_nobody_waits_for_does_not_keep_the_process() {
    let mut receiver = Receiver::start();
    let file = receiver.path("config/receiver.toml");
    let made = receiver.shell("mkfifo config/new && mv config/new config/receiver.toml");
    assert!(made.status.success(), "{made:?}");
    receiver.signal("-HUP");
    // It is open once the receiver reads it, and has no end as long as it is.
    let open = tokio::task::spawn_blocking(|| File::options().write(true).open(file).unwrap()).await.unwrap();

    let status = tokio::time::timeout(Duration::from_secs(60), receiver.end()).await;

    drop(open);
    assert!(status.expect("it goes on").success());
}
