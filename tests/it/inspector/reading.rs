//! What is in the inbox, as JSON: what the commands say of it, in both stores.

use rstest::rstest;
use serde_json::Value;

use super::{Said, get, signed_in};
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

fn ask(receiver: &Receiver, cookie: &str, path: &str) -> Said {
    get(receiver, &format!("/api/v1/{path}")).cookie(cookie).send()
}

fn items(said: &Said) -> Vec<Value> {
    assert_eq!(said.status, 200, "{} {}", said.head, said.text());
    said.json()["items"].as_array().unwrap().clone()
}

/// Three orders, and a body that is none.
async fn filled(store: Store) -> (Receiver, String) {
    let receiver = store.with("handlers.disk = { type = 'file', directory = 'events' }");
    for order in ["1", "2", "1"] {
        assert!(receiver.sender().send(order_event(order)).await.is_delivered());
    }
    receiver.sender().send(Message::json("{\"a\": 1.10000000000000000000000000001")).await;
    receiver.inbox_until(|events| events.len() == 4 && events.iter().all(|event| event["state"] != "pending")).await;
    let cookie = signed_in(&receiver);
    (receiver, cookie)
}

#[rstest]
#[tokio::test]
async fn lists_say_what_the_commands_say(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, cookie) = filled(store).await;
    let listed = receiver.events(&["list", "--json"]);
    let number = listed.iter().find_map(|event| event["documentNumber"].as_str()).unwrap();

    let all = ask(&receiver, &cookie, "events");
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = ask(&receiver, &cookie, &format!("events?limit=3{after}"));
        pages.extend(items(&page));
        let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
        after = format!("&after={next}");
    }
    let refused = ask(&receiver, &cookie, "events?state=refused,dead&state=discarded&kind=");
    let of_order =
        items(&ask(&receiver, &cookie, &format!("orders?number={}", number.replace('-', "%20").to_lowercase())));
    let exported = ask(&receiver, &cookie, "export");

    assert_eq!(items(&all), listed);
    assert_eq!((pages, all.json()["next"].clone()), (listed.clone(), Value::Null));
    assert_eq!(items(&refused).len(), 1);
    assert_eq!(of_order, receiver.events(&["order", number, "--json"]), "the oldest first");
    assert_eq!(exported.text(), String::from_utf8(receiver.run(&["events", "export"]).stdout).unwrap());
    let csv = ask(&receiver, &cookie, "export?format=csv&state=done");
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"), "{}", csv.head);
    assert_eq!(csv.text().lines().count(), 4, "{}", csv.text());
    assert!(csv.text().contains("OrderIssuedByBuyer") && csv.text().contains("disk: done"), "{}", csv.text());
}

#[rstest]
#[tokio::test]
async fn a_partner_and_an_item_are_found_in_bodies(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    for (number, name) in [("1", "Acme"), ("2", "Müller"), ("3", "acme")] {
        let mut event = order_event(number);
        event["orderEvent"]["buyerOrder"]["supplierParty"] = serde_json::json!({"names": [name]});
        event["orderEvent"]["lines"][0]["buyerLine"]["item"] = serde_json::json!({"number": format!("M{number}")});
        assert!(receiver.sender().send(event).await.is_delivered());
    }
    let cookie = signed_in(&receiver);
    let found = |query: &str| {
        let said = ask(&receiver, &cookie, &format!("events?{query}"));
        let numbers = items(&said).iter().map(|event| event["documentNumber"].as_str().unwrap().to_owned()).collect();
        (numbers, said.json()["next"].as_str().map(str::to_owned))
    };

    let (first, next): (Vec<String>, _) = found("partner=ACME&limit=1");
    let (rest, end) = found(&format!("partner=ACME&limit=1&after={}", next.unwrap()));
    let (both, _) = found("partner=acme&item=m1&state=unwanted");
    let csv = ask(&receiver, &cookie, "export?format=csv&item=m3");

    assert_eq!((first, rest, end), (vec!["PO-3".to_owned()], vec!["PO-1".to_owned()], None));
    assert_eq!(both, ["PO-1"]);
    assert!(csv.text().contains("PO-3") && csv.text().lines().count() == 2, "{}", csv.text());
    assert_eq!(ask(&receiver, &cookie, &format!("events?partner={}", "x".repeat(201))).status, 400);
}

#[rstest]
#[tokio::test]
async fn one_event_and_its_bytes_are_found_by_its_key(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, cookie) = filled(store).await;

    for event in receiver.events(&["list", "--json"]) {
        let (key, id) = (event["key"].as_str().unwrap(), event["id"].as_str().unwrap());
        assert_eq!(ask(&receiver, &cookie, &format!("events/{key}")).json(), event);
        let body = ask(&receiver, &cookie, &format!("events/{key}/body"));
        assert_eq!(body.body, receiver.body_of(id), "to the byte");
        assert_eq!(body.header("content-type"), Some("application/octet-stream"));
        let disposition = body.header("content-disposition").unwrap();
        assert_eq!(disposition, format!("attachment; filename=\"{key}.json\""));
        assert!(body.header("content-security-policy").unwrap().starts_with("sandbox"), "{}", body.head);
        assert_eq!(body.header("content-length"), Some(event["size"].to_string().as_str()));
    }
    let refused = receiver.events(&["list", "--json", "--state", "refused"])[0].clone();
    let (key, id) = (refused["key"].as_str().unwrap(), refused["id"].as_str().unwrap());
    assert!(receiver.run(&["events", "erase", id, "--reason", "asked for"]).status.success());
    assert_eq!(ask(&receiver, &cookie, &format!("events/{key}/body")).status, 410);
}

