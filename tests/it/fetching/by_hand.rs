//! `fetch` and `backfill`: what a person names or misses comes, beside a receiver that runs and without one.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::{Value, json};

use super::{Delivered, QUICK, State, in_the_end, latest, state, tradecloud};
use crate::support::receiver::Receiver;
use crate::support::sender::Message;
use crate::support::simulated::Simulated;

/// A receiver that has been started once, and a platform with so many orders of which it knows nothing.
fn at_work(orders: &str, seed: &str) -> (Receiver, Simulated) {
    let platform = Simulated::start(&["--orders", orders, "--seed", seed, "--every", "0s"]);
    let configuration =
        format!("{QUICK}{}handlers.disk = {{ type = 'file', directory = 'events' }}\n", tradecloud(&platform));
    (Receiver::with(&configuration), platform)
}

/// What a command says, and whether it succeeded.
fn said(output: &Output) -> (String, bool) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (String::from_utf8(text).unwrap(), output.status.success())
}

/// The states of one kind.
fn of_kind(platform: &Value, kind: &str) -> BTreeSet<State> {
    latest(platform).into_iter().filter(|(id, _)| platform[kind].get(id).is_some()).collect()
}

/// A state that is its only one of that kind.
fn first(platform: &Value, kind: &str) -> State {
    of_kind(platform, kind).pop_first().unwrap()
}

