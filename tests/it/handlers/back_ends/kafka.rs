//! A topic of Kafka: librdkafka's mock cluster, which lives on the thread that made it.

use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::Mutex;

use super::{BackEnd, Mood};
use crate::support::kafka::{Kafka, Offsets, TOPIC};
use crate::support::server::in_background;

type Work = Box<dyn FnOnce(&Kafka) + Send>;

pub(in crate::handlers) struct Topic {
    broker: String,
    cluster: mpsc::Sender<Work>,
    mood: Mood,
    taken: Mutex<(Offsets, Vec<String>)>,
}

impl Topic {
    pub(in crate::handlers) async fn start() -> Self {
        let (cluster, work) = mpsc::channel::<Work>();
        let (started, broker) = mpsc::channel();
        std::thread::spawn(move || {
            let kafka = Kafka::start();
            let _ = started.send(kafka.broker());
            for work in work {
                work(&kafka);
            }
        });
        let broker = in_background(move || broker.recv().unwrap()).await;
        Self { broker, cluster, mood: Mood::Accepts, taken: Mutex::default() }
    }

    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&Kafka) -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        self.cluster.send(Box::new(move |kafka| done.send(work(kafka)).unwrap())).unwrap();
        in_background(move || result.recv().unwrap()).await
    }
}

#[async_trait]
impl BackEnd for Topic {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn table(&self) -> String {
        format!("type = 'kafka'\nbrokers = ['{}']\ntopic = '{TOPIC}'", self.broker)
    }

    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str> {
        Ok(match mood {
            Mood::Accepts => "",
            Mood::RefusesForGood => "takes no message of",
            Mood::RefusesForNow => "Grant it WRITE",
            Mood::Hangs => "within",
            Mood::Vanished => "cannot be reached",
        })
    }

    async fn set(&mut self, mood: Mood) {
        let before = std::mem::replace(&mut self.mood, mood);
        self.with(move |kafka| match mood {
            Mood::Accepts => {
                kafka.refuse_no_more();
                if matches!(before, Mood::Hangs | Mood::Vanished) {
                    // Answers that are held back go with their connections.
                    kafka.stop();
                    kafka.answer_after(Duration::ZERO);
                    kafka.restart();
                }
            }
            // More often than any test tries.
            Mood::RefusesForGood => kafka.refuse(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 1000]),
            Mood::RefusesForNow => kafka.refuse(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1000]),
            Mood::Hangs => kafka.answer_after(Duration::from_secs(60)),
            Mood::Vanished => kafka.stop(),
        })
        .await;
    }

    async fn taken(&self) -> Vec<String> {
        let mut taken = self.taken.lock().await;
        let mut seen = taken.0.clone();
        let (seen, new) = self
            .with(move |kafka| {
                let new = kafka.new_messages(&mut seen);
                (seen, new)
            })
            .await;
        taken.0 = seen;
        taken.1.extend(new.into_iter().map(|message| message.value));
        taken.1.clone()
    }
}
