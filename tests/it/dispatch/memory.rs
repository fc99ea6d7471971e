//! What deliveries take in memory: within its bounds, and nothing from anybody else.

use rstest::rstest;
use serde_json::Value;

use super::{ids, send_all};
use crate::support::erp::{Answer, Erp};
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

const MEBIBYTE: usize = 1 << 20;

/// An event whose body has about that size.
fn large(order: &str, size: usize) -> Value {
    let mut event = order_event(order);
    event["orderEvent"]["padding"] = "x".repeat(size).into();
    event
}

/// Hangs on everything that is large.
fn hanging() -> Erp {
    let erp = Erp::start();
    erp.answer_by(|request| if request.body.len() > MEBIBYTE / 2 { Answer::hang() } else { Answer::status(200) });
    erp
}

#[rstest]
#[tokio::test]
async fn an_erp_that_hangs_on_large_bodies_takes_nothing_from_the_reception(#[values(Sqlite, Postgres)] store: Store) {
    let erp = hanging();
    let receiver = store.with(&format!(
        "server.answer_within = '60s'\nserver.limits.body = '4 MiB'\nserver.limits.bodies_in_memory = '4 MiB'
         handlers.erp = {{ type = 'http', url = '{}', timeout = '300s' }}",
        erp.url("/")
    ));
    receiver.expects_error("the handler is down");
    let events: Vec<_> = (0..2).map(|number| large(&number.to_string(), MEBIBYTE)).collect();
    send_all(&receiver, &events).await;
    erp.wait_for(2).await;

    // With what the two attempts hold, there would be no room for any of these.
    let later: Vec<_> = (2..8).map(|number| large(&number.to_string(), 3 * MEBIBYTE)).collect();
    send_all(&receiver, &later).await;
}

#[rstest]
#[tokio::test]
async fn a_handler_that_hangs_on_large_bodies_leaves_the_others_their_memory(#[values(Sqlite, Postgres)] store: Store) {
    let (hangs, works) = (hanging(), Erp::start());
    let receiver = store.with(&format!(
        "server.answer_within = '60s'
         delivery.bodies_in_memory = '4 MiB'
         handlers.hangs = {{ type = 'http', url = '{}', timeout = '300s' }}
         handlers.works = {{ type = 'http', url = '{}' }}",
        hangs.url("/"),
        works.url("/")
    ));
    receiver.expects_error("the handler is down");
    let events: Vec<_> = (0..4).map(|number| large(&number.to_string(), 2 * MEBIBYTE)).collect();

    send_all(&receiver, &events).await;

    let mut arrived = ids(&works.wait_for(4).await);
    let mut sent: Vec<_> = events.iter().map(message_id).collect();
    arrived.sort();
    sent.sort();
    assert_eq!(arrived, sent);
    assert_eq!(hangs.wait_for(1).await.len(), 1, "one that takes more than all there is goes alone");
}

/// As UTF-8 each of these bytes takes three. There is no room for all that one takes, let alone for several.
#[rstest]
#[tokio::test]
async fn bodies_that_become_longer_as_utf_8_wait_for_their_memory_and_not_for_each_other(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    let receiver = store.with(&format!(
        "server.answer_within = '60s'
         delivery.bodies_in_memory = '4 MiB'
         handlers.erp = {{ type = 'http', url = '{}' }}",
        erp.url("/")
    ));
    let (count, size) = (6, MEBIBYTE / 2);
    let body = |number: usize| {
        let (before, after) = ("<W><orderEvent><reason>", "</reason><orderId>");
        let end = format!("{number}</orderId></orderEvent><meta><messageId>m-{number}</messageId></meta></W>");
        [before.as_bytes(), &vec![0x80; size], after.as_bytes(), end.as_bytes()].concat()
    };

    for number in 0..count {
        let message = Message::typed("text/xml; charset=windows-1252", body(number));
        assert!(receiver.sender().send(message).await.is_delivered());
    }

    let received = erp.wait_for(count).await;
    let euros = "€".repeat(size);
    assert!(received.iter().all(|request| request.json()["data"]["orderEvent"]["reason"] == *euros));
    let mebibytes = receiver.most_memory() / MEBIBYTE;
    assert!(mebibytes < 128, "{mebibytes} MiB");
}

/// It was claimed before, and waits for the memory that it takes.
#[rstest]
#[tokio::test]
async fn what_is_discarded_while_it_waits_for_room_is_not_delivered(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    erp.answer([Answer::hang()]);
    let receiver = store.with(&format!(
        "server.answer_within = '60s'
         delivery = {{ bodies_in_memory = '4 MiB', first_retry = '1s', max_retry = '1s' }}
         handlers.erp = {{ type = 'http', url = '{}', timeout = '15s' }}",
        erp.url("/")
    ));
    let events: Vec<_> = (0..3).map(|number| large(&number.to_string(), 2 * MEBIBYTE)).collect();
    send_all(&receiver, &events[..1]).await;
    erp.wait_for(1).await;
    send_all(&receiver, &events[1..2]).await;
    // Long enough to be claimed.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;

    receiver.events(&["discard", &message_id(&events[1]), "--reason", "settled by hand", "--json"]);
    send_all(&receiver, &events[2..]).await;

    receiver.inbox_until(|inbox| inbox.iter().filter(|event| event["state"] == "done").count() == 2).await;
    assert!(!ids(&erp.received()).contains(&message_id(&events[1])));
    assert_eq!(receiver.inbox()[1]["state"], "discarded");
}
