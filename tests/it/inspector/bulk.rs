//! What is done to many events from afar: to those that were shown and no others, once, whatever happens meanwhile.

use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Said, USERS, get, post_json, signed_in};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// It gets nothing, so that what is delivered again can be counted.
pub(super) const PAUSED: &str = "handlers.erp = { type = 'file', directory = 'erp', paused = true }\n";

/// Sends so many events.
pub(super) async fn send(receiver: &Receiver, count: usize) {
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let sender = receiver.sender();
        tasks.spawn(async move {
            for number in (task..count).step_by(8) {
                assert_eq!(sender.send(order_event(&number.to_string())).await.status, Some(202));
            }
        });
    }
    tasks.join_all().await;
}

/// Whatever waits is a dead letter.
pub(super) fn bury(store: Store, receiver: &Receiver) {
    let relist = if store == Postgres { "; UPDATE listed SET states = 4 WHERE states = 1" } else { "" };
    let dead = "UPDATE deliveries SET state = 2, due = NULL, reason = 'no' WHERE state = 0";
    store.sql(receiver, &format!("{dead}{relist}"));
}

/// A receiver with so many dead letters, and somebody signed in.
pub(super) async fn with_dead(store: Store, count: usize) -> (Receiver, String) {
    let receiver = store.with(&format!("{USERS}{PAUSED}"));
    send(&receiver, count).await;
    bury(store, &receiver);
    let cookie = signed_in(&receiver);
    (receiver, cookie)
}

fn api(receiver: &Receiver, cookie: &str, path: &str) -> Said {
    get(receiver, &format!("/api/v1/{path}")).cookie(cookie).send()
}

fn act(receiver: &Receiver, cookie: &str, path: &str, body: &Value) -> Said {
    post_json(receiver, &format!("/api/v1/{path}"), body).cookie(cookie).send()
}

fn plan(receiver: &Receiver, cookie: &str) -> Value {
    let plan = act(receiver, cookie, "plans", &json!({"action": "deliver", "filter": {"state": ["dead"]}}));
    assert_eq!(plan.status, 201, "{}", plan.text());
    plan.json()
}

/// Runs a plan; returns the action.
fn run(receiver: &Receiver, cookie: &str, plan: &Value) -> String {
    let run = act(receiver, cookie, &format!("plans/{}/run", plan["id"].as_str().unwrap()), &json!({}));
    assert_eq!(run.status, 202, "{}", run.text());
    run.json()["action"].as_str().unwrap().to_owned()
}

fn action(receiver: &Receiver, cookie: &str, id: &str) -> Value {
    let said = api(receiver, cookie, &format!("actions/{id}"));
    if said.status == 200 { said.json() } else { Value::Null }
}

pub(super) async fn until_ended(receiver: &Receiver, cookie: &str, id: &str) -> Value {
    eventually("the end of it", async || {
        action(receiver, cookie, id)["state"].as_str().is_some_and(|state| state != "running")
    })
    .await;
    action(receiver, cookie, id)
}

/// Waits until something of it is done, and not all.
pub(super) async fn until_in_the_middle(receiver: &Receiver, cookie: &str, id: &str) {
    eventually("some of it", async || action(receiver, cookie, id)["done"].as_u64().is_some_and(|done| done > 0)).await;
}

/// How many events are in that state.
pub(super) fn count(receiver: &Receiver, cookie: &str, state: &str) -> u64 {
    api(receiver, cookie, "overview").json()["events"][state]["count"].as_u64().unwrap()
}

