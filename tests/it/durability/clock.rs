//! The machine's clock is set: no event is lost, none waits for hours, none is given up before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rstest::rstest;

use crate::support::clock::Clock;
use crate::support::cpu::assert_idle;
use crate::support::erp::{Answer, Erp, Received};
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// An ERP that is out of order for as long as the switch is on. Of order 1 it takes its time to say so, so
/// that an attempt is going on when the clock is set; any other one waits for its next attempt then.
fn erp_with_switch() -> (Erp, Arc<AtomicBool>) {
    let (erp, out_of_order) = (Erp::start(), Arc::new(AtomicBool::new(true)));
    let switch = Arc::clone(&out_of_order);
    erp.answer_by(move |request| {
        if !switch.load(Ordering::Relaxed) {
            return Answer::status(200);
        }
        let slow = request.json()["subject"] == "1";
        Answer::status(503).after(Duration::from_millis(if slow { 300 } else { 0 }))
    });
    (erp, out_of_order)
}

fn configuration(erp: &Erp) -> String {
    // Short enough to be awaited; the jumps are far beyond either.
    format!(
        "delivery.first_retry = '400ms'\ndelivery.max_retry = '400ms'
         handlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    )
}

fn attempts(received: &[Received], id: &str) -> usize {
    received.iter().filter(|request| request.json()["id"] == id).count()
}

/// Fails without [`Clock::look`] in `inbox/sqlite/clock.rs`: set back, nothing that waits is tried again for
/// two hours, and set forward by 90 days, the first attempt after that gives the event up. In PostgreSQL,
/// which has a clock of its own, the latter follows from reading `since` as a time of the receiver's clock.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_holds_up_no_delivery_and_has_none_given_up(
    #[values(Sqlite, Postgres)] store: Store,
    #[values("-2h", "+2h", "+90d")] jump: &str,
) {
    let (clock, (erp, out_of_order)) = (Clock::new(), erp_with_switch());
    let mut receiver = store.prepared(&configuration(&erp)).inside(clock.inside());
    receiver.expects_error("the handler is down");
    receiver.restart();
    let sender = receiver.sender();
    let [waiting, first, second, third] = ["0", "1", "2", "1"].map(order_event);
    let id = message_id(&first);
    assert_eq!(sender.send(waiting.clone()).await.status, Some(202));
    assert_eq!(sender.send(first.clone()).await.status, Some(202));
    erp.wait_until("a second attempt", |received| attempts(received, &id) >= 2).await;

    clock.set(jump);
    assert_eq!(sender.send(second.clone()).await.status, Some(202));
    let before = attempts(&erp.received(), &id);
    let waited = attempts(&erp.received(), &message_id(&waiting));
    let all = |received: &[Received]| {
        attempts(received, &id) >= before + 3
            && attempts(received, &message_id(&waiting)) >= waited + 3
            && attempts(received, &message_id(&second)) >= 3
    };
    erp.wait_until("attempts of all after the clock was set", all).await;
    assert_idle(receiver.pid(), Duration::from_secs(1)).await;
    clock.set("+0");
    let before = attempts(&erp.received(), &id);
    erp.wait_until("attempts after it was set right", |received| attempts(received, &id) >= before + 2).await;
    assert_eq!(sender.send(third.clone()).await.status, Some(202));
    out_of_order.store(false, Ordering::Relaxed);

    let inbox = receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let ids: Vec<_> = inbox.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [&waiting, &first, &second, &third].map(message_id));
    let received = erp.received();
    let of = |event| received.iter().map(|request| request.json()["id"] == message_id(event)).collect::<Vec<_>>();
    let (first, third) = (of(&first), of(&third));
    let waited = first.iter().rposition(|is| *is) < third.iter().position(|is| *is);
    assert!(waited, "the third event is of the same order as the first, whatever the clock says");
}

