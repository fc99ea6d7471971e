//! What only `amqp` promises: the message it makes, whose answer it takes for it, and a broker that dies.

use async_trait::async_trait;
use lapin::options::QueueBindOptions;
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler};
use uuid::Uuid;

use super::back_ends::{Amqp, BackEnd, Mood};
use super::dying::dies_under_load;
use super::{assert_not_stuck, event, handler, rejection, unavailable};
use crate::support::proxy::Proxy;
use crate::support::rabbitmq::{OwnRabbitMq, RabbitMq};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::server::in_background;

async fn shared() -> (&'static RabbitMq, String) {
    (in_background(RabbitMq::shared).await, format!("tradecloud-{}", Uuid::new_v4()))
}

fn handler_for(url: &str, exchange: &str, keys: &str) -> SharedHandler {
    handler(&format!("type = 'amqp'\nurl = '{url}'\nexchange = '{exchange}'\ntimeout = '20s'\n{keys}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_persistent_and_has_key_id_and_media_type() {
    let (broker, name) = shared().await;
    broker.set_up(&name).await;
    let handler = handler_for(&broker.url(), &name, "routing_key = 'tc.{company}.{kind}.{event}'");
    let mut odd = event("an id\r\nthat fits nowhere");
    odd.envelope.event_name = Some("a.b#*".to_owned());

    let outcomes = [handler.deliver(&event("m-1")).await, handler.deliver(&odd).await];

    assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    let messages = broker.take(&name).await;
    assert_eq!(messages[0].routing_key, "tc.company-1.order.OrderIssuedByBuyer");
    let properties = &messages[0].properties;
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "m-1");
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/cloudevents+json");
    assert_eq!(messages[1].routing_key, "tc.company-1.order.a_b__");
    assert!(messages[1].properties.message_id().as_ref().unwrap().as_str().starts_with("sha256-"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_exactly_those_that_were_routed_are_done() {
    let (broker, name) = shared().await;
    broker.set_up(&name).await;
    broker.unbind(&name).await;
    let (_connection, channel) = broker.channel().await;
    let (queue, key, none) = (name.as_str().into(), "order.Bound".into(), FieldTable::default());
    channel.queue_bind(queue, name.as_str().into(), key, QueueBindOptions::default(), none).await.unwrap();
    let handler = handler_for(&broker.url(), &name, "");

    let mut deliveries = JoinSet::new();
    for number in 0..200 {
        let mut event = event(&format!("m-{number}"));
        let bound = number % 2 == 0;
        event.envelope.event_name = Some(if bound { "Bound" } else { "Unbound" }.to_owned());
        let handler = handler.clone();
        deliveries.spawn(async move { (bound, handler.deliver(&event).await) });
    }

    while let Some(delivery) = deliveries.join_next().await {
        let (bound, outcome) = delivery.unwrap();
        if bound {
            assert_eq!(outcome, Outcome::Done);
        } else {
            let reason = unavailable(outcome).reason;
            assert!(reason.contains(&name) && reason.contains("order.Unbound"), "{reason}");
        }
    }
    assert_eq!(broker.take(&name).await.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_is_missing_is_said_in_the_words_of_the_broker() {
    let (broker, name) = shared().await;
    let handler = handler_for(&broker.url(), &name, "");

    let why = unavailable(handler.deliver(&event("m-1")).await);
    let probe = handler.probe().await.unwrap_err();
    broker.set_up(&name).await;
    let outcome = handler.deliver(&event("m-1")).await;

    assert_eq!(why.fault, Fault::Unreachable);
    for said in [&why.reason, &probe] {
        assert!(said.contains("NOT_FOUND") && said.contains(&name), "{said}");
    }
    assert_eq!(outcome, Outcome::Done);
    assert!(handler.probe().await.unwrap().contains(&name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_does_not_confirm_is_not_done() {
    let (broker, name) = shared().await;
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(1));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    broker.set_up_with(&name, full).await;
    let handler = handler_for(&broker.url(), &name, "");

    let (first, second) = (handler.deliver(&event("m-1")).await, handler.deliver(&event("m-2")).await);
    broker.take(&name).await;
    let third = handler.deliver(&event("m-2")).await;

    assert_eq!(first, Outcome::Done);
    let why = unavailable(second);
    assert_eq!(why.fault, Fault::Unreachable);
    assert!(why.reason.contains("refused the message"), "{}", why.reason);
    assert_eq!(third, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_a_private_ca_is_trusted_only_if_it_is_named() {
    let (broker, name) = shared().await;
    broker.set_up(&name).await;

    let unknown = handler_for(&broker.tls_url(), &name, "").deliver(&event("m-1")).await;
    let ca = format!("ca_file = '{}'", broker.ca().display());
    let known = handler_for(&broker.tls_url(), &name, &ca).deliver(&event("m-2")).await;

    let reason = unavailable(unknown).reason;
    assert!(reason.contains("`ca_file`"), "{reason}");
    assert_eq!(known, Outcome::Done);
    assert_eq!(broker.take(&name).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_unavailable_and_not_repeated_in_the_reason() {
    let (broker, name) = shared().await;
    let url = format!("amqp://tradecloud:secret%40@{}/%2f", broker.address());

    let why = unavailable(handler_for(&url, &name, "").deliver(&event("m-1")).await);

    assert_eq!(why.fault, Fault::Unreachable);
    assert!(why.reason.contains("ACCESS_REFUSED"), "{}", why.reason);
    assert!(!why.reason.contains("secret"), "{}", why.reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_without_a_word_is_replaced() {
    let (broker, name) = shared().await;
    broker.set_up(&name).await;
    let network = Proxy::to(broker.address()).await;

    assert_not_stuck(&handler_for(&RabbitMq::url_at(network.address()), &name, ""), &network).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_at_a_broker_that_hangs_leave_nothing_behind() {
    let mut back_end = Amqp::start().await;
    back_end.set(Mood::Hangs).await;
    let receiver = Receiver::with(&format!(
        "delivery = {{ first_retry = '10ms', max_retry = '50ms' }}\n[handlers.bus]\n{}\ntimeout = '200ms'",
        back_end.table()
    ));
    receiver.expects_error("the handler is down");

    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(202));
    receiver.inbox_until(|inbox| inbox[0]["deliveries"][0]["attempts"].as_u64() >= Some(8)).await;

    let threads = std::fs::read_dir(format!("/proc/{}/task", receiver.pid())).unwrap();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    let loops = names.filter(|name| name.starts_with("lapin")).count();
    assert!(loops <= 2, "{loops} connections are still being made");
}

/// A broker of its own, which really dies.
struct Dying {
    broker: Option<OwnRabbitMq>,
    taken: Mutex<Vec<String>>,
}

impl Dying {
    fn node(&self) -> &RabbitMq {
        &self.broker.as_ref().unwrap().node
    }
}

#[async_trait]
impl BackEnd for Dying {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn table(&self) -> String {
        format!("type = 'amqp'\nurl = '{}'\nexchange = 'tradecloud'", self.node().url())
    }

    fn reason(&self, _mood: Mood) -> Result<&'static str, &'static str> {
        Ok("")
    }

    async fn set(&mut self, mood: Mood) {
        let mut broker = self.broker.take().unwrap();
        self.broker = Some(
            in_background(move || {
                match mood {
                    Mood::Hangs => broker.node.process().freeze(),
                    Mood::Vanished => broker.node.kill(),
                    _ => broker.node.restart(),
                }
                broker
            })
            .await,
        );
    }

    async fn taken(&self) -> Vec<String> {
        let mut taken = self.taken.lock().await;
        taken.extend(self.node().take("tradecloud").await.into_iter().map(|message| message.body));
        taken.clone()
    }
}

/// One test, because the broker takes many seconds to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_with_limits_or_in_need_is_understood_and_one_that_dies_has_what_it_confirmed() {
    let broker = in_background(|| RabbitMq::own("max_message_size = 200000")).await;
    let node = &broker.node;
    node.set_up("tradecloud").await;
    let handler = handler_for(&node.url(), "tradecloud", "");

    // Larger than the broker ever takes.
    let mut large = event("m-1");
    large.body = format!(r#"{{"eventName":"OrderIssuedByBuyer","note":"{}"}}"#, "x".repeat(300_000)).into();
    let reason = rejection(handler.deliver(&large).await).reason;
    assert!(reason.contains("200000"), "{reason}");
    assert_eq!(handler.deliver(&event("m-2")).await, Outcome::Done);

    // Short of memory: it stops reading, says so, and goes on when it can.
    let broker = in_background(move || {
        broker.node.set_short_of_memory(true);
        broker
    })
    .await;
    let first = unavailable(handler.deliver(&event("m-3")).await);
    let second = unavailable(handler.deliver(&event("m-4")).await);
    let broker = in_background(move || {
        broker.node.set_short_of_memory(false);
        broker
    })
    .await;
    let after = handler.deliver(&event("m-3")).await;
    assert_eq!([first.fault, second.fault], [Fault::Late, Fault::Late]);
    assert!(second.reason.contains("short of memory"), "{}", second.reason);
    assert_eq!(after, Outcome::Done);
    broker.node.take("tradecloud").await;

    let dying = Dying { broker: Some(broker), taken: Mutex::default() };
    dies_under_load(Box::new(dying)).await;
}
