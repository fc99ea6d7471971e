//! More than can be done at once: some are told to come again, nobody is told anything else, and nothing that was
//! acknowledged is lost.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::task::JoinSet;

use super::assert_well;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};

#[tokio::test(flavor = "multi_thread")]
async fn in_an_overload_every_event_is_taken_or_to_come_again() {
    let receiver = Receiver::with("server.limits.connections = 4");
    let senders: Vec<_> = (0..3).map(|_| receiver.sender()).collect();
    for sender in &senders {
        // From here on each has its one connection, on which it may ask for a hundred things at once.
        assert_eq!(sender.send(order_event("first")).await.status, Some(202));
    }
    let mut requests = JoinSet::new();
    for number in 0..900 {
        let sender = senders[number % senders.len()].clone();
        requests.spawn(async move { sender.send(order_event(&number.to_string())).await.status });
    }

    let mut statuses = BTreeMap::new();
    while let Some(status) = requests.join_next().await {
        *statuses.entry(status.unwrap()).or_insert(0) += 1;
    }

    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&Some(202), &Some(503)], "{statuses:?}");
    assert_eq!(receiver.inbox().len(), senders.len() + statuses[&Some(202)], "{statuses:?}");
    let after = senders[0].send(order_event("after")).await;
    assert_eq!(after.status, Some(202));
    // There are four places for connections.
    drop(senders);
    tokio::task::spawn_blocking(move || assert_well(&receiver)).await.unwrap();
}

/// Whoever adds up the numbers of the log has all of them, even if the receiver ends before the next line is due.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_that_is_told_to_come_again_is_told_of() {
    let receiver = Receiver::with("server.limits.connections = 2");
    let sender = receiver.sender();
    assert_eq!(sender.send(order_event("first")).await.status, Some(202));
    let (mut requests, mut put_off) = (JoinSet::new(), 0);
    while put_off < 2 {
        for number in 0..100 {
            let sender = sender.clone();
            requests.spawn(async move { sender.send(order_event(&number.to_string())).await });
        }
        while let Some(answer) = requests.join_next().await {
            put_off += u64::from(answer.unwrap().status == Some(503));
        }
    }

    receiver.ask_to_end();

    let calls = || {
        let log = receiver.log();
        let is_one =
            |line: &&Value| line["message"].as_str().is_some_and(|text| text.starts_with("there is more to do"));
        log.iter().filter(is_one).map(|line| line["calls"].as_u64().unwrap()).sum::<u64>()
    };
    receiver.logged("drained").await;
    assert_eq!(calls(), put_off);
}

/// `{"":0},` takes 93 times its size in a tree of values.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_would_swell_when_read_take_no_more_than_they_weigh() {
    let receiver = Receiver::with("handlers.erp = { type = 'file', directory = 'events' }");
    let event = order_event("1").to_string();
    let mut requests = JoinSet::new();
    for (number, swelling) in ["{\"\":0},", "[],", "0,", "\"\","].iter().cycle().take(16).enumerate() {
        let list = format!("[{}0]", swelling.repeat((1_100_000 + number) / swelling.len()));
        let body = event.replacen("\"orderId\"", &format!("\"x{number}\":{list},\"orderId\""), 1);
        let (sender, xml) = (receiver.sender(), "<b/>".repeat(250_000));
        requests.spawn(async move { sender.send(Message::json(body)).await.status });
        let (sender, xml) =
            (receiver.sender(), format!("<a><orderEvent><orderId>{number}</orderId><x>{xml}</x></orderEvent></a>"));
        requests.spawn(async move { sender.send(Message::xml(xml)).await.status });
    }

    while let Some(status) = requests.join_next().await {
        assert!([Some(202), Some(503), Some(504)].contains(status.as_ref().unwrap()), "{status:?}");
    }

    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    tokio::task::spawn_blocking(move || assert_well(&receiver)).await.unwrap();
}
