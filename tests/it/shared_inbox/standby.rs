//! A database whose commits wait for a standby that is away: nothing is safe until it is back, so nothing is
//! acknowledged; and when it is back, all goes on.

use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::postgres::{Postgres, ROLE};
use crate::support::receiver::{Receiver, STORE_FAILS};
use crate::support::sender::{message_id, order_event};

use super::{ids, prepared};

/// A receiver with its inbox in a database, which tries again after a few seconds.
fn receiver_at(url: &str, erp: &Erp) -> Receiver {
    let configuration = format!(
        "delivery = {{ first_retry = '5s', max_retry = '5s' }}\nhandlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    );
    let mut receiver = Receiver::prepared(&configuration).inbox_at(url);
    receiver.restart();
    receiver
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_delivered_while_a_standby_is_away_and_its_orders_go_on_when_it_is_back() {
    let erp = Erp::start();
    let server = Postgres::start();
    let receiver = receiver_at(&server.url(&server.database()), &erp);
    receiver.expects_error("the handler is down");
    erp.answer([503, 503, 503]);
    let waiting = ["1", "2", "3"].map(order_event);
    for event in &waiting {
        assert_eq!(receiver.sender().send(event.clone()).await.status, Some(202));
    }
    erp.wait_for(3).await;

    server.lose_standby();

    let has_all = |events: &[serde_json::Value], received: &[String]| {
        events.iter().all(|event| received.iter().filter(|id| **id == message_id(event)).count() == 2)
    };
    erp.wait_until("all are tried again", |received| has_all(&waiting, &ids(received))).await;
    server.regain_standby();
    let next = ["1", "2", "3"].map(order_event);
    for event in &next {
        eventually("it is taken", async || receiver.sender().send(event.clone()).await.status == Some(202)).await;
    }
    let done = |events: &[serde_json::Value]| events.len() == 6 && events.iter().all(|event| event["state"] == "done");
    receiver.inbox_until(done).await;
    assert_eq!(erp.received().len(), 9, "none of them twice");
}

/// Its last commit holds what the others would have to remove.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_dies_in_a_commit_that_hangs_costs_the_others_nothing() {
    let erp = Erp::start();
    let server = Postgres::start();
    let database = server.database();
    let url = server.url(&database);
    let mut dying = prepared(1, &url, &erp).remove(0);
    dying.restart();
    dying.expects_error("the handler is down");
    // Without a handler, it works on nothing.
    let mut other = Receiver::prepared("").inbox_at(&url);
    other.restart();
    erp.answer_by(|_| Answer::status(503));
    assert_eq!(dying.sender().send(order_event("1")).await.status, Some(202));
    erp.wait_for(1).await;
    server.lose_standby();
    eventually("the end of an attempt hangs", async || server.hanging(ROLE) > 0).await;
    let tables = "SET search_path = tradecloud_inbox";
    let its_name = server.sql(&database, &format!("{tables}; SELECT receiver FROM claims"));

    dying.kill();

    let goes_on = format!(
        "{tables}; SELECT other.until > now() AND other.steady < now() - interval '12 seconds'
         AND dead.until < now() - interval '12 seconds'
         FROM receivers other, receivers dead WHERE other.id <> dead.id AND dead.id = '{its_name}'"
    );
    eventually("the other one keeps its lease", async || server.sql(&database, &goes_on) == "t").await;
    server.regain_standby();
    let dead = format!("{tables}; SELECT count(*) FROM receivers WHERE id = '{its_name}'");
    eventually("the dead one is removed", async || server.sql(&database, &dead) == "0").await;
    erp.answer_by(|_| Answer::status(200));
    dying.restart();
    dying.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_away_leaves_no_more_sessions_behind_however_long_that_lasts() {
    let erp = Erp::start();
    let server = Postgres::start();
    let receiver = receiver_at(&server.url(&server.database()), &erp);
    receiver.expects_errors(&STORE_FAILS);
    let sender = receiver.sender();
    assert_eq!(sender.send(order_event("1")).await.status, Some(202));

    server.lose_standby();

    let says_so = |text: &str| text.contains("PostgreSQL does not end a commit");
    let event = order_event("1");
    eventually("the writer stops to try", async || {
        let answer = sender.send(event.clone()).await;
        assert!(answer.will_retry(), "{answer:?}");
        receiver.log().iter().any(|entry| entry["failure"].as_str().is_some_and(says_so))
    })
    .await;
    eventually("the probe does", async || says_so(&receiver.admin("/readyz").await.1)).await;
    let left = server.hanging(ROLE);
    for _ in 0..10 {
        assert_eq!(receiver.admin("/readyz").await.0, 503);
        assert!(sender.send(event.clone()).await.will_retry());
    }
    assert_eq!(server.hanging(ROLE), left);
    server.regain_standby();
    eventually("it is taken", async || sender.send(event.clone()).await.status == Some(202)).await;
    assert_eq!(receiver.admin("/readyz").await.0, 200);
    assert_eq!(server.hanging(ROLE), 0);
}
