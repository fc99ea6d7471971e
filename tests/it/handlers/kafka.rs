//! Handler `kafka`, against a cluster that speaks the real protocol.

use std::time::Duration;

use rdkafka::types::RDKafkaRespErr;
use serde_json::Value;
use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler};

use super::{BODY, event, handler, rejection, unavailable};
use crate::support::kafka::{Kafka, TOPIC};
use crate::support::receiver::Receiver;
use crate::support::sender::Message;
use crate::support::{eventually, sample};

fn writer(kafka: &Kafka) -> SharedHandler {
    handler(&table(kafka, TOPIC))
}

fn table(kafka: &Kafka, topic: &str) -> String {
    format!("type = 'kafka'\nbrokers = ['{}']\ntopic = '{topic}'\ntimeout = '10s'", kafka.broker())
}

/// The ids of the events in the topic, in the order of each partition.
fn ids(kafka: &Kafka) -> Vec<String> {
    let id = |value: &str| serde_json::from_str::<Value>(value).unwrap()["id"].as_str().unwrap().to_owned();
    kafka.messages().iter().map(|message| id(&message.value)).collect()
}

#[tokio::test]
async fn a_message_is_the_cloud_event_with_the_order_as_key_and_the_id_as_header() {
    let kafka = Kafka::start();

    let outcome = writer(&kafka).deliver(&event("m-1")).await;

    assert_eq!(outcome, Outcome::Done);
    let messages = kafka.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].key.as_deref(), Some("order-1"));
    let headers = [("content-type", "application/cloudevents+json"), ("ce_id", "m-1")];
    assert_eq!(messages[0].headers, headers.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let value: Value = serde_json::from_str(&messages[0].value).unwrap();
    assert_eq!((value["id"].as_str(), value["subject"].as_str()), (Some("m-1"), Some("order-1")));
    assert!(messages[0].value.contains(BODY), "the body as it was, every digit of it");
}

