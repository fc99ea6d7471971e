//! What is done to one event from afar: by whom, once, and told.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Ask, Said, USERS, get, post, post_json, signed_in};
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

const DISK: &str = "handlers.disk = { type = 'file', directory = 'events' }\n\
                    handlers.later = { type = 'file', directory = 'later', paused = true }\n";

/// An event that waits for one handler and is done with another; its key, and somebody signed in.
async fn one_event(store: Store) -> (Receiver, String, String) {
    let receiver = store.with(&format!("{USERS}{DISK}"));
    receiver.sender().send(order_event("1")).await;
    let is_done = |event: &Value| event["deliveries"][0]["state"] == "done";
    let events = receiver.inbox_until(|events| events.len() == 1 && is_done(&events[0])).await;
    let cookie = signed_in(&receiver);
    let key = events[0]["key"].as_str().unwrap().to_owned();
    (receiver, key, cookie)
}

fn ask(receiver: &Receiver, path: &str, body: &Value) -> Ask {
    post_json(receiver, &format!("/api/v1/{path}"), body)
}

fn states(event: &Value) -> Vec<(String, String)> {
    let of = |delivery: &Value| ["handler", "state"].map(|field| delivery[field].as_str().unwrap().to_owned()).into();
    event["deliveries"].as_array().unwrap().iter().map(of).collect()
}

fn deeds(event: &Value) -> Vec<&str> {
    event["actions"].as_array().unwrap().iter().map(|action| action["what"].as_str().unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn an_event_is_set_aside_with_a_reason_and_brought_back(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, key, cookie) = one_event(store).await;
    let act = |what: &str, body: Value| ask(&receiver, &format!("events/{key}/{what}"), &body).cookie(&cookie).send();

    let silent = act("discard", json!({}));
    let discarded = act("discard", json!({"reason": " booked by hand "}));
    let twice = act("discard", json!({"reason": "again"}));
    let back = act("deliver", json!({}));

    assert!(silent.status == 422 && silent.text().contains("reason"), "{}", silent.text());
    assert_eq!((discarded.status, &discarded.json()["state"]), (200, &json!("discarded")), "{}", discarded.text());
    assert_eq!(twice.status, 409, "{}", twice.text());
    assert_eq!((back.status, back.json()["state"].clone()), (200, json!("pending")), "{}", back.text());
    let event = back.json();
    assert_eq!(deeds(&event), ["discard", "deliver"]);
    let kept = ["who", "via", "address", "reason"].map(|field| event["actions"][0][field].clone());
    assert_eq!(kept, ["carla", "api", "127.0.0.1", "booked by hand"]);
    assert_eq!(receiver.inbox()[0], event, "the commands say the same");
    let text = receiver.run(&["events", "show", event["id"].as_str().unwrap()]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("carla (api, from 127.0.0.1) discarded it: booked by hand"), "{text}");
    let listed = get(&receiver, "/api/v1/actions?limit=1").cookie(&cookie).send().json();
    let next = listed["next"].as_str().unwrap();
    let last = get(&receiver, &format!("/api/v1/actions?limit=1&after={next}")).cookie(&cookie).send().json();
    let what = [&listed["items"][0]["what"], &last["items"][0]["what"], &last["next"]];
    assert_eq!(what, [&json!("deliver"), &json!("discard"), &Value::Null]);
}

#[rstest]
#[tokio::test]
async fn what_a_handler_has_it_gets_again_only_by_its_name(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, key, cookie) = one_event(store).await;
    let act = |body: Value| ask(&receiver, &format!("events/{key}/deliver"), &body).cookie(&cookie).send();

    let paused = act(json!({"handler": "later"}));
    let unknown = act(json!({"handler": "epr"}));
    let again = act(json!({"handler": "disk", "reason": "the file was lost"}));

    assert!(paused.status == 409 && paused.text().contains("is paused"), "{}", paused.text());
    assert!(unknown.status == 422 && unknown.text().contains("epr"), "{}", unknown.text());
    assert_eq!(again.status, 200, "{}", again.text());
    receiver.inbox_until(|events| states(&events[0])[0].1 == "done" && events[0]["deliveries"][0]["round"] == 2).await;
    receiver.configure(|text| text.replace("paused = true", "paused = false"));
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    let nothing = act(json!({}));
    assert!(nothing.status == 409 && nothing.text().contains("With `handler`"), "{}", nothing.text());
}

