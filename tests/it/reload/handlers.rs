//! Handlers that come, go and change while deliveries are under way.

use std::time::Duration;

use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

fn handler(name: &str, erp: &Erp) -> String {
    format!("handlers.{name} = {{ type = \"http\", url = \"{}\" }}\n", erp.url("/"))
}

async fn reload(receiver: &Receiver, change: impl FnOnce(String) -> String) {
    receiver.configure(change);
    let what = receiver.hang_up().await;
    assert!(what.contains("configuration reloaded"), "{what}");
}

#[tokio::test]
async fn a_new_handler_gets_what_comes_from_then_on() {
    let (old, new) = (Erp::start(), Erp::start());
    let receiver = Receiver::with(&handler("old", &old));
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    old.wait_for(1).await;

    reload(&receiver, |text| text + &handler("new", &new)).await;
    let event = order_event("1");
    assert!(receiver.sender().send(event.clone()).await.is_delivered());

    assert_eq!(new.wait_for(1).await[0].json()["id"], message_id(&event));
    old.wait_for(2).await;
}

#[tokio::test]
async fn deliveries_of_a_handler_that_is_removed_wait_until_it_is_back() {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(503));
    // Another one stays: the last one goes only with a restart.
    let other = "handlers.other = { type = \"file\", directory = \"x\", events = [\"Shipment*\"] }\n";
    let receiver = Receiver::with(&format!("delivery.first_retry = \"50ms\"\n{}{other}", handler("erp", &erp)));
    receiver.expects_error("the handler is down");
    let event = order_event("1");
    assert!(receiver.sender().send(event.clone()).await.is_delivered());
    erp.wait_for(1).await;

    reload(&receiver, |text| text.replace("handlers.erp", "# handlers.erp")).await;
    receiver.logged("deliveries wait for a handler that is not configured any more").await;
    let unwanted = order_event("2");
    assert!(receiver.sender().send(unwanted.clone()).await.is_delivered());
    let tries = erp.received().len();
    assert_eq!(receiver.events(&["show", "--json", &message_id(&event)])[0]["state"], "pending");
    assert_eq!(receiver.events(&["show", "--json", &message_id(&unwanted)])[0]["state"], "unwanted");
    // Many times the pause between two attempts.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(erp.received().len() <= tries + 1, "only an attempt that had begun may have ended");

    erp.answer_by(|_| Answer::status(200));
    reload(&receiver, |text| text.replace("# handlers.erp", "handlers.erp")).await;
    receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "done")).await;
}

#[tokio::test]
async fn an_attempt_that_has_begun_ends_where_it_began_and_its_order_waits_for_it() {
    let (old, new) = (Erp::start(), Erp::start());
    old.answer([Answer::status(200).after(Duration::from_secs(15))]);
    let receiver = Receiver::with(&handler("erp", &old));
    let (first, second, other) = (order_event("1"), order_event("1"), order_event("2"));
    assert!(receiver.sender().send(first.clone()).await.is_delivered());
    old.wait_for(1).await;

    reload(&receiver, |text| text.replace(&old.url("/"), &new.url("/"))).await;
    for event in [&second, &other] {
        assert!(receiver.sender().send(event.clone()).await.is_delivered());
    }

    let at_new = new.wait_for(2).await;
    let ids: Vec<_> = at_new.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [message_id(&other), message_id(&second)], "the other order does not wait");
    let ended = old.received()[0].ended.expect("the first was still under way when the second began");
    assert!(ended <= at_new[1].at);
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(old.received().len(), 1, "nothing was delivered twice");
}

#[tokio::test]
async fn a_handler_is_paused_and_goes_on_at_a_reload() {
    let erp = Erp::start();
    let receiver = Receiver::with(&handler("erp", &erp));

    reload(&receiver, |text| text.replace("type = \"http\"", "type = \"http\", paused = true")).await;
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    // Longer than a worker looks away at the most.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(erp.received().len(), 0);

    reload(&receiver, |text| text.replace(", paused = true", "")).await;
    erp.wait_for(1).await;
}

#[tokio::test]
async fn a_request_that_waits_for_a_handler_gets_its_answer_across_a_reload() {
    let (old, new) = (Erp::start(), Erp::start());
    old.answer([Answer::status(200).after(Duration::from_secs(1))]);
    let endpoint = "endpoints = [{ path = \"/webhooks/tradecloud\", acknowledge = \"handled\" }]\n";
    let receiver = Receiver::with(&format!("{endpoint}{}", handler("erp", &old)));
    let sender = receiver.sender();
    let waiting = tokio::spawn(async move { sender.send(order_event("1")).await });
    old.wait_for(1).await;

    reload(&receiver, |text| text.replace("handlers.erp", "handlers.other").replace(&old.url("/"), &new.url("/")))
        .await;

    assert_eq!(waiting.await.unwrap().status, Some(200));
    assert_eq!(receiver.sender().send(order_event("2")).await.status, Some(200));
    assert_eq!((old.received().len(), new.received().len()), (1, 1));
}
