//! What one handler may get at once and in a second, whatever the others get.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use super::{ids, receiver_with, send_all};
use crate::configuration::problems;
use crate::support::erp::{Answer, Erp, Received};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// What the log says if an end does not come by itself.
const IN_PART: &str = "the time for draining is over";

fn events(count: usize) -> Vec<Value> {
    (0..count).map(|number| order_event(&number.to_string())).collect()
}

/// The largest number of requests that were worked on at the same time.
fn most_at_once(received: &[Received]) -> usize {
    let within =
        |at: Instant| received.iter().filter(|one| one.at <= at && one.ended.is_none_or(|end| end > at)).count();
    received.iter().map(|request| within(request.at)).max().unwrap_or_default()
}

/// One that takes its time, until somebody says so.
fn slow() -> Erp {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(200).after(Duration::from_secs(3600)));
    erp
}

#[rstest]
#[tokio::test]
async fn a_handler_may_have_lanes_of_its_own(#[values(Sqlite, Postgres)] store: Store) {
    let (one, many, as_all) = (Erp::start(), slow(), slow());
    one.answer_by(|_| Answer::status(200).after(Duration::from_millis(20)));
    let mut receiver = store.prepared(&format!(
        "server.shutdown_grace = '1s'
         delivery.lanes = 2
         handlers.one = {{ type = 'http', url = '{}', lanes = 1 }}
         handlers.many = {{ type = 'http', url = '{}', lanes = 5 }}
         handlers.as_all = {{ type = 'http', url = '{}' }}",
        one.url("/"),
        many.url("/"),
        as_all.url("/")
    ));
    receiver.restart();

    send_all(&receiver, &events(12)).await;

    let of_one = one.wait_for(12).await;
    many.wait_for(5).await;
    as_all.wait_for(2).await;
    assert_eq!(most_at_once(&of_one), 1);
    assert_eq!([many.received().len(), as_all.received().len()], [5, 2], "what is not answered takes a lane");
}

#[rstest]
#[tokio::test]
async fn no_more_attempts_begin_in_a_second_than_a_handler_may_get(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    // Attempts that fail count as well.
    let mut number = 0;
    erp.answer_by(move |_| {
        number += 1;
        Answer::status(if number % 3 == 0 { 500 } else { 200 })
    });
    let receiver = receiver_with(store, &erp, "max_per_second = 8.0");
    let begun = Instant::now();

    send_all(&receiver, &events(12)).await;

    let received = erp.wait_for(16).await;
    // The first begins after we did, and each after it an eighth of a second later. How late they arrive says nothing.
    for (number, request) in (0_u32..).zip(&received) {
        let least = Duration::from_millis(120) * number;
        assert!(request.at - begun >= least, "{number}: {:?}", request.at - begun);
    }
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}

#[tokio::test]
async fn the_pace_is_kept_while_a_handler_is_down() {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(503));
    let receiver = receiver_with(Sqlite, &erp, "max_per_second = 4");
    receiver.expects_error("the handler is down");
    let begun = Instant::now();

    send_all(&receiver, &events(6)).await;

    let requests = erp.wait_for(9).await;
    for (number, request) in (0_u32..).zip(&requests) {
        let least = Duration::from_millis(240) * number;
        assert!(request.at - begun >= least, "{number}: {:?}", request.at - begun);
    }
}

/// One attempt in a hundred seconds: whoever waited for the next one would be noticed.
#[rstest]
#[tokio::test]
async fn a_slow_pace_holds_up_neither_others_nor_a_reload_nor_the_end(#[values(Sqlite, Postgres)] store: Store) {
    let (erp, other) = (Erp::start(), Erp::start());
    let mut receiver = store.with(&format!(
        "handlers.erp = {{ type = 'http', url = '{}', max_per_second = 0.01 }}
         handlers.other = {{ type = 'http', url = '{}' }}",
        erp.url("/"),
        other.url("/")
    ));
    let events = events(3);
    send_all(&receiver, &events).await;
    erp.wait_for(1).await;
    other.wait_for(3).await;
    receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "done")).await;

    receiver.configure(|text| text.replace("handlers.erp = {", "handlers.erp = { timeout = '59s',"));
    assert!(receiver.hang_up().await.contains("configuration reloaded"));
    receiver.ask_to_end();
    receiver.logged("drained").await;
    assert!(!receiver.log().iter().any(|line| line.to_string().contains(IN_PART)), "something was waited for");
    assert!(receiver.wait().success());

    assert_eq!(erp.received().len(), 1, "the pace goes on as it was");
    let attempts: Vec<_> = receiver.inbox().iter().map(|event| event["deliveries"][0]["attempts"].clone()).collect();
    assert_eq!(attempts.iter().filter(|attempts| **attempts == 0).count(), 2, "{attempts:?}");
    receiver.configure(|text| text.replace("max_per_second = 0.01", "max_per_second = 1000"));
    receiver.restart();
    let mut arrived = ids(&erp.wait_for(3).await);
    let mut sent: Vec<_> = events.iter().map(message_id).collect();
    arrived.sort();
    sent.sort();
    assert_eq!(arrived, sent, "each once");
}

/// They wait for two turns: to be alone, and that of the pace.
#[tokio::test]
async fn what_the_process_did_not_survive_is_tried_at_the_pace_as_well() {
    let erp = slow();
    let mut receiver = receiver_with(Sqlite, &erp, "max_per_second = 0.8");
    send_all(&receiver, &events(3)).await;
    erp.wait_for(3).await;
    receiver.kill();
    erp.answer_by(|_| Answer::status(200));

    receiver.restart();

    receiver.logged("the process ended during the last attempt at this event").await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}

#[tokio::test]
async fn another_pace_and_other_lanes_count_from_a_reload_on() {
    let erp = Erp::start();
    let receiver = Sqlite.with(&format!(
        "handlers.erp = {{ type = 'http', url = '{}', max_per_second = 0.01, lanes = 1 }}",
        erp.url("/")
    ));
    send_all(&receiver, &events(12)).await;
    erp.wait_for(1).await;

    erp.answer_by(|_| Answer::status(200).after(Duration::from_secs(3600)));
    receiver.configure(|text| text.replace(", max_per_second = 0.01, lanes = 1", ", lanes = 6"));
    assert!(receiver.hang_up().await.contains("configuration reloaded"));

    erp.wait_for(7).await;
    let line = receiver.logged("configuration reloaded").await;
    assert_eq!(
        (&line["changed"], &line["removed"]),
        (&json!("handlers.erp.lanes"), &json!("handlers.erp.max_per_second"))
    );
}

#[rstest]
#[case("lanes = 0", "lanes", "a whole number of 1 or more")]
#[case("lanes = 1.5", "lanes", "a whole number of 1 or more")]
#[case("max_per_second = 0", "max_per_second", "from 0.001 to 100000")]
#[case("max_per_second = -1.0", "max_per_second", "from 0.001 to 100000")]
#[case("max_per_second = 1e-30", "max_per_second", "from 0.001 to 100000")]
#[case("max_per_second = '10/s'", "max_per_second", "a number such as")]
fn lanes_and_a_pace_that_make_no_sense_are_errors(#[case] key: &str, #[case] name: &str, #[case] what: &str) {
    let receiver = Receiver::prepared(&format!("handlers.disk = {{ type = 'file', directory = 'events', {key} }}"));

    let problems = problems(&receiver);

    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["key"], format!("handlers.disk.{name}"));
    assert!(problems[0]["what"].as_str().unwrap().contains(what), "{problems:?}");
}