/// Of all events that were changed: each by that action, and once.
pub(super) fn assert_each_once(receiver: &Receiver, id: &str, expected: usize) {
    let events = receiver.events(&["list", "--json", "--limit", "10000"]);
    let acted: Vec<&Vec<Value>> = events.iter().filter_map(|event| event["actions"].as_array()).collect();
    let changed: Vec<_> = acted.iter().filter(|actions| !actions.is_empty()).collect();
    assert_eq!(changed.len(), expected);
    assert!(changed.iter().all(|actions| actions.len() == 1 && actions[0]["id"] == id), "{:?}", changed.first());
    let again = events.iter().filter(|event| event["deliveries"][0]["round"] == 2).count();
    assert_eq!(again, expected, "each was begun anew once");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_done_to_what_was_shown_and_to_nothing_else_however_often_it_is_asked_for(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let (mut receiver, cookie) = with_dead(store, 1200).await;

    let plan = plan(&receiver, &cookie);
    send(&receiver, 5).await;
    bury(store, &receiver);
    assert_eq!(count(&receiver, &cookie, "pending"), 0, "a plan does nothing");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&receiver, &cookie, &plan))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let ended = until_ended(&receiver, &cookie, &ids[0]).await;
    let again = run(&receiver, &cookie, &plan);

    assert_eq!((&plan["count"], &plan["more"], &plan["states"]), (&json!(1200), &json!(false), &json!({"dead": 1200})));
    assert_eq!((&plan["handlers"], &plan["kinds"]), (&json!({"erp": 1200}), &json!({"order": 1200})));
    assert!(ids.iter().all(|id| *id == again && plan["id"] == again.as_str()), "{ids:?} {again}");
    assert_eq!([&ended["state"], &ended["who"], &ended["via"]], ["finished", "carla", "api"]);
    assert_eq!([&ended["address"], &ended["what"], &ended["filter"]], ["127.0.0.1", "deliver", "--state dead"]);
    assert_eq!([&ended["count"], &ended["done"], &ended["events"]], [1200, 1200, 1200]);
    assert_eq!((count(&receiver, &cookie, "pending"), count(&receiver, &cookie, "dead")), (1200, 5));
    assert_each_once(&receiver, &again, 1200);

    receiver.terminate();
    receiver.restart();
    let after_restart = run(&receiver, &cookie, &plan);
    let listed = api(&receiver, &cookie, "actions").json();
    let shown = receiver.events(&["list", "--json", "--state", "pending", "--limit", "1"])[0]["actions"][0].clone();

    assert_eq!((after_restart.as_str(), count(&receiver, &cookie, "dead")), (again.as_str(), 5));
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["next"]), (1, &Value::Null));
    for field in ["id", "who", "via", "address", "what", "filter", "events"] {
        assert_eq!(listed["items"][0][field], shown[field], "{field}: the commands say the same");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Told,
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_after_the_process_has_ended_in_the_middle_and_nothing_is_done_twice(
    #[values(Sqlite, Postgres)] store: Store,
    #[values(End::Killed, End::Told)] how: End,
) {
    let (mut receiver, cookie) = with_dead(store, 1800).await;
    let plan = plan(&receiver, &cookie);

    let id = run(&receiver, &cookie, &plan);
    until_in_the_middle(&receiver, &cookie, &id).await;
    match how {
        End::Killed => receiver.kill(),
        End::Told => assert!(receiver.terminate().success()),
    }
    let left = receiver.events(&["list", "--json", "--state", "dead", "--limit", "10000"]).len();
    receiver.restart();
    let ended = until_ended(&receiver, &cookie, &id).await;

    assert!((1..1800).contains(&left), "{left} were left");
    assert_eq!([&ended["state"], &ended["events"], &ended["done"]], [&json!("finished"), &json!(1800), &json!(1800)]);
    assert_each_once(&receiver, &id, 1800);
    receiver.logged("what is done to many events goes on").await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stopped_is_done_to_some_and_to_none_in_part(#[values(Sqlite, Postgres)] store: Store) {
    let (mut receiver, cookie) = with_dead(store, 1800).await;
    let one = plan(&receiver, &cookie);
    let other = plan(&receiver, &cookie);

    let id = run(&receiver, &cookie, &one);
    until_in_the_middle(&receiver, &cookie, &id).await;
    let busy = act(&receiver, &cookie, &format!("plans/{}/run", other["id"].as_str().unwrap()), &json!({}));
    let stop = act(&receiver, &cookie, &format!("actions/{id}/stop"), &json!({}));
    let ended = until_ended(&receiver, &cookie, &id).await;
    let again = act(&receiver, &cookie, &format!("actions/{id}/stop"), &json!({}));

    assert_eq!((busy.status, stop.status, again.status), (409, 202, 409), "{}", again.text());
    let done = ended["events"].as_u64().unwrap();
    assert!(ended["state"] == "stopped" && (1..1800).contains(&done), "{ended}");
    assert_eq!(count(&receiver, &cookie, "pending"), done);
    assert_each_once(&receiver, &id, usize::try_from(done).unwrap());
    // It is over for good, and the next one is for the rest.
    receiver.kill();
    receiver.restart();
    assert_eq!(count(&receiver, &cookie, "dead"), 1800 - done);
    let rest = plan(&receiver, &cookie);
    assert_eq!(rest["count"], 1800 - done);
    let rest = until_ended(&receiver, &cookie, &run(&receiver, &cookie, &rest)).await;
    assert_eq!((&rest["events"], count(&receiver, &cookie, "pending")), (&json!(1800 - done), 1800));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_receivers_one_does_it_and_another_goes_on_if_that_dies() {
    let (mut one, cookie) = with_dead(Postgres, 1800).await;
    let mut other = Receiver::prepared(&format!("{USERS}{PAUSED}")).inbox_at(one.inbox_url().unwrap());
    other.restart();
    let cookie_of_other = signed_in(&other);
    let (first, second) = (plan(&one, &cookie), plan(&other, &cookie_of_other));

    let id = run(&one, &cookie, &first);
    until_in_the_middle(&other, &cookie_of_other, &id).await;
    let busy = act(&other, &cookie_of_other, &format!("plans/{}/run", second["id"].as_str().unwrap()), &json!({}));
    one.kill();
    let ended = until_ended(&other, &cookie_of_other, &id).await;

    assert_eq!(busy.status, 409, "{}", busy.text());
    assert_eq!([&ended["state"], &ended["events"]], [&json!("finished"), &json!(1800)]);
    assert_each_once(&other, &id, 1800);
}

#[rstest]
#[tokio::test]
async fn what_came_before_something_that_the_back_end_has_is_counted(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("handlers.disk = { type = 'file', directory = 'events' }");
    for order in ["1", "1", "2", "3", "1"] {
        receiver.sender().send(order_event(order)).await;
    }
    let events = receiver.inbox_until(|all| all.len() == 5 && all.iter().all(|one| one["state"] == "done")).await;
    let mut sequences: Vec<_> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    sequences.sort_unstable();
    // The first and the last of order 1, and order 3.
    let [first, .., fourth, last] = sequences[..] else { unreachable!() };
    let relist = format!("; UPDATE listed SET states = 4 WHERE event IN ({first}, {fourth}, {last})");
    let relist = if store == Postgres { &relist } else { "" };
    store
        .sql(&receiver, &format!("UPDATE deliveries SET state = 2 WHERE event IN ({first}, {fourth}, {last}){relist}"));
    let cookie = signed_in(&receiver);

    let plan = plan(&receiver, &cookie);
    let discard = json!({"action": "discard", "filter": {"state": "dead"}, "reason": "old"});
    let discard = act(&receiver, &cookie, "plans", &discard).json();

    assert_eq!([&plan["count"], &plan["overtakes"], &plan["overtakesOf"]], [3, 1, 3], "{plan}");
    assert_eq!((&discard["count"], &discard["overtakes"]), (&json!(3), &json!(0)), "{discard}");
}

#[rstest]
#[tokio::test]
async fn bodies_that_can_be_read_after_all_and_what_is_no_event_are_told_apart(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let receiver = store.with(PAUSED);
    receiver.sender().to(receiver.url("/elsewhere")).send(order_event("1")).await;
    receiver.sender().send(Message::json("{\n nonsense")).await;
    let cookie = signed_in(&receiver);
    let asked = json!({"action": "deliver", "filter": {"state": "refused"}, "reason": "address was wrong"});

    let plan = act(&receiver, &cookie, "plans", &asked).json();
    let ended = until_ended(&receiver, &cookie, &run(&receiver, &cookie, &plan)).await;

    assert_eq!([&plan["count"], &ended["count"], &ended["done"]], [2, 2, 1], "{ended}");
    let states: Vec<_> = receiver.inbox().iter().map(|event| event["state"].clone()).collect();
    assert!(
        states.len() == 2 && states.contains(&json!("pending")) && states.contains(&json!("refused")),
        "{states:?}"
    );
    let listed = api(&receiver, &cookie, "actions").json()["items"].clone();
    let accepted = listed.as_array().unwrap().iter().find(|action| action["what"] == "accept");
    assert_eq!(accepted.unwrap()["reason"], "address was wrong", "{listed}");
}

#[tokio::test]
async fn what_makes_no_sense_is_no_plan() {
    let receiver = Receiver::with(PAUSED);
    let cookie = signed_in(&receiver);
    let ask = |body: Value| {
        let said = act(&receiver, &cookie, "plans", &body);
        (said.status, said.text())
    };

    for (body, named) in [
        (json!({"action": "discard", "filter": {"state": "dead"}}), "reason"),
        (json!({"action": "discard", "filter": {"state": "dead"}, "reason": " "}), "reason"),
        (json!({"action": "discard", "filter": {}, "reason": "x"}), "state"),
        (json!({"action": "erase", "filter": {}}), "erase"),
        (json!({"action": "deliver"}), "filter"),
        (json!({"action": "deliver", "filter": {}, "reasons": "x"}), "reasons"),
        (json!({"action": "deliver", "filter": {"stat": "dead"}}), "stat"),
        (json!({"action": "deliver", "filter": {"partner": "x"}}), "partner"),
        (json!({"action": "deliver", "filter": {"number": 1}}), "number"),
        (json!({"action": "deliver", "filter": {"kind": "x"}}), "kind"),
        (json!({"action": "deliver", "filter": {"handler": "epr"}}), "epr"),
        (json!({"action": "deliver", "filter": {}, "reason": "x".repeat(501)}), "500"),
    ] {
        let (status, text) = ask(body);
        assert!(status == 422 && text.contains(named), "{named}: {status} {text}");
    }
    let nobody = "01234567-89ab-4def-8123-456789abcdef";
    let stale = act(&receiver, &cookie, &format!("plans/{nobody}/run"), &json!({}));
    assert!(stale.status == 409 && stale.text().contains("ten minutes"), "{}", stale.text());
    for path in ["plans/x/run", "actions/x/stop", &format!("actions/{nobody}/stop")] {
        assert_eq!(act(&receiver, &cookie, path, &json!({})).status, 404, "{path}");
    }
    for path in ["actions/x", &format!("actions/{nobody}")] {
        assert_eq!(api(&receiver, &cookie, path).status, 404, "{path}");
    }
    for path in ["actions?state=dead", "actions?after=x", "actions?limit=0"] {
        assert_eq!(api(&receiver, &cookie, path).status, 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_changed_nothing_stands_in_its_place_of_the_list() {
    let receiver = Sqlite.with(&format!("{USERS}{PAUSED}"));
    receiver.sender().send(Message::json("{")).await;
    receiver.sender().send(order_event("1")).await;
    bury(Sqlite, &receiver);
    let cookie = signed_in(&receiver);
    let filter = json!({"state": ["refused"]});
    let vain = act(&receiver, &cookie, "plans", &json!({"action": "deliver", "filter": filter})).json();
    let vain = run(&receiver, &cookie, &vain);
    until_ended(&receiver, &cookie, &vain).await;
    let plan = plan(&receiver, &cookie);
    let later = run(&receiver, &cookie, &plan);
    until_ended(&receiver, &cookie, &later).await;

    let first = api(&receiver, &cookie, "actions?limit=1").json();
    let next = first["next"].as_str().unwrap();
    let second = api(&receiver, &cookie, &format!("actions?limit=1&after={next}")).json();

    let ids = |list: &Value| list["items"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!([ids(&first), ids(&second)], [[json!(later)], [json!(vain)]]);
}
