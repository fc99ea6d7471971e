//! `inbox.store = "none"`: 200 only for what the handlers confirmed; everything else comes again.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};

const STATELESS: &str =
    "inbox.store = \"none\"\nendpoints = [{ path = \"/webhooks/tradecloud\", acknowledge = \"handled\" }]\n";

fn receiver_for(erp: &Erp) -> Receiver {
    Receiver::with(&format!(
        "server.answer_within = \"2s\"\n{STATELESS}handlers.erp = {{ type = \"http\", url = \"{}\" }}",
        erp.url("/")
    ))
}

#[tokio::test]
async fn an_event_is_answered_200_once_the_handler_has_confirmed_it() {
    let erp = Erp::start();
    let receiver = receiver_for(&erp);
    let event = order_event("1");
    erp.answer([Answer::status(200).after(Duration::from_millis(300))]);

    let answer = receiver.sender().send(event.clone()).await;

    assert_eq!(answer.status, Some(200), "{answer:?}");
    assert_eq!(answer.json()["id"], message_id(&event));
    let requests = erp.received();
    assert!(requests[0].ended.is_some(), "answered before the handler was done");
    assert_eq!(requests[0].json()["data"], event);
    assert!(!receiver.path("data").exists(), "nothing is written");
}

#[tokio::test]
async fn what_the_handler_does_not_confirm_comes_again_and_arrives() {
    let mut erp = Erp::start();
    let receiver = receiver_for(&erp);
    receiver.expects_error("the handler is down");
    let (sender, event) = (receiver.sender(), order_event("1"));

    erp.answer([503]);
    assert_eq!(sender.send(event.clone()).await.status, Some(502));
    erp.stop();
    assert_eq!(sender.send(event.clone()).await.status, Some(502));
    erp.restart();
    erp.answer([Answer::hang()]);
    assert_eq!(sender.send(event.clone()).await.status, Some(504));
    // The attempt of before goes on; the repeat waits with it until that is over too.
    assert!(sender.send(order_event("2")).await.is_delivered(), "another order is not held up");
    erp.stop();
    erp.restart();

    eventually("the event arrives", async || {
        let answer = sender.send(event.clone()).await;
        assert!(!answer.is_lost(), "{answer:?}");
        answer.status == Some(200)
    })
    .await;
    assert_eq!(erp.received().last().unwrap().json()["id"], message_id(&event));
}

#[tokio::test]
async fn the_handler_says_what_tradecloud_is_told() {
    let erp = Erp::start();
    let receiver = receiver_for(&erp);
    receiver.expects_error("rejected: a dead letter");
    erp.answer([404, 409, 410, 422, 400]);

    for status in [404, 409, 410, 422, 400] {
        assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(status));
    }
}

#[tokio::test]
async fn a_rejected_event_that_is_sent_again_is_tried_again() {
    let erp = Erp::start();
    let receiver = receiver_for(&erp);
    receiver.expects_error("rejected: a dead letter");
    let event = order_event("1");
    erp.answer([422]);
    assert_eq!(receiver.sender().send(event.clone()).await.status, Some(422));

    assert_eq!(receiver.sender().send(event).await.status, Some(200));
}

#[tokio::test]
async fn a_handler_that_was_done_is_spared_when_another_one_failed() {
    let (good, bad) = (Erp::start(), Erp::start());
    let receiver = Receiver::with(&format!(
        "{STATELESS}handlers.good = {{ type = \"http\", url = \"{}\" }}\nhandlers.bad = {{ type = \"http\", url = \"{}\" }}",
        good.url("/"),
        bad.url("/")
    ));
    let event = order_event("1");
    bad.answer([503]);
    assert!(receiver.sender().send(event.clone()).await.will_retry());
    good.wait_for(1).await;

    assert_eq!(receiver.sender().send(event).await.status, Some(200));
    assert_eq!((good.received().len(), bad.received().len()), (1, 2));
}

#[tokio::test]
async fn a_repeat_waits_with_the_first_and_is_delivered_once() {
    let erp = Erp::start();
    let receiver = receiver_for(&erp);
    let event = order_event("1");
    erp.answer([Answer::status(200).after(Duration::from_millis(500))]);

    let (first, second) = {
        let (one, two) = (receiver.sender(), receiver.sender());
        tokio::join!(one.send(event.clone()), two.send(event.clone()))
    };

    assert_eq!((first.status, second.status), (Some(200), Some(200)));
    assert_eq!(receiver.sender().send(event).await.status, Some(200));
    assert_eq!(erp.received().len(), 1);
}

#[tokio::test]
async fn events_of_an_order_go_one_after_the_other() {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(200).after(Duration::from_millis(20)));
    let receiver = receiver_for(&erp);

    let mut answers = JoinSet::new();
    for _ in 0..10 {
        let sender = receiver.sender();
        answers.spawn(async move { sender.send(order_event("1")).await.status });
    }
    let answers = answers.join_all().await;

    assert!(answers.iter().all(|status| *status == Some(200)), "{answers:?}");
    let requests = erp.received();
    assert!(requests.windows(2).all(|pair| pair[0].ended.unwrap() <= pair[1].at), "two at once");
}

#[tokio::test]
async fn a_body_that_is_no_event_is_refused_and_its_loss_is_said_aloud() {
    let receiver = receiver_for(&Erp::start());

    let answer = receiver.sender().send(Message::json("{\"no\": \"event\"}")).await;

    assert_eq!(answer.status, Some(400));
    let line = receiver.logged("a body was refused, and is lost").await;
    assert_eq!(line["level"], "ERROR");
}

#[tokio::test]
async fn nothing_was_acknowledged_that_is_gone_when_the_receiver_is_killed() {
    let erp = Erp::start();
    let mut receiver = receiver_for(&erp);
    receiver.expects_error("the handler is down");
    erp.answer([Answer::hang()]);
    let event = order_event("1");
    let sender = receiver.sender();
    let pending = tokio::spawn({
        let event = event.clone();
        async move { sender.send(event).await }
    });
    erp.wait_for(1).await;

    receiver.kill();

    assert!(pending.await.unwrap().will_retry());
    receiver.restart();
    assert_eq!(receiver.sender().send(event).await.status, Some(200));
}

#[test]
fn a_configuration_that_would_lose_events_is_refused() {
    let receiver = Receiver::prepared(
        "inbox.store = \"none\"\nhandlers.erp = { type = \"http\", url = \"http://127.0.0.1:1\", paused = true }",
    );

    let output = receiver.run(&["check"]);

    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("endpoints[0].acknowledge") && said.contains("Set it to \"handled\""), "{said}");
    assert!(said.contains("handlers.erp.paused"), "{said}");
}

#[test]
fn without_a_handler_there_would_be_nowhere_to_put_an_event() {
    let output = Receiver::prepared(STATELESS).run(&["check"]);

    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("every event would be gone"), "{said}");
}

#[tokio::test]
async fn the_commands_on_the_inbox_say_that_there_is_none() {
    let receiver = receiver_for(&Erp::start());

    let output = receiver.run(&["events", "list"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no inbox to look at"), "{output:?}");
}