#[rstest]
#[tokio::test]
async fn a_refused_body_is_answered_with_the_event_that_it_is(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with(DISK);
    let event = order_event("1");
    receiver.sender().to(receiver.url("/elsewhere")).send(event.clone()).await;
    let refused = receiver.inbox()[0]["key"].as_str().unwrap().to_owned();
    receiver.sender().send(Message::json("{\n nonsense")).await;
    let nonsense = receiver.inbox().iter().find(|one| one["key"] != refused.as_str()).unwrap()["key"].clone();
    let cookie = signed_in(&receiver);
    let act = |key: &str| {
        let ask = ask(&receiver, &format!("events/{key}/deliver"), &json!({}));
        ask.cookie(&cookie).header("idempotency-key: one").send()
    };

    let accepted = act(&refused);
    let again = act(&refused);
    let never = ask(&receiver, &format!("events/{}/deliver", nonsense.as_str().unwrap()), &json!({}));
    let never = never.cookie(&cookie).send();

    assert_eq!((accepted.status, &accepted.json()["id"]), (200, &event["meta"]["messageId"]), "{}", accepted.text());
    assert_eq!((again.status, again.text()), (200, accepted.text()));
    assert!(never.status == 422 && never.text().contains("cannot be read"), "{}", never.text());
    let old = get(&receiver, &format!("/api/v1/events/{refused}")).cookie(&cookie).send();
    assert_eq!((old.status, &old.json()["became"]), (404, &event["meta"]["messageId"]));
}

#[tokio::test]
async fn nobody_acts_who_may_only_look_nor_a_page_of_another_site() {
    let (receiver, key, cookie) = one_event(Sqlite).await;
    let nobody = "01234567-89ab-4def-8123-456789abcdef";
    let paths = [
        format!("events/{key}/deliver"),
        format!("events/{key}/discard"),
        "plans".to_owned(),
        format!("plans/{nobody}/run"),
        format!("actions/{nobody}/stop"),
    ];
    let body = json!({"action": "discard", "filter": {"state": "dead"}, "reason": "x"});

    for path in &paths {
        let viewer = ask(&receiver, path, &body).basic("bob", "a password of bob").send();
        assert!(viewer.status == 403 && viewer.text().contains("operator"), "{path}: {}", viewer.text());
        let foreign = ask(&receiver, path, &body).cookie(&cookie).header("origin: http://evil.example").send();
        assert!(foreign.status == 403 && foreign.text().contains("another site"), "{path}: {}", foreign.text());
        assert_eq!(ask(&receiver, path, &body).send().status, 401, "{path}");
        let read = get(&receiver, &format!("/api/v1/{path}")).cookie(&cookie).send();
        assert_eq!(read.status, 405, "{path}: nothing is done by looking");
        assert!(read.text().contains("does not take that method"), "{path}: {}", read.text());
        let form = post(&receiver, &format!("/api/v1/{path}"), "reason=x").cookie(&cookie).send();
        assert_eq!(form.status, 415, "{path}: {}", form.text());
    }
    assert_eq!(deeds(&receiver.inbox()[0]), Vec::<&str>::new());
    let operator = ask(&receiver, &paths[1], &json!({"reason": "x"})).basic("anna", "a password of anna").send();
    assert_eq!((operator.status, &operator.json()["actions"][0]["who"]), (200, &json!("anna")));
}

