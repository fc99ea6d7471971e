//! A queue behind an exchange of RabbitMQ. The broker is shared, so it is the network to it that fails;
//! a broker that really dies has a test of its own.

use async_trait::async_trait;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{BackEnd, Mood};
use crate::support::proxy::Proxy;
use crate::support::rabbitmq::RabbitMq;
use crate::support::server::in_background;

pub(in crate::handlers) struct Amqp {
    broker: &'static RabbitMq,
    network: Proxy,
    name: String,
    taken: Mutex<Vec<String>>,
}

impl Amqp {
    pub(in crate::handlers) async fn start() -> Self {
        let broker = in_background(RabbitMq::shared).await;
        let name = format!("tradecloud-{}", Uuid::new_v4());
        broker.set_up(&name).await;
        Self { broker, network: Proxy::to(broker.address()).await, name, taken: Mutex::default() }
    }
}

#[async_trait]
impl BackEnd for Amqp {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn table(&self) -> String {
        let url = RabbitMq::url_at(self.network.address());
        format!("type = 'amqp'\nurl = '{url}'\nexchange = '{}'", self.name)
    }

    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str> {
        match mood {
            Mood::Accepts => Ok(""),
            Mood::RefusesForGood => Err("only what is larger than `max_message_size`; that has a test of its own"),
            Mood::RefusesForNow => Ok("has no queue for the routing key order.OrderIssuedByBuyer"),
            Mood::Hangs => Ok("within"),
            Mood::Vanished => Ok("127.0.0.1"),
        }
    }

    async fn set(&mut self, mood: Mood) {
        match mood {
            Mood::Hangs => self.network.stall(),
            Mood::Vanished => self.network.take_down().await,
            Mood::RefusesForNow => self.broker.unbind(&self.name).await,
            Mood::Accepts | Mood::RefusesForGood => {
                self.broker.bind(&self.name).await;
                self.network.pass().await;
            }
        }
    }

    async fn taken(&self) -> Vec<String> {
        let mut taken = self.taken.lock().await;
        taken.extend(self.broker.take(&self.name).await.into_iter().map(|message| message.body));
        taken.clone()
    }
}
