//! A handler that is down: it is left alone but for one delivery now and then, and gets everything when it is back.

use std::collections::BTreeSet;
use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use super::{receiver_with, send_all, subject};
use crate::support::erp::{Answer, Erp, Received};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::store::Store::{self, Postgres, Sqlite};

const DOWN: &str = "the handler is down";
const BACK: &str = "the handler is back";

/// A receiver whose first pause is a second and grows fast: what waits on its own would not be tried again soon.
fn patient(store: Store, erp: &Erp) -> Receiver {
    store.with(&format!(
        "delivery = {{ first_retry = '1s', retry_factor = 100.0, max_retry = '15m' }}
         handlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ))
}

fn orders(count: usize) -> Vec<Value> {
    (0..count).map(|number| order_event(&format!("order-{number}"))).collect()
}

/// How many lines of the log have that message and level.
fn lines(receiver: &Receiver, message: &str, level: &str) -> usize {
    let is_one = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains(message));
    receiver.log().iter().filter(|line| is_one(line) && line["level"] == level).count()
}

#[rstest]
#[tokio::test]
async fn an_erp_that_is_down_is_asked_for_one_order_after_the_other_and_gets_all_at_once_when_it_is_back(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(503));
    let receiver = receiver_with(store, &erp, "");
    send_all(&receiver, &orders(3)).await;
    receiver.logged(DOWN).await;
    let before = erp.received().len();

    send_all(&receiver, &orders(30)[3..]).await;
    // With pauses of 120 ms that are a moment each. Were each order tried by itself, it would be many times more.
    let asked = erp.wait_for(before + 20).await;
    erp.answer_by(|_| Answer::status(200));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    for pair in asked[before..].windows(2) {
        assert!(pair[0].ended.unwrap() <= pair[1].at, "two at once");
        assert!(pair[1].at - pair[0].at > Duration::from_millis(20), "without a pause");
    }
    let different: BTreeSet<_> = asked[before..before + 20].iter().map(subject).collect();
    assert!(different.len() >= 19, "not each of another order: {different:?}");
    assert_eq!(lines(&receiver, DOWN, "ERROR"), 1);
    assert!(lines(&receiver, "not delivered", "WARN") <= 8, "a line for each attempt");
    assert_eq!(lines(&receiver, BACK, "INFO"), 1);
}

#[rstest]
#[tokio::test]
async fn what_waits_for_a_handler_is_due_as_soon_as_it_is_back(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let much_later = Answer::status(503).header("retry-after", "600");
    // The handler's own pause is that of the last one, a second; then it is back.
    erp.answer([much_later.clone(), much_later, Answer::status(503)]);
    let receiver = patient(store, &erp);
    receiver.expects_error("the handler is down");
    for (number, order) in orders(3).iter().enumerate() {
        send_all(&receiver, std::slice::from_ref(order)).await;
        erp.wait_for(number + 1).await;
    }

    receiver.logged(BACK).await;

    // By themselves, two of them would be due in ten minutes.
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(lines(&receiver, DOWN, "ERROR"), 1);
}

#[rstest]
#[tokio::test]
async fn a_single_order_that_is_all_there_is_takes_the_handler_down_and_another_one_may_say_otherwise_at_once(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    // When the handler is down, it is to be left alone for longer than a test waits.
    let away = [Answer::status(503), Answer::status(503), Answer::status(503).header("retry-after", "3000")];
    erp.answer(away);
    let receiver = store.with(&format!(
        "delivery = {{ first_retry = '100ms', retry_factor = 10.0, max_retry = '1h' }}
         handlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ));
    send_all(&receiver, &[order_event("bad")]).await;
    receiver.logged(DOWN).await;

    send_all(&receiver, &[order_event("good")]).await;

    receiver.logged(BACK).await;
    receiver.inbox_until(|events| events[1]["state"] == "done").await;
}

#[rstest]
#[tokio::test]
async fn a_500_counts_for_its_own_order_only(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(500));
    let receiver = receiver_with(store, &erp, "");

    send_all(&receiver, &orders(6)).await;

    let of_each = |received: &[Received]| {
        (0..6).all(|order| received.iter().filter(|one| subject(one) == format!("order-{order}")).count() >= 4)
    };
    erp.wait_until("four attempts of each order", of_each).await;
    assert_eq!(lines(&receiver, DOWN, "ERROR"), 0);
}

#[rstest]
#[tokio::test]
async fn the_time_of_what_waits_runs_on_while_the_handler_is_down(#[values(Sqlite, Postgres)] store: Store) {
    let mut erp = Erp::start();
    erp.stop();
    let receiver = store.with(&format!(
        "delivery = {{ first_retry = '500ms', max_retry = '1h', retry_factor = 100.0, give_up_after = '3s', lanes = 2 }}
         handlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ));
    receiver.expects_error("given up: a dead letter");
    receiver.expects_error("the handler is down");

    send_all(&receiver, &orders(8)).await;

    receiver.inbox_until(|events| events.len() == 8 && events.iter().all(|event| event["state"] == "dead")).await;
    assert!(lines(&receiver, "given up: a dead letter", "ERROR") >= 8);
}

#[rstest]
#[tokio::test]
async fn an_erp_that_says_when_to_come_again_is_not_asked_before(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer([Answer::status(503).header("retry-after", "3")]);
    let receiver = store.with(&format!(
        "delivery = {{ first_retry = '30ms', max_retry = '1m' }}
         handlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ));

    send_all(&receiver, &orders(1)).await;
    let received = erp.wait_for(2).await;

    let pause = received[1].at - received[0].at;
    assert!(pause >= Duration::from_millis(2900), "{pause:?}");
}
