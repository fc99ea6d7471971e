//! The clock of the database, which somebody sets: what waits goes on waiting as long as it should, and no longer.

use std::time::Duration;

use rstest::rstest;

use crate::support::clock::Clock;
use crate::support::erp::{Answer, Erp};
use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

use super::ids;

/// A receiver that tries again by this schedule.
fn delivering(schedule: &str, erp: &Erp) -> Receiver {
    let erp = erp.url("/");
    Receiver::prepared(&format!("delivery = {{ {schedule} }}\nhandlers.erp = {{ type = 'http', url = '{erp}' }}"))
}

#[rstest]
#[case::while_a_receiver_is_at_work(false)]
#[case::after_one_has_died(true)]
#[tokio::test]
async fn what_waits_and_what_a_dead_receiver_was_at_is_due_when_the_clock_is_set_back(#[case] dies: bool) {
    let erp = Erp::start();
    let clock = Clock::new();
    let server = Postgres::inside(clock.inside(), &[]);
    clock.set("+5h");
    let mut receiver = delivering("first_retry = '10m'", &erp).inbox_at(&server.url(&server.database()));
    receiver.restart();
    let (failing, hanging) = (order_event("1"), order_event("2"));
    erp.answer([Answer::status(200).after(Duration::from_secs(20))]);
    erp.answer_by(|_| Answer::status(503));
    assert_eq!(receiver.sender().send(hanging.clone()).await.status, Some(202));
    erp.wait_for(1).await;
    assert_eq!(receiver.sender().send(failing.clone()).await.status, Some(202));
    receiver.inbox_until(|events| events.iter().any(|event| event["deliveries"][0]["attempts"] == 1)).await;
    if dies {
        receiver.kill();
    }

    clock.set("+0");

    erp.answer_by(|_| Answer::status(200));
    if dies {
        receiver.restart();
    }
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let times = |event| ids(&erp.received()).into_iter().filter(|id| *id == message_id(event)).count();
    assert_eq!(times(&hanging), if dies { 2 } else { 1 });
}

#[tokio::test]
async fn nothing_is_given_up_because_the_clock_is_set_forward() {
    let erp = Erp::start();
    let clock = Clock::new();
    let server = Postgres::inside(clock.inside(), &[]);
    let schedule = "first_retry = '50ms', max_retry = '200ms', give_up_after = '1h'";
    let mut receiver = delivering(schedule, &erp).inbox_at(&server.url(&server.database()));
    receiver.expects_error("the handler is down");
    receiver.restart();
    erp.answer_by(|_| Answer::status(503));
    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202));
    erp.wait_for(3).await;

    clock.set("+40d");

    receiver.logged("the database's clock was set forward").await;
    erp.wait_for(erp.received().len() + 5).await;
    assert_eq!(receiver.inbox()[0]["state"], "pending");
    erp.answer_by(|_| Answer::status(200));
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
}
