//! The handler itself: one producer, one message per event.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::Delivery;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;
use secrecy::ExposeSecret as _;

use super::connection::Connection;
use super::settings::{Login, Settings, Tls};
use crate::event::Event;
use crate::handlers::{BuildError, Configured, Fault, Handler, Outcome, SharedHandler, Unavailability, render};
use crate::shown;
use crate::telemetry::events;

/// How long a cluster that could not be reached is looked for before an event is sent to it.
const LOOK: Duration = Duration::from_secs(3);

type Producer = FutureProducer<Connection>;

struct Topic {
    settings: Settings,
    connection: Connection,
    producer: Mutex<Producer>,
}

impl Configured for Settings {
    fn describe(&self) -> String {
        self.in_words()
    }

    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        let connection = Connection::unknown();
        let producer = self
            .producer(&connection)
            .map_err(|error| BuildError { name: name.to_owned(), what: shown::line(&error.to_string()) })?;
        Ok(Arc::new(Topic { settings: *self, connection, producer: Mutex::new(producer) }))
    }
}

impl Settings {
    fn producer(&self, connection: &Connection) -> KafkaResult<Producer> {
        let mut config = ClientConfig::new();
        config
            .set("client.id", "tradecloud-webhook")
            .set("bootstrap.servers", self.brokers.join(","))
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // No event is on its way any more when its time is over.
            .set("message.timeout.ms", self.timeout.as_millis().max(1).to_string())
            // One event, one verdict: in a batch that is too large all would be refused with the one.
            .set("batch.num.messages", "1")
            .set("linger.ms", "0")
            // How large a message may be is for the broker to say.
            .set("message.max.bytes", "1000000000")
            // A typing error must not make a topic that nobody reads.
            .set("allow.auto.create.topics", "false")
            .set("topic.metadata.propagation.max.ms", "5000")
            // As Java producers do it, so that all keys of one order are together, whoever writes them.
            .set("partitioner", "murmur2_random")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.max.ms", "1000");
        config.set(
            "security.protocol",
            match (&self.tls, &self.login) {
                (Tls::Off, Login::None) => "plaintext",
                (Tls::On(_), Login::None) => "ssl",
                (Tls::Off, Login::Sasl { .. }) => "sasl_plaintext",
                (Tls::On(_), Login::Sasl { .. }) => "sasl_ssl",
            },
        );
        match &self.tls {
            Tls::Off => {}
            Tls::On(None) => {
                config.set("ssl.ca.location", "probe");
            }
            Tls::On(Some(roots)) => {
                config.set("ssl.ca.pem", roots);
            }
        }
        if let Login::Sasl { mechanism, username, password } = &self.login {
            config
                .set("sasl.mechanism", *mechanism)
                .set("sasl.username", username)
                .set("sasl.password", password.expose_secret());
        }
        config.create_with_context(connection.clone())
    }
}

impl Handler for Topic {
    async fn deliver(&self, event: &Event) -> Outcome {
        let json = match render(event, Event::cloud_event).await {
            Ok(json) => json,
            Err(outcome) => return outcome,
        };
        if self.connection.is_in_doubt()
            && let Err(why) = self.look(LOOK.min(self.settings.timeout)).await
        {
            return Outcome::Unavailable(why);
        }
        let producer = match self.producer() {
            Ok(producer) => producer,
            Err(error) => return Outcome::ours(format!("cannot start a Kafka producer: {error}")),
        };
        let header = |key, value| Header { key, value: Some(value) };
        let headers = OwnedHeaders::new()
            .insert(header("content-type", "application/cloudevents+json"))
            .insert(header("ce_id", &event.id));
        let record = FutureRecord { key: event.attributes().subject, ..FutureRecord::to(&self.settings.topic) };
        let size = json.len();
        let sent = producer.send_result(record.payload(&json[..]).headers(headers)).map_err(|(error, _)| error);
        // librdkafka has a copy.
        drop(json);
        let report = match sent {
            Ok(report) => report.await.map(|report| report.map_err(|(error, _)| error)),
            Err(error) => Ok(Err(error)),
        };
        match report {
            Ok(Ok(Delivery { partition, offset, .. })) => {
                self.connection.works();
                event.answered(None, format!("partition {partition}, offset {offset}"));
                Outcome::Done
            }
            Ok(Err(error)) => {
                // A producer that gives up takes back all its messages, and then their errors do not say why.
                let gave_up = producer.client().fatal_error();
                self.refused(&gave_up.map_or(error, |(code, _)| KafkaError::MessageProduction(code)), size)
            }
            Err(_) => Outcome::unreachable("the connection to the cluster had to be given up"),
        }
    }

