//! A platform that answers oddly: what is wrong with one order holds up no other, and what may be better later is no dead
//! letter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::notices::{call, session};
use super::{QUICK, in_the_end, tradecloud_at};
use crate::support::erp::{Answer, Erp, Received};
use crate::support::receiver::Receiver;

const DISK: &str = "handlers.disk = { type = 'file', directory = 'events' }\n";
const OWN: &str = "own-company";

/// A platform that answers everything but logins by that rule.
fn platform(mut rule: impl FnMut(&Received) -> Answer + Send + 'static) -> Erp {
    let api = Erp::start();
    api.answer_by(
        move |request| {
            if request.uri.path().starts_with("/v2/authentication/") { session() } else { rule(request) }
        },
    );
    api
}

/// The lines that say to ask that one.
fn asking(api: &Erp) -> String {
    tradecloud_at(api.url("").trim_end_matches('/'))
}

fn order(id: &str, updated: &str, by: &str, lines: &[(&str, &str)]) -> Value {
    let lines: Vec<Value> = lines.iter().map(|(id, at)| json!({ "id": id, "lastUpdatedAt": at })).collect();
    json!({
        "id": id,
        "buyerOrder": { "companyId": OWN, "purchaseOrderNumber": format!("PO-{id}") },
        "lines": lines,
        "lastUpdatedAt": updated,
        "meta": { "source": { "companyId": by } },
    })
}

fn answered(body: &Value) -> Answer {
    Answer::status(200).body("application/json", body.to_string())
}

/// The ids that a file handler was given.
fn came(receiver: &Receiver) -> Vec<String> {
    let files = std::fs::read_dir(receiver.path("events")).into_iter().flatten().flatten();
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "json"));
    let read = |path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    files.map(|file| read(file.path())["subject"].as_str().unwrap().to_owned()).collect()
}

