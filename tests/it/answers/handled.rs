//! Endpoints that acknowledge with `handled`: the answer is that of the handlers.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event, order_event_in_xml};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// A receiver whose endpoint waits for the ERP. What fails is not tried again within a test, unless its
/// sender asks for it. `settings` come before the first table, `of_handler` into the handler's.
fn receiver_for(store: Store, erp: &Erp, settings: &str, of_handler: &str) -> Receiver {
    store.with(&format!(
        r#"{settings}
endpoints = [{{ path = "/webhooks/tradecloud", acknowledge = "handled" }}]
delivery.first_retry = "15m"
[handlers.erp]
type = "http"
url = "{}"
{of_handler}"#,
        erp.url("/tradecloud")
    ))
}

#[rstest]
#[tokio::test]
async fn an_event_that_is_handled_is_answered_200(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp, "", "");
    let event = order_event("1");

    let answer = receiver.sender().send_by(Method::PUT, event.clone()).await;

    assert_eq!(answer.status, Some(200));
    assert_eq!(answer.json(), json!({"status": "handled", "id": message_id(&event)}));
    assert_eq!(erp.received()[0].json()["data"], event);
}

#[tokio::test]
async fn an_event_that_no_handler_wants_is_answered_200() {
    let erp = Erp::start();
    let receiver = receiver_for(Sqlite, &erp, "", "kinds = [\"shipment\"]");

    let answer = receiver.sender().send(order_event("1")).await;

    assert_eq!(answer.status, Some(200));
    assert!(erp.received().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_rejection_is_passed_on_and_repeated_to_whoever_asks_again(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp, "", "reject_on = [400, 404, 409, 410, 413, 415, 422, 451, 429, 500]");
    receiver.expects_error("rejected: a dead letter");
    let passed_on = [(404, 404), (409, 409), (410, 410), (422, 422)];
    let as_400 = [400, 413, 415, 451, 429, 500].map(|status| (status, 400));

    for (given, expected) in passed_on.into_iter().chain(as_400) {
        let event = order_event("1");
        erp.answer([Answer::status(given).body("text/plain", "the item is unknown")]);

        let first = receiver.sender().send(event.clone()).await;
        let requests = erp.received().len();
        let again = receiver.sender().send(event.clone()).await;

        assert_eq!(first.status, Some(expected), "{given}: {first:?}");
        assert!(first.detail().ends_with("the item is unknown"), "{first:?}");
        assert_eq!((again.status, again.json()), (first.status, first.json()), "{given}");
        assert_eq!(erp.received().len(), requests, "{given}: it was delivered again");
        assert_eq!(receiver.events(&["show", &message_id(&event), "--json"])[0]["state"], "dead");
    }
}

#[tokio::test]
async fn an_erp_that_is_out_of_order_is_502() {
    let erp = Erp::start();
    let receiver = receiver_for(Sqlite, &erp, "", "");
    erp.answer([500, 503, 401, 302, 408, 429].map(Answer::status));
    erp.answer([Answer::drop_connection()]);

    for order in ["1", "2", "3", "4", "5", "6", "7"] {
        let answer = receiver.sender().send(order_event(order)).await;

        assert_eq!(answer.status, Some(502), "{answer:?}");
        assert!(answer.will_retry());
    }
}

#[rstest]
#[tokio::test]
async fn an_erp_that_cannot_be_reached_is_502_and_gets_the_event_when_it_is_back(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let mut erp = Erp::start();
    let receiver = receiver_for(store, &erp, "", "");
    receiver.expects_error("the handler is down");
    let event = order_event("1");
    erp.stop();

    let down = receiver.sender().send(event.clone()).await;
    erp.restart();
    let back = receiver.sender().send(event.clone()).await;

    assert_eq!(down.status, Some(502), "{down:?}");
    assert_eq!(back.status, Some(200), "its sender asked for it, so it does not wait for the next retry: {back:?}");
    assert_eq!(erp.received().len(), 1);
}

#[tokio::test]
async fn an_erp_that_is_too_slow_is_504() {
    let erp = Erp::start();
    let receiver = receiver_for(Sqlite, &erp, "server.answer_within = \"20s\"", "timeout = \"1s\"");
    receiver.expects_error("the handler is down");
    erp.answer([Answer::hang()]);

    let answer = receiver.sender().send(order_event("1")).await;

    assert_eq!(answer.status, Some(504), "{answer:?}");
    assert!(answer.detail().contains("within 1s"), "{answer:?}");
}

#[rstest]
#[tokio::test]
async fn the_answer_is_given_in_time_and_the_delivery_goes_on(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp, "server.answer_within = \"1s\"", "");
    let event = order_event("1");
    erp.answer([Answer::status(200).after(Duration::from_secs(3))]);

    let in_time = receiver.sender().send(event.clone()).await;
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    let done = receiver.sender().send(event).await;

    assert_eq!(in_time.status, Some(504), "{in_time:?}");
    assert_eq!(done.status, Some(200));
    assert_eq!(erp.received().len(), 1, "it was delivered once");
}