#[tokio::test]
async fn events_of_one_order_share_a_partition_in_their_order() {
    let kafka = Kafka::start();
    let writer = writer(&kafka);

    for number in 0..8 {
        for order in ["order-1", "order-2", "order-3"] {
            let mut event = event(&format!("{order}-{number}"));
            event.envelope.subject = Some(order.to_owned());
            assert_eq!(writer.deliver(&event).await, Outcome::Done);
        }
    }

    let messages = kafka.messages();
    for order in ["order-1", "order-2", "order-3"] {
        let of_order: Vec<_> = messages.iter().filter(|message| message.key.as_deref() == Some(order)).collect();
        assert!(of_order.iter().all(|message| message.partition == of_order[0].partition));
        let ids: Vec<_> = of_order.iter().map(|message| message.headers[1].1.clone()).collect();
        assert_eq!(ids, (0..8).map(|number| format!("{order}-{number}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_rejected_and_none_beside_it() {
    let kafka = Kafka::start();
    let writer = writer(&kafka);
    assert_eq!(writer.deliver(&event("m-0")).await, Outcome::Done);
    kafka.answer_after(Duration::from_millis(100));
    kafka.refuse(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);

    // At once, as lanes do it, and of one key, so that librdkafka has them side by side.
    let events: Vec<_> = (1..=4).map(|number| event(&format!("m-{number}"))).collect();
    let (a, b, c, d) = tokio::join!(
        writer.deliver(&events[0]),
        writer.deliver(&events[1]),
        writer.deliver(&events[2]),
        writer.deliver(&events[3]),
    );

    let (done, mut others): (Vec<_>, Vec<_>) = [a, b, c, d].into_iter().partition(|outcome| *outcome == Outcome::Done);
    assert_eq!((done.len(), others.len(), ids(&kafka).len()), (3, 1, 4), "{others:?}");
    let reason = rejection(others.remove(0)).reason;
    let says = ["topic `tradecloud` takes no message of", "max.message.bytes"];
    assert!(says.iter().all(|words| reason.contains(words)), "{reason}");
}

#[tokio::test]
async fn a_large_event_is_for_the_broker_to_judge() {
    let kafka = Kafka::start();
    let mut large = event("m-1");
    large.body = format!(r#"{{"eventName":"OrderIssuedByBuyer","text":"{}"}}"#, "x".repeat(3 << 20)).into();

    let outcome = writer(&kafka).deliver(&large).await;

    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn an_account_that_may_not_write_is_told_so_and_tried_again() {
    let kafka = Kafka::start();
    let writer = writer(&kafka);
    kafka.refuse(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);

    let first = unavailable(writer.deliver(&event("m-1")).await);
    let second = writer.deliver(&event("m-1")).await;

    assert!(first.reason.contains("Grant it WRITE"), "{}", first.reason);
    assert_eq!((first.fault, second), (Fault::Unreachable, Outcome::Done));
}

#[tokio::test]
async fn a_producer_that_gave_up_for_good_is_replaced() {
    let kafka = Kafka::start();
    kafka.turn_away(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED]);
    let writer = writer(&kafka);

    // It gives up before, with, or after the first event.
    eventually("a new producer is let in", async || match writer.deliver(&event("m-1")).await {
        Outcome::Unavailable(why) => {
            assert!(why.reason.contains("Grant it WRITE"), "{}", why.reason);
            false
        }
        outcome => outcome == Outcome::Done,
    })
    .await;

    assert_eq!(ids(&kafka), ["m-1"]);
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_not_made() {
    let kafka = Kafka::start();
    let writer = handler(&table(&kafka, "tradeclowd"));

    let probe = writer.probe().await.unwrap_err();
    let why = unavailable(writer.deliver(&event("m-1")).await);

    assert!(probe.contains("topic `tradeclowd` is not there"), "{probe}");
    assert_eq!((why.reason.as_str(), why.fault), (probe.as_str(), Fault::Unreachable));
}

#[tokio::test]
async fn a_cluster_that_hangs_is_late() {
    let kafka = Kafka::start();
    let writer = writer(&kafka);
    assert_eq!(writer.deliver(&event("m-1")).await, Outcome::Done);
    kafka.answer_after(Duration::from_secs(30));

    let why = unavailable(writer.deliver(&event("m-2")).await);

    assert_eq!(why.fault, Fault::Late);
    assert!(why.reason.contains("within 10s"), "{}", why.reason);
}

#[tokio::test]
async fn a_cluster_that_vanished_is_noticed_and_welcome_when_it_comes_back() {
    let kafka = Kafka::start();
    let writer = writer(&kafka);
    assert_eq!(writer.deliver(&event("m-1")).await, Outcome::Done);
    kafka.stop();

    let probe_of_nothing = writer.probe().await;
    let gone = unavailable(writer.deliver(&event("m-2")).await);
    kafka.restart();
    let probe = writer.probe().await;
    let back = writer.deliver(&event("m-3")).await;

    assert!(probe_of_nothing.is_err(), "{probe_of_nothing:?}");
    assert!(gone.reason.contains("cannot be reached: ") && gone.reason.contains(&kafka.broker()), "{}", gone.reason);
    assert_eq!(gone.fault, Fault::Unreachable);
    assert_eq!(probe.as_deref(), Ok("topic `tradecloud` is there, with 4 partition(s)"));
    assert_eq!(back, Outcome::Done);
}

#[tokio::test]
async fn what_was_called_unavailable_is_not_sent_later() {
    let kafka = Kafka::start();
    let writer = writer(&kafka);
    assert_eq!(writer.deliver(&event("m-1")).await, Outcome::Done);
    kafka.stop();

    let gone = writer.deliver(&event("m-2")).await;
    kafka.restart();
    let back = writer.deliver(&event("m-3")).await;

    unavailable(gone);
    assert_eq!(back, Outcome::Done);
    // Of the same order, so what would come of it stands before the third in the same queue.
    assert_eq!(ids(&kafka), ["m-1", "m-3"]);
}

#[tokio::test]
async fn a_delivery_that_was_dropped_overtakes_nothing() {
    let kafka = Kafka::start();
    let writer = writer(&kafka);
    assert_eq!(writer.deliver(&event("m-1")).await, Outcome::Done);
    kafka.answer_after(Duration::from_secs(2));

    let dropped = tokio::time::timeout(Duration::from_millis(100), writer.deliver(&event("m-2"))).await;
    let again = writer.deliver(&event("m-2")).await;
    let next = writer.deliver(&event("m-3")).await;

    assert!(dropped.is_err(), "{dropped:?}");
    assert_eq!((again, next), (Outcome::Done, Outcome::Done));
    let mut ids = ids(&kafka);
    ids.dedup();
    assert_eq!(ids, ["m-1", "m-2", "m-3"]);
}

#[tokio::test]
async fn looking_for_the_topic_writes_nothing() {
    let kafka = Kafka::start();

    writer(&kafka).probe().await.unwrap();

    assert_eq!(kafka.messages(), []);
}

#[tokio::test]
async fn an_event_goes_from_tradecloud_to_the_topic_and_waits_while_the_cluster_is_away() {
    let kafka = Kafka::start();
    let receiver = Receiver::with(&format!(
        "delivery.first_retry = '100ms'\nhandlers.log = {{ type = 'kafka', brokers = ['{}'], topic = '{TOPIC}', timeout = '2s' }}",
        kafka.broker()
    ));
    receiver.expects_error("the handler is down");

    let first = receiver.sender().send(Message::json(sample("order-event.json"))).await;
    eventually("the first event is in the topic", async || kafka.messages().len() == 1).await;
    kafka.stop();
    let second = receiver.sender().send(Message::json(sample("shipment-event.json"))).await;
    receiver.logged("not delivered; it is tried again").await;
    kafka.restart();
    eventually("the second event is in the topic", async || kafka.messages().len() == 2).await;

    assert!(first.is_delivered() && second.is_delivered());
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let mut keys: Vec<_> = kafka.messages().into_iter().map(|message| message.key.unwrap()).collect();
    keys.sort();
    let mut subjects: Vec<_> =
        receiver.inbox().iter().map(|event| event["subject"].as_str().unwrap().to_owned()).collect();
    subjects.sort();
    assert_eq!(keys, subjects);
}

#[tokio::test]
async fn an_event_is_answered_with_200_only_when_the_cluster_has_it() {
    let kafka = Kafka::start();
    let receiver = Receiver::with(&format!(
        "server.answer_within = '60s'\n\
         handlers.log = {{ type = 'kafka', brokers = ['{}'], topic = '{TOPIC}', timeout = '10s' }}\n\
         [[endpoints]]\npath = '/webhooks/tradecloud'\nacknowledge = 'handled'",
        kafka.broker()
    ));
    receiver.expects_error("the handler is down");

    let confirmed = receiver.sender().send(Message::json(sample("order-event.json"))).await;
    kafka.stop();
    let unconfirmed = receiver.sender().send(Message::json(sample("shipment-event.json"))).await;

    assert_eq!((confirmed.status, unconfirmed.status), (Some(200), Some(502)), "{}", unconfirmed.body);
    kafka.restart();
    assert_eq!(ids(&kafka).len(), 1);
}