#[tokio::test]
async fn only_what_is_understood_in_full_is_done() {
    let (receiver, key, cookie) = one_event(Sqlite).await;
    let path = format!("/api/v1/events/{key}/discard");
    let send = |body: &str, headers: &[&str]| {
        let ask = Ask { method: "POST", body: body.to_owned(), ..get(&receiver, &path) }.cookie(&cookie);
        let said = headers.iter().fold(ask, |ask, header| ask.header(header)).send();
        (said.status, said.text())
    };
    let json = "content-type: application/json; charset=utf-8";
    let reason = "{\"reason\": \"x\"}";

    for (body, headers, status, named) in [
        ("{\"reason\": \"x\", \"handlers\": 1}", &[json][..], 422, "handlers"),
        ("{\"reason\": 1}", &[json], 422, "invalid type"),
        ("[\"x\"]", &[json], 422, "an object is expected"),
        ("[", &[json], 400, "no JSON"),
        ("{\"reason\": \"\\u0000\"}", &[json], 422, "NUL"),
        (reason, &[], 415, "application/json"),
        (reason, &["content-type: text/plain"], 415, "application/json"),
        (&format!("{{\"reason\": \"{}\"}}", "x".repeat(70_000)), &[json], 413, "64 KiB"),
        (reason, &[json, "idempotency-key: a b"], 400, "Idempotency-Key"),
        (reason, &[json, &format!("idempotency-key: {}", "x".repeat(256))], 400, "Idempotency-Key"),
        (reason, &[json, "idempotency-key: a", "idempotency-key: b"], 400, "Idempotency-Key"),
        ("", &[], 422, "reason"),
    ] {
        let (was, text) = send(body, headers);
        assert!(was == status && text.contains(named) && text.len() < 500, "{was} {text}");
    }
    assert_eq!(deeds(&receiver.inbox()[0]), Vec::<&str>::new());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_under_one_key_is_done_once_and_answered_the_same(#[values(Sqlite, Postgres)] store: Store) {
    let (mut receiver, key, _) = one_event(store).await;
    let act = |receiver: &Receiver, user: &str, reason: &str| -> Said {
        let ask = ask(receiver, &format!("events/{key}/deliver"), &json!({"handler": "disk", "reason": reason}));
        ask.basic(user, &format!("a password of {user}")).header("idempotency-key: monday").send()
    };

    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(|| act(&receiver, "anna", "lost"))).collect();
        asked.into_iter().map(|said| said.join().unwrap()).collect()
    });
    let other = act(&receiver, "anna", "another");
    receiver.inbox_until(|events| states(&events[0])[0].1 == "done").await;
    receiver.terminate();
    receiver.restart();
    let after_restart = act(&receiver, "anna", "lost");
    let other_after_restart = act(&receiver, "anna", "another");

    assert!(answers.iter().all(|said| said.status == 200 && said.text() == answers[0].text()), "{answers:?}");
    assert_eq!((other.status, other_after_restart.status), (422, 422), "{}", other_after_restart.text());
    assert_eq!(after_restart.status, 200, "{}", after_restart.text());
    let event = receiver.inbox()[0].clone();
    assert_eq!((deeds(&event), &event["deliveries"][0]["round"]), (vec!["deliver"], &json!(2)), "done once");
    assert_eq!(act(&receiver, "bob", "lost").status, 403);
}

#[rstest]
#[tokio::test]
async fn who_keeps_a_page_up_to_date_is_told_what_has_changed(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, key, cookie) = one_event(store).await;
    let changes = |query: &str| {
        let said = get(&receiver, &format!("/api/v1/changes?keys={key}{query}")).cookie(&cookie).send();
        assert_eq!(said.status, 200, "{}", said.text());
        said.json()
    };
    let since = |answer: &Value| format!("&after={}", answer["token"].as_str().unwrap());

    let first = changes("");
    let same = changes(&since(&first));
    receiver.sender().send(order_event("2")).await;
    let newer = changes(&since(&same));
    let others = changes(&format!("{}&state=refused", since(&same)));
    ask(&receiver, &format!("events/{key}/discard"), &json!({"reason": "x"})).cookie(&cookie).send();
    let changed = changes(&since(&newer));

    assert_eq!((&first["newer"], &first["events"]), (&json!(0), &json!([])));
    assert_eq!(same, first, "nothing has changed");
    assert_eq!((&newer["newer"], &newer["more"], &newer["events"]), (&json!(1), &json!(false), &json!([])));
    assert_eq!(others["newer"], 0);
    assert_eq!(changed["newer"], 0);
    assert_eq!(states(&changed["events"][0])[1], ("later".to_owned(), "discarded".to_owned()));
    let many = vec![key.as_str(); 101].join(",");
    for query in [&format!("keys={many}"), "keys=x", "after=x", "limit=1"] {
        assert_eq!(get(&receiver, &format!("/api/v1/changes?{query}")).cookie(&cookie).send().status, 400, "{query}");
    }
}