#[rstest]
#[tokio::test]
async fn what_is_done_is_not_delivered_again_in_either_encoding(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp, "", "");
    let event = order_event("1");

    let first = receiver.sender().send(event.clone()).await;
    let again = receiver.sender().send(event.clone()).await;
    let in_xml = receiver.sender().send(Message::xml(order_event_in_xml("1", &message_id(&event)))).await;

    assert_eq!(first.json(), json!({"status": "handled", "id": message_id(&event)}));
    for again in [again, in_xml] {
        assert_eq!(again.status, Some(200));
        assert_eq!(again.json(), json!({"status": "handled", "id": message_id(&event), "repeated": true}));
    }
    assert_eq!(erp.received().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_repeat_waits_with_the_first_while_it_is_handled(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp, "server.answer_within = \"20s\"", "");
    receiver.expects_error("rejected: a dead letter");
    let event = order_event("1");
    erp.answer([Answer::status(409).after(Duration::from_secs(2))]);

    let (sender, message) = (receiver.sender(), event.clone());
    let first = tokio::spawn(async move { sender.send(message).await });
    erp.wait_for(1).await;
    let repeat = receiver.sender().send(event).await;
    let first = first.await.unwrap();

    assert_eq!((first.status, repeat.status), (Some(409), Some(409)));
    assert_eq!(erp.received().len(), 1);
}

#[rstest]
#[tokio::test]
async fn every_handler_has_its_say(#[values(Sqlite, Postgres)] store: Store) {
    let (good, bad) = (Erp::start(), Erp::start());
    let more = format!("[handlers.other]\ntype = \"http\"\nurl = \"{}\"", bad.url("/"));
    let receiver = receiver_for(store, &good, "", &more);
    receiver.expects_error("rejected: a dead letter");
    bad.answer([200, 422, 503]);

    let both_done = receiver.sender().send(order_event("1")).await;
    let one_rejects = receiver.sender().send(order_event("2")).await;
    let one_is_down = receiver.sender().send(order_event("3")).await;

    assert_eq!(both_done.status, Some(200));
    assert_eq!(one_rejects.status, Some(422), "{one_rejects:?}");
    assert_eq!(one_is_down.status, Some(502), "{one_is_down:?}");
    assert_eq!(good.wait_for(3).await.len(), 3);
}

#[tokio::test]
async fn a_body_that_is_no_event_is_refused_before_any_handler_sees_it() {
    let erp = Erp::start();
    let receiver = receiver_for(Sqlite, &erp, "", "");

    let answer = receiver.sender().send(Message::xml("<a><orderEvent>")).await;

    assert_eq!(answer.status, Some(400));
    assert!(erp.received().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_handler_that_is_removed_does_not_hold_up_the_answer_and_its_delivery_waits(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let (erp, removed) = (Erp::start(), Erp::start());
    removed.answer_by(|_| Answer::status(503));
    let other = format!("[handlers.removed]\ntype = \"http\"\nurl = \"{}\"", removed.url("/"));
    let receiver = receiver_for(store, &erp, "", &other);
    let event = order_event("1");
    assert_eq!(receiver.sender().send(event.clone()).await.status, Some(502));

    receiver.configure(|text| text.replace(&other, ""));
    assert!(receiver.hang_up().await.contains("configuration reloaded"));
    let again = receiver.sender().send(event.clone()).await;

    assert_eq!(again.status, Some(200), "{again:?}");
    let waiting = receiver.events(&["list", "--state", "pending", "--json"]);
    assert_eq!(waiting[0]["id"], message_id(&event));
    assert_eq!(waiting[0]["deliveries"][1]["handler"], "removed");
}

#[rstest]
#[tokio::test]
async fn an_event_whose_only_handler_is_renamed_while_it_waits_is_not_taken_for_handled(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    erp.answer([Answer::hang()]);
    let receiver = receiver_for(store, &erp, "server.answer_within = \"10s\"", "");
    let event = order_event("1");
    let (sender, message) = (receiver.sender(), event.clone());
    let waiting = tokio::spawn(async move { sender.send(message).await });
    erp.wait_for(1).await;

    receiver.configure(|text| text.replace("[handlers.erp]", "[handlers.sap]"));
    assert!(receiver.hang_up().await.contains("configuration reloaded"));
    let waited = waiting.await.unwrap();
    let again = receiver.sender().send(event).await;

    assert!(waited.will_retry(), "{waited:?}");
    assert_eq!(again.status, Some(503), "{again:?}");
    assert!(again.detail().contains("handler erp"), "{again:?}");
}

#[tokio::test]
async fn an_event_that_the_inbox_does_not_know_any_more_is_not_taken_for_handled() {
    let erp = Erp::start();
    erp.answer([Answer::hang()]);
    let receiver = receiver_for(Sqlite, &erp, "server.answer_within = \"60s\"", "");
    receiver.expects_error("the inbox does not say what became of an event");
    let sender = receiver.sender();
    let waiting = tokio::spawn(async move { sender.send(order_event("1")).await });
    erp.wait_for(1).await;

    let inbox = rusqlite::Connection::open(receiver.path("data/inbox.db")).unwrap();
    inbox.execute_batch("BEGIN IMMEDIATE; DELETE FROM deliveries; DELETE FROM events; COMMIT").unwrap();

    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, Some(503), "{answer:?}");
}

#[rstest]
#[tokio::test]
async fn an_event_for_a_handler_that_is_down_is_not_left_without_an_answer(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(503));
    let receiver = receiver_for(store, &erp, "delivery.max_retry = \"15m\"\nserver.answer_within = \"60s\"", "");
    for order in ["1", "2", "3"] {
        assert_eq!(receiver.sender().send(order_event(order)).await.status, Some(502));
    }
    receiver.logged("the handler is down").await;

    let late = receiver.sender().send(order_event("4")).await;

    assert_eq!(late.status, Some(502), "{late:?}");
    assert!(late.detail().contains("503"), "{late:?}");
    assert_eq!(erp.received().len(), 3, "nobody is tried before the pause is over");
}