#[rstest]
#[tokio::test]
async fn what_nobody_has_and_what_makes_no_sense_is_said_in_short(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let cookie = signed_in(&receiver);
    let long = "x".repeat(10_000);

    for (path, status) in [
        (format!("events/{long}"), 404),
        (format!("events/{long}/body"), 404),
        ("events/..%2f..%2flivez".to_owned(), 404),
        ("events/%00".to_owned(), 404),
        ("events/%ff".to_owned(), 404),
        ("events/../../../livez".to_owned(), 404),
        ("events/7fd0f2c2e3101363ae706bea25604066".to_owned(), 404),
        ("events/7fd0f2c2-e310-1363-ae70-6bea25604066".to_owned(), 404),
        (format!("handlers/{long}"), 404),
        ("handlers/..%2f..%2fx".to_owned(), 404),
        ("nothing".to_owned(), 404),
        (format!("events?{long}=1"), 400),
        (format!("events?kind={long}"), 400),
        ("events?number=%00".to_owned(), 400),
        ("events?event=a%00b".to_owned(), 400),
        ("events?limit=100000".to_owned(), 400),
        ("events?after=1".to_owned(), 400),
        ("events?since=yesterday".to_owned(), 400),
        ("orders".to_owned(), 400),
        ("export?format=xml".to_owned(), 400),
    ] {
        let said = ask(&receiver, &cookie, &path);
        let begin: String = path.chars().take(60).collect();
        assert_eq!((said.status, said.header("content-type")), (status, Some("application/problem+json")), "{begin}");
        assert!(said.body.len() < 500 && said.json()["detail"].is_string(), "{begin}: {}", said.text());
    }
    for query in
        [format!("number={long}"), format!("event={long}"), format!("handler={long}"), "event=%2a%27%3b--".to_owned()]
    {
        assert!(items(&ask(&receiver, &cookie, &format!("events?{query}"))).is_empty());
    }
    let deleted = super::Ask { method: "DELETE", ..get(&receiver, "/api/v1/events") }.cookie(&cookie).send();
    assert_eq!(deleted.status, 405);
}

#[rstest]
#[tokio::test]
async fn the_overview_and_the_handlers_say_what_waits(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with(
        "handlers.erp = { type = 'exec', command = ['/usr/bin/env', 'sh', '-c', 'exit 65'], events = ['Order*'] }\n\
         handlers.later = { type = 'file', directory = 'later', paused = true }",
    );
    receiver.expects_error("rejected: a dead letter");
    receiver.sender().send(order_event("1")).await;
    receiver.sender().send(Message::json("{")).await;
    receiver.inbox_until(|events| events.len() == 2 && events.iter().any(|event| event["state"] == "dead")).await;
    let cookie = signed_in(&receiver);
    let counted = |count: u64| serde_json::json!({"count": count, "more": false});

    let overview = ask(&receiver, &cookie, "overview").json();
    let handlers = items(&ask(&receiver, &cookie, "handlers"));
    let erp = ask(&receiver, &cookie, "handlers/erp").json();

    let events = &overview["events"];
    assert_eq!([&events["dead"], &events["refused"], &events["waitingLong"]], [&counted(1), &counted(1), &counted(0)]);
    assert_eq!(handlers.iter().map(|handler| &handler["name"]).collect::<Vec<_>>(), ["erp", "later"]);
    assert_eq!((&erp["type"], &erp["target"], &erp["events"][0]), (&"exec".into(), &"env".into(), &"Order*".into()));
    assert_eq!((&erp["dead"], &erp["deadLetters"][0]["state"]), (&counted(1), &"dead".into()));
    assert_eq!((&handlers[1]["paused"], &handlers[1]["waiting"]), (&true.into(), &counted(1)));

    receiver.configure(|text| text.replace("paused = true", "paused = false"));
    let goes_on = async || items(&ask(&receiver, &cookie, "handlers"))[1]["paused"] == false;
    crate::support::eventually("what the configuration says by now", goes_on).await;
}

#[tokio::test]
async fn where_nothing_is_kept_it_says_so() {
    let receiver = Receiver::with(
        "inbox.store = 'none'\nendpoints = [{ path = '/webhooks/tradecloud', acknowledge = 'handled' }]\n\
         handlers.disk = { type = 'file', directory = 'events' }",
    );
    let cookie = signed_in(&receiver);

    assert_eq!(ask(&receiver, &cookie, "overview").status, 200);
    let said = ask(&receiver, &cookie, "events");
    assert!(said.status == 404 && said.text().contains("nothing is kept"), "{}", said.text());
}
