//! A stream of a NATS server.

use async_nats::jetstream::stream::Config;
use async_trait::async_trait;

use super::{BackEnd, Mood};
use crate::support::nats::Nats;

const STREAM: &str = "TRADECLOUD";

pub(in crate::handlers) struct NatsStream(pub(in crate::handlers) Nats);

impl NatsStream {
    pub(in crate::handlers) async fn start() -> Self {
        let nats = tokio::task::spawn_blocking(Nats::start).await.unwrap();
        nats.set_stream(stream()).await;
        Self(nats)
    }
}

fn stream() -> Config {
    Config { name: STREAM.to_owned(), subjects: vec!["tradecloud.>".to_owned()], ..Config::default() }
}

#[async_trait]
impl BackEnd for NatsStream {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn table(&self) -> String {
        format!("type = 'nats'\nurl = '{}'\nstream = '{STREAM}'", self.0.url("nats"))
    }

    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str> {
        Ok(match mood {
            Mood::Accepts => "",
            Mood::RefusesForGood => "message size exceeds maximum allowed",
            Mood::RefusesForNow => "no stream takes tradecloud.order.OrderIssuedByBuyer",
            Mood::Hangs => "within",
            Mood::Vanished => "localhost",
        })
    }

    async fn set(&mut self, mood: Mood) {
        if mood == Mood::Vanished {
            self.0.kill();
            return;
        }
        if !self.0.is_running() {
            self.0.restart();
        }
        self.0.process().thaw();
        self.0
            .set_stream(match mood {
                Mood::RefusesForGood => Config { max_message_size: 10, ..stream() },
                Mood::RefusesForNow => Config { subjects: vec!["elsewhere.>".to_owned()], ..stream() },
                _ => Config { max_message_size: -1, ..stream() },
            })
            .await;
        if mood == Mood::Hangs {
            self.0.process().freeze();
        }
    }

    async fn taken(&self) -> Vec<String> {
        let messages = self.0.messages(STREAM).await;
        messages.into_iter().map(|message| String::from_utf8(message.payload.into()).unwrap()).collect()
    }
}
