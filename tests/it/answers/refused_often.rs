//! The same refused body again and again, or ever new ones: all are kept, and all of them within bounds.

use rstest::rstest;
use tokio::task::JoinSet;

use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres as InPostgres, Sqlite};

/// A body that is no JSON.
fn body_of(size: usize, first: u8) -> Vec<u8> {
    let mut body = vec![b'x'; size];
    body[0] = first;
    body
}

#[rstest]
#[tokio::test]
async fn equal_refused_bodies_are_kept_once_with_their_number(#[values(Sqlite, InPostgres)] store: Store) {
    let receiver = store.with("");
    let sender = receiver.sender();
    let first = sender.send(Message::json("{ no JSON")).await.id();

    for _ in 0..4 {
        assert_eq!(sender.send(Message::json("{ no JSON")).await.id(), first);
    }
    let other = sender.send(Message::json("{ another")).await.id();
    let elsewhere = sender.clone().to(receiver.url("/elsewhere")).send(Message::json("{ no JSON")).await.id();

    let inbox = receiver.inbox();
    let copies: Vec<_> = inbox.iter().map(|event| (event["id"].as_str().unwrap(), event["copies"].clone())).collect();
    assert_eq!(copies, [(&*first, 5.into()), (&*other, 1.into()), (&*elsewhere, 1.into())]);
    assert_eq!(receiver.events(&["show", &first, "--json"])[0]["copies"], 5);
    assert_eq!(receiver.body_of(&first), b"{ no JSON");
}

#[rstest]
#[tokio::test]
async fn past_the_space_for_refused_bodies_the_beginning_of_each_is_kept(#[values(Sqlite, InPostgres)] store: Store) {
    let receiver = store.with("inbox.refused_space = '200 KiB'");
    receiver.expects_error("refused bodies take all the space they may");
    let sender = receiver.sender();
    let mut ids = Vec::new();

    for first in *b"abc" {
        let answer = sender.send(Message::json(body_of(150_000, first))).await;
        assert_eq!(answer.status, Some(400));
        ids.push(answer.id());
    }

    let sizes: Vec<_> = receiver.inbox().iter().map(|event| event["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [150_000, 65_536, 65_536]);
    assert_eq!(receiver.body_of(&ids[2]), body_of(65_536, b'c'));
    let reason = receiver.events(&["show", &ids[2], "--json"])[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("of its 150000 bytes only the first 65536 are kept"), "{reason}");
    let told = receiver.log().into_iter().filter(|line| line.to_string().contains("take all the space they may"));
    let told: Vec<_> = told.collect();
    assert!(told.len() == 1 && told[0]["level"] == "ERROR", "{told:?}");
}

#[tokio::test]
async fn a_refused_body_that_becomes_an_event_gives_its_room_back() {
    let receiver = Receiver::with(
        "inbox.refused_space = '200 KiB'
         endpoints = [{ path = '/webhooks/tradecloud' }, { path = '/closed', allow_from = ['10.0.0.0/8'] }]",
    );
    let sender = receiver.sender();
    let mut event = order_event("1");
    event["orderEvent"]["reason"] = "long ".repeat(30_000).into();
    let refused = sender.clone().to(receiver.url("/closed")).send(event.clone()).await;
    assert_eq!(refused.status, Some(403));

    let id = receiver.inbox()[0]["id"].as_str().unwrap().to_owned();
    let done = receiver.run(&["events", "deliver", &id]);
    assert!(done.status.success(), "{done:?}");
    let next = sender.send(Message::json(body_of(150_000, b'a'))).await;

    let inbox = receiver.inbox();
    assert!(inbox.iter().any(|kept| kept["id"] == message_id(&event)), "{inbox:?}");
    assert_eq!(receiver.body_of(&next.id()).len(), 150_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_that_refuse_the_same_bodies_at_once_keep_each_once() {
    let server = Postgres::shared();
    let url = server.url(&server.database());
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let mut receiver = Receiver::prepared("").inbox_at(&url);
            receiver.restart();
            receiver
        })
        .collect();

    let mut sending = JoinSet::new();
    for number in 0..80 {
        let sender = receivers[number % 2].sender();
        // In another order at each, so that each could wait for the other.
        let kind = if number % 2 == 0 { number / 2 % 8 } else { 7 - number / 2 % 8 };
        sending.spawn(async move { sender.send(Message::json(format!("{{ no JSON {kind}"))).await });
    }
    let answers = sending.join_all().await;

    assert!(answers.iter().all(|answer| answer.status == Some(400)), "{answers:?}");
    let copies: Vec<_> = receivers[0].inbox().iter().map(|event| event["copies"].as_u64().unwrap()).collect();
    assert_eq!(copies, [10; 8]);
    let errors: Vec<_> = receivers.iter().flat_map(Receiver::log).filter(|line| line["level"] == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:?}");
}