    async fn probe(&self) -> Result<String, String> {
        let patience = self.settings.timeout.min(Duration::from_secs(10));
        let partitions = self.look(patience).await.map_err(|why| why.reason)?;
        Ok(format!("{} is there, with {partitions} partition(s)", self.place()))
    }
}

impl Topic {
    /// The producer. One that has given up for good, which an idempotent producer does when it cannot
    /// tell any more what was stored, is replaced.
    fn producer(&self) -> KafkaResult<Producer> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = producer.client().fatal_error() {
            events::handlers::producer_gave_up(&code, &reason);
            let broken = std::mem::replace(&mut *producer, self.settings.producer(&self.connection)?);
            broken.purge(PurgeConfig::default().queue().inflight());
            // Its end waits for its threads.
            tokio::task::spawn_blocking(move || drop(broken));
        }
        Ok(producer.clone())
    }

    /// Asks the cluster for the topic; returns the number of its partitions.
    async fn look(&self, patience: Duration) -> Result<usize, Unavailability> {
        let producer = self.producer().map_err(|error| self.unavailable(Fault::Ours, &error.to_string()))?;
        let topic = self.settings.topic.clone();
        let found = tokio::task::spawn_blocking(move || {
            let metadata = producer.client().fetch_metadata(Some(&topic), patience)?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            match found.map(|found| (found.error(), found.partitions().len())) {
                Some((None, partitions)) if partitions > 0 => Ok(partitions),
                Some((Some(error), _)) => Err(KafkaError::MetadataFetch(error.into())),
                _ => Err(KafkaError::MetadataFetch(Code::UnknownTopic)),
            }
        });
        match found.await {
            Ok(Ok(partitions)) => {
                self.connection.works();
                Ok(partitions)
            }
            Ok(Err(error)) => Err(self.failed(&error, patience)),
            Err(_) => Err(self.unavailable(Fault::Ours, "a fault of this program: looking for the topic panicked")),
        }
    }

    /// What follows from the error that a message ended with.
    fn refused(&self, error: &KafkaError, size: usize) -> Outcome {
        match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge) => Outcome::rejected(format!(
                "{} takes no message of {size} bytes; raise its `max.message.bytes`, then deliver the event again",
                self.place()
            )),
            Some(Code::InvalidRecord) => {
                Outcome::rejected(format!("{} does not take the event: {error}", self.place()))
            }
            // The cluster is there and refuses this message; others it may take.
            Some(Code::PolicyViolation | Code::InvalidTimestamp) => {
                Outcome::Unavailable(self.failed(error, self.settings.timeout).of_one())
            }
            _ => {
                self.connection.doubt();
                Outcome::Unavailable(self.failed(error, self.settings.timeout))
            }
        }
    }

    /// Why something did not work that may work later.
    fn failed(&self, error: &KafkaError, time: Duration) -> Unavailability {
        let code = error.rdkafka_error_code();
        match code {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                self.unavailable(Fault::Unreachable, "is not there. Create it; this program does not")
            }
            Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
                self.unavailable(Fault::Unreachable, "may not be written by this account. Grant it WRITE and DESCRIBE")
            }
            Some(Code::MessageTimedOut | Code::OperationTimedOut | Code::BrokerTransportFailure) => {
                match self.connection.trouble() {
                    Some(trouble) if trouble.fault != Fault::Late => {
                        self.unavailable(trouble.fault, &format!("cannot be reached: {}", trouble.what))
                    }
                    _ => {
                        let time = humantime::format_duration(time);
                        self.unavailable(Fault::Late, &format!("gave no acknowledgement within {time}"))
                    }
                }
            }
            _ => self.unavailable(Fault::Unreachable, &shown::line(&error.to_string())),
        }
    }

    fn unavailable(&self, fault: Fault, what: &str) -> Unavailability {
        Unavailability::new(fault, format!("{} {what}", self.place()))
    }

    fn place(&self) -> String {
        format!("topic `{}`", self.settings.topic)
    }
}