async fn has(receiver: &Receiver, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|id| (*id).to_owned()).collect();
    in_the_end("what is there is delivered", async || wanted.is_subset(&came(receiver).into_iter().collect())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_are_answered_500_hold_up_no_other() {
    let api = platform(|request| {
        let id = request.uri.path().rsplit('/').next().unwrap();
        if id.starts_with("bad") {
            return Answer::status(500);
        }
        answered(&order(id, "2026-11-01T10:00:00Z", "them", &[]))
    });
    let endpoints = "endpoints = [{ path = '/o/{orderId}' }]\n";
    let receiver = Receiver::with(&format!("{QUICK}{}{endpoints}{DISK}", asking(&api)));
    let sender = receiver.sender();

    for number in 0..8 {
        assert_eq!(call(&receiver, &sender, &format!("/o/bad{number}")).await, Some(202));
    }
    api.wait_for(5).await;
    let began = std::time::Instant::now();
    assert_eq!(call(&receiver, &sender, "/o/good").await, Some(202));

    has(&receiver, &["good"]).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(receiver.inbox().iter().all(|event| event["state"] != "dead"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_better_later_is_no_dead_letter() {
    let asked = Arc::<Mutex<BTreeMap<String, usize>>>::default();
    let api = platform(move |request| {
        let id = request.uri.path().rsplit('/').next().unwrap().to_owned();
        let mut asked = asked.lock().unwrap();
        let tried = asked.entry(id.clone()).or_default();
        *tried += 1;
        match (id.as_str(), *tried) {
            ("page", 1) => Answer::status(200).body("text/html", "<html>maintenance</html>"),
            ("empty", 1) => Answer::status(200),
            ("none", 1) => answered(&json!({})),
            // Right after a login, or after the session was renewed for it.
            ("refused", 1 | 2) => Answer::status(401),
            _ => answered(&order(&id, "2026-11-01T10:00:00Z", "them", &[])),
        }
    });
    let endpoints = "endpoints = [{ path = '/o/{orderId}' }]\n";
    let receiver = Receiver::with(&format!("{QUICK}{}{endpoints}{DISK}", asking(&api)));
    receiver.expects_errors(&["Tradecloud lets us in, but not", "the handler is down"]);
    let sender = receiver.sender();

    for id in ["page", "empty", "none", "refused"] {
        assert_eq!(call(&receiver, &sender, &format!("/o/{id}")).await, Some(202));
    }

    has(&receiver, &["page", "empty", "none", "refused"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_not_there_is_doubted_from_the_first_time_that_this_is_said() {
    let tried = Arc::<Mutex<usize>>::default();
    let api = platform(move |request| {
        *tried.lock().unwrap() += 1;
        match *tried.lock().unwrap() {
            // Longer than a 404 is doubted.
            1 => Answer::status(500),
            2 => Answer::status(404),
            _ => answered(&order(request.uri.path().rsplit('/').next().unwrap(), "2026-11-01T10:00:00Z", "them", &[])),
        }
    });
    let endpoints = "endpoints = [{ path = '/o/{orderId}' }]\n";
    let asking = asking(&api).replace("not_found_after = '2s'", "not_found_after = '1s'");
    let receiver = Receiver::with(&format!("{QUICK}{asking}{endpoints}{DISK}"));

    assert_eq!(call(&receiver, &receiver.sender(), "/o/late").await, Some(202));

    has(&receiver, &["late"]).await;
}

/// The time in so many seconds.
fn at(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A platform that polls find these orders at, of all that there are at a time.
fn polled(orders: &Arc<Mutex<Vec<Value>>>) -> Erp {
    let orders = Arc::clone(orders);
    platform(move |_| {
        let orders = orders.lock().unwrap();
        answered(&json!({ "data": *orders, "total": orders.len() }))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_without_a_time_is_handed_on_once_and_one_without_an_id_keeps_back_nothing() {
    let mut without_time = order("timeless", "", "them", &[]);
    without_time.as_object_mut().unwrap().remove("lastUpdatedAt");
    let unreadable = order("unreadable", "02-11-2026 10:00", "them", &[]);
    let mut nobody = order("nobody", "2026-11-01T10:00:00Z", "them", &[]);
    nobody.as_object_mut().unwrap().remove("id");
    let plain = order("plain", "2026-11-01T10:00:01Z", "them", &[]);
    let distant = order("distant", "2999-11-01T10:00:01Z", "them", &[]);
    let all = ["timeless", "unreadable", "plain", "distant"];
    let orders = Arc::new(Mutex::new(vec![without_time, unreadable, nobody, plain, distant]));
    let api = polled(&orders);
    let poll = "poll = { orders = 'delivery-schedule', since = '2026-10-01', every = '1s' }\n";
    let receiver = Receiver::with(&format!("{QUICK}{}{poll}{DISK}", asking(&api)));
    receiver.expects_error("an entry of a poll is left out");

    has(&receiver, &all).await;
    orders.lock().unwrap().push(order("distant", &at(0), "them", &[]));
    let before = api.received().len();
    api.wait_for(before + 6).await;

    let mut came = came(&receiver);
    came.sort();
    assert_eq!(came, ["distant", "distant", "plain", "timeless", "unreadable"], "each state once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_waited_for_is_not_forgotten_when_our_own_company_changes_the_same_line() {
    let orders = Arc::<Mutex<Vec<Value>>>::default();
    let api = polled(&orders);
    let poll = "poll = { orders = 'delivery-schedule', since = '2026-10-01', every = '1s', deliver = 'missed', \
                grace = '4s' }\n";
    let asking = asking(&api).replace("requests_per_second", &format!("company = '{OWN}', requests_per_second"));
    let mut receiver = Receiver::with(&format!("{QUICK}{asking}{poll}{DISK}"));
    receiver.expects_error("the webhook did not bring");
    let (theirs, ours) = (at(-1), at(0));

    *orders.lock().unwrap() =
        vec![order("lost", &theirs, "them", &[("1", &theirs)]), order("own", &ours, OWN, &[("1", &ours)])];
    // It was looked at when the next is made.
    let before = api.received().len();
    api.wait_for(before + 3).await;
    // A restart must not forget it either.
    receiver.kill();
    let ours = at(0);
    *orders.lock().unwrap() =
        vec![order("own", &ours, OWN, &[("1", &ours)]), order("lost", &ours, OWN, &[("1", &ours)])];
    receiver.restart();

    has(&receiver, &["lost"]).await;
    assert_eq!(came(&receiver), ["lost"], "what is our own has no event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_from_before_the_polls_began_does_not_hurry_what_may_still_come() {
    let orders = Arc::<Mutex<Vec<Value>>>::default();
    let api = polled(&orders);
    let poll = "poll = { orders = 'delivery-schedule', since = '2026-10-01', every = '1s', deliver = 'missed', \
                grace = '5m' }\n";
    let receiver = Receiver::with(&format!("{QUICK}{}{poll}{DISK}", asking(&api)));
    let first = at(-1);
    let lines =
        |second: &str| [("1", "2026-09-01T10:00:00Z".to_owned()), ("2", first.clone()), ("3", second.to_owned())];
    let changed_at = |second: &str| {
        let lines = lines(second);
        order("changed", second, "them", &lines.each_ref().map(|(id, at)| (*id, at.as_str())))
    };

    for second in [first.clone(), at(0)] {
        *orders.lock().unwrap() = vec![changed_at(&second)];
        let before = api.received().len();
        api.wait_for(before + 3).await;
    }

    assert!(came(&receiver).is_empty(), "the webhook has five minutes for it");
}