fn origins(disk: &mut Delivered) -> BTreeSet<String> {
    disk.events().map(|event| event["tcorigin"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fetched_beside_a_receiver_is_left_to_it_and_delivered() {
    let (receiver, platform) = at_work("30", "61");
    let state = platform.state().await;
    let (order, shipment) = (first(&state, "orders"), first(&state, "shipments"));
    let (legacy, legacy_of) = state["legacyOrders"].as_object().unwrap().iter().next().unwrap();
    let mut disk = Delivered::by(&receiver);

    for arguments in [
        &["fetch", "order", &order.0][..],
        &["fetch", "shipment", &shipment.0],
        &["fetch", "order", "--legacy", legacy],
    ] {
        let (text, fine) = said(&receiver.run(arguments));
        assert!(fine && text.contains("left for the running receiver"), "{arguments:?}: {text}");
    }

    in_the_end("all three are delivered", async || disk.events().count() == 3).await;
    assert_eq!(origins(&mut disk), BTreeSet::from(["fetch".to_owned()]));
    let subjects: BTreeSet<&str> = disk.events().map(|event| event["subject"].as_str().unwrap()).collect();
    // An order of the platform before goes by its id there.
    assert_eq!(subjects, BTreeSet::from([&*order.0, &*shipment.0, legacy.as_str()]), "{legacy_of}");
    assert_eq!(platform.state().await["logins"], 1, "the command did not log in itself");

    let (text, fine) = said(&receiver.run(&["fetch", "order", &order.0]));
    assert!(fine, "{text}");
    receiver.inbox_until(|events| events.len() == 4 && events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(disk.events().count(), 3, "its state is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_receiver_it_is_fetched_at_once_and_delivered_by_the_next_one() {
    let (mut receiver, platform) = at_work("10", "62");
    assert!(receiver.terminate().success());
    let order = first(&platform.state().await, "orders");
    let mut disk = Delivered::by(&receiver);

    let (text, fine) = said(&receiver.run(&["fetch", "order", &order.0]));
    assert!(fine && text.contains("was fetched: it is event") && text.contains("No receiver runs"), "{text}");
    let (text, fine) = said(&receiver.run(&["fetch", "order", &order.0]));
    assert!(fine && text.contains("is known in this state"), "{text}");
    let (text, fine) = said(&receiver.run(&["fetch", "order", "no-such-order"]));
    assert!(!fine && text.contains("no-such-order was not fetched"), "{text}");
    assert_eq!(disk.events().count(), 0);

    // Of what is not there, the receiver finds that out for itself.
    receiver.expects_error("dead letter");
    receiver.restart();

    disk.has(&BTreeSet::from([order])).await;
    receiver
        .inbox_until(|events| events.iter().all(|event| event["state"] == "done" || event["state"] == "dead"))
        .await;
    assert_eq!(disk.events().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backfill_lists_what_is_missing_and_hands_it_on_beside_a_receiver_and_without_one() {
    let (mut receiver, platform) = at_work("130", "63");
    let mut disk = Delivered::by(&receiver);
    let state = platform.state().await;
    let (orders, shipments) = (of_kind(&state, "orders"), of_kind(&state, "shipments"));
    let missing = |arguments: &[&str]| -> BTreeSet<State> {
        let output = receiver.run(&[&["backfill", "--since", "2000-01-01", "--json"], arguments].concat());
        let (text, fine) = said(&output);
        assert!(fine, "{text}");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| (line["id"].as_str().unwrap().into(), line["updated"].as_str().unwrap().into())).collect()
    };

    assert_eq!(missing(&["--dry-run"]), latest(&state));
    assert_eq!(missing(&["--dry-run", "--shipments"]), shipments);
    assert_eq!(missing(&["--dry-run", "--until", "2000-01-02"]), BTreeSet::new());
    assert_eq!(receiver.inbox(), Vec::<Value>::new(), "nothing was handed on");

    assert_eq!(missing(&["--orders"]), orders);
    disk.has(&orders).await;
    assert_eq!(missing(&["--orders"]), BTreeSet::new(), "all of that is known");
    assert_eq!(disk.events().count(), orders.len());
    assert_eq!(platform.state().await["logins"], 0, "a session would have ended that of the receiver");

    assert!(receiver.terminate().success());
    platform.change("orders=5").await;
    let changed = latest(&platform.state().await);
    let (text, fine) = said(&receiver.run(&["backfill", "--since", "2000-01-01"]));
    let new = changed.difference(&orders).count();
    assert!(fine && text.contains(&format!("{new} of {} were missing here", changed.len())), "{text}");
    let (text, _) = said(&receiver.run(&["backfill", "--since", "2000-01-01"]));
    assert!(text.contains(&format!("The inbox has all {}", changed.len())), "{text}");
    assert_eq!(disk.events().count(), orders.len());

    receiver.restart();
    disk.has(&changed).await;
    assert_eq!(origins(&mut disk), BTreeSet::from(["backfill".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_body_was_refused_comes_back() {
    let (receiver, platform) = at_work("4", "64");
    let mut disk = Delivered::by(&receiver);
    let since = jiff::Timestamp::now().to_string();
    platform.change("orders=1").await;
    let happened = platform.state().await["events"][0].clone();
    let of: State = (happened["id"].as_str().unwrap().into(), happened["lastUpdatedAt"].as_str().unwrap().into());
    let whole = json!({
        "eventName": happened["eventName"],
        "orderEvent": { "orderId": of.0, "lastUpdatedAt": of.1 },
        "meta": { "messageId": happened["messageId"] },
    })
    .to_string();

    let refused = receiver.sender().send(Message::json(&whole[..whole.len() - 20])).await;
    assert_eq!(refused.status, Some(400));
    assert!(refused.is_lost(), "Tradecloud does not send it again");
    let misled = receiver.sender().to(receiver.url("/elsewhere")).send(Message::json(whole.as_str())).await;
    assert_eq!(misled.status, Some(404));
    let (text, fine) = said(&receiver.run(&["backfill", "--since", &since, "--orders"]));

    assert!(fine && text.contains(&of.0) && text.contains("1 of 1 were missing here"), "{text}");
    disk.has(&BTreeSet::from([of.clone()])).await;
    assert_eq!(disk.events().map(state).collect::<Vec<_>>(), [of]);
    let id = misled.json()["id"].as_str().unwrap().to_owned();
    let (text, fine) = said(&receiver.run(&["events", "deliver", &id]));
    assert!(fine && text.contains("the state it brings was handed on before, with event "), "{text}");
}