/// Fails if the clock is only compared while the receiver runs (`None => return None` in [`Clock::look`]).
#[tokio::test]
async fn a_clock_that_was_set_back_while_the_receiver_was_off_holds_up_nothing() {
    let (clock, (erp, out_of_order)) = (Clock::new(), erp_with_switch());
    clock.set("+2h");
    let mut receiver = Receiver::prepared(&configuration(&erp)).inside(clock.inside());
    receiver.restart();
    let [first, second] = ["1", "2"].map(order_event);
    assert_eq!(receiver.sender().send(first.clone()).await.status, Some(202));
    erp.wait_for(1).await;
    receiver.kill();

    clock.set("+0");
    out_of_order.store(false, Ordering::Relaxed);
    receiver.restart();
    assert_eq!(receiver.sender().send(second).await.status, Some(202));

    receiver.inbox_until(|events| events.len() == 2 && events.iter().all(|event| event["state"] == "done")).await;
}

/// What it would remove, and give up, cannot be had back: what is overdue by that clock, or has no more time.
#[rstest]
#[tokio::test]
async fn by_a_clock_that_is_fast_at_the_start_nothing_is_removed_and_nothing_given_up(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let (clock, (erp, _out_of_order)) = (Clock::new(), erp_with_switch());
    let mut receiver = store
        .prepared(&format!(
            "delivery = {{ first_retry = '200ms', max_retry = '200ms', give_up_after = '14d' }}
             handlers.erp = {{ type = 'http', url = '{}', events = ['Pending*'] }}
             handlers.disk = {{ type = 'file', directory = 'events', events = ['Finished*'] }}
             handlers.script = {{ type = 'exec', command = ['sh', '-c', 'exit 65'], events = ['Dead*'] }}",
            erp.url("/")
        ))
        .inside(clock.inside());
    receiver.expects_error("rejected: a dead letter");
    receiver.expects_error("the handler is down");
    replace_certificate(&receiver, 60);
    receiver.restart();
    let sender = receiver.sender();
    for name in ["Pending", "Finished", "Dead", "Unwanted"] {
        let mut event = order_event(name);
        event["eventName"] = name.into();
        assert_eq!(sender.send(event).await.status, Some(202));
    }
    assert_eq!(sender.send(Message::json("{ no JSON")).await.status, Some(400));
    let states = |events: &[serde_json::Value]| {
        let mut states: Vec<_> = events.iter().map(|event| event["state"].as_str().unwrap().to_owned()).collect();
        states.sort();
        states
    };
    let all = ["dead", "done", "pending", "refused", "unwanted"];
    receiver.inbox_until(|events| states(events) == all).await;
    receiver.kill();

    clock.set("+120d");
    receiver.restart();

    receiver.logged("the clock is more than a day ahead of the last time that the inbox knew").await;
    let before = erp.received().len();
    erp.wait_for(before + 3).await;
    assert_eq!(states(&receiver.inbox()), all);
    let warnings = receiver.log().iter().filter(|line| line.to_string().contains("more than a day ahead")).count();
    assert_eq!(warnings, 1, "said once");
    receiver.logged("expired on").await;
    assert_eq!(receiver.sender().send(order_event("9")).await.status, Some(202), "expired or not, it goes on");
}

/// Gives the receiver a certificate that is valid for so many days from now on.
fn replace_certificate(receiver: &Receiver, days: i64) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "CA of the tests");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let end = (Timestamp::now() + SignedDuration::from_hours(24 * days)).to_zoned(jiff::tz::TimeZone::UTC);
    let number = |number: i8| number.unsigned_abs();
    certificate.not_after = date_time_ymd(end.year().into(), number(end.month()), number(end.day()));
    let certificate = certificate.signed_by(&key, &ca).unwrap();
    std::fs::write(receiver.path("ca.pem"), ca.pem()).unwrap();
    std::fs::write(receiver.path("certs/fullchain.pem"), certificate.pem() + &ca.pem()).unwrap();
    std::fs::write(receiver.path("certs/privkey.pem"), key.serialize_pem()).unwrap();
}
