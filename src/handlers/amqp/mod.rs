//! Handler `amqp`: every event is one message to an exchange of RabbitMQ (AMQP 0-9-1).
//!
//! It is done once the broker has confirmed it, which for a persistent message in a durable queue means
//! that it is on disk. A message that no queue is bound for comes back and is tried again. RabbitMQ does
//! not recognise repeated messages and drops none; a consumer does, by `message_id`, which is the event's id,
//! whichever handler sent it.

mod connection;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Confirmation, ErrorKind};
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub use self::settings::Settings;

use self::connection::Connection;
use super::broker::{Link, MEDIA_TYPE, connect_within, message_id};
use super::{BuildError, Configured, Fault, Handler, Outcome, SharedHandler, Unavailability, render};
use crate::event::Event;
use crate::outgoing::{self, said};
use crate::shown;

/// Stored on disk by the broker.
const PERSISTENT: u8 = 2;

/// How often to look whether a broker that takes nothing takes something again.
const BLOCKED_PAUSE: Duration = Duration::from_millis(100);

struct Exchange {
    settings: Settings,
    uri: AMQPUri,
    tls: rustls::ClientConfig,
    link: Link<Connection>,
}

impl Configured for Settings {
    fn describe(&self) -> String {
        format!("amqp, {} at {}", exchange(&self.exchange), self.place)
    }

    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        let failed = |what: String| BuildError { name: name.to_owned(), what };
        let tls = outgoing::tls(&self.roots).map_err(|error| failed(said(&error)))?;
        let uri = settings::parse(&self.url).ok_or_else(|| failed("`url` is no address of AMQP".to_owned()))?;
        Ok(Arc::new(Exchange { settings: *self, uri, tls, link: Link::new() }))
    }
}

impl Handler for Exchange {
    async fn deliver(&self, event: &Event) -> Outcome {
        let end = Instant::now() + self.settings.timeout;
        let json = match render(event, Event::cloud_event).await {
            Ok(json) => json,
            Err(outcome) => return outcome,
        };
        let connection = match timeout_at(end, self.connection()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(unavailability)) => return Outcome::Unavailable(unavailability),
            Err(_) => return self.late(""),
        };
        let published = timeout_at(end, async {
            // What is given to the library now would be sent later, behind the inbox's back.
            while connection.is_blocked() {
                sleep(BLOCKED_PAUSE).await;
            }
            self.publish(&connection, event, &json).await
        });
        published.await.unwrap_or_else(|_| {
            if connection.is_blocked() {
                return self.late(": it takes no messages for now (short of memory or disk)");
            }
            // A connection on which nothing comes back may be dead; the next attempt makes another.
            connection.abandon();
            self.late("")
        })
    }

    async fn probe(&self) -> Result<String, String> {
        let (place, exchange) = (&self.settings.place, self.exchange());
        let look = async {
            let connection = self.connection().await.map_err(|unavailability| unavailability.reason)?;
            match connection.look_for(&self.settings.exchange).await {
                Ok(()) => Ok(format!("{place}: found {exchange}")),
                Err(error) => Err(format!("{place}: {}", words(&error))),
            }
        };
        let late = |_| Err(format!("{place} gave no answer within {}", self.patience()));
        timeout(self.settings.timeout, look).await.unwrap_or_else(late)
    }
}

impl Exchange {
    async fn connection(&self) -> Result<Arc<Connection>, Unavailability> {
        let within = connect_within(self.settings.timeout);
        self.link
            .get(async {
                let opened = timeout(within, Connection::open(self.uri.clone(), self.tls.clone())).await;
                let (reason, fault) = match opened {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(error)) => (said(&error), Fault::Unreachable),
                    Err(_) => (format!("no answer within {}", humantime::format_duration(within)), Fault::Late),
                };
                Err(Unavailability::new(fault, format!("cannot connect to {}: {reason}", self.settings.place)))
            })
            .await
    }

    async fn publish(&self, connection: &Connection, event: &Event, json: &[u8]) -> Outcome {
        let key = self.settings.routing_key.fill(event);
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type(MEDIA_TYPE.into())
            .with_message_id(message_id(&event.id).into())
            .with_app_id("tradecloud-webhook".into());
        let (place, exchange) = (&self.settings.place, self.exchange());
        match connection.publish(&self.settings.exchange, &key, json, properties).await {
            Ok(Confirmation::Ack(None)) => {
                event.answered(None, "confirmed");
                Outcome::Done
            }
            Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
                refused(format!("{place}: {exchange} has no queue for the routing key {key}. Bind one"))
            }
            Ok(Confirmation::Nack(None)) => refused(format!(
                "{place} refused the message to {exchange} with the routing key {key} (a queue may be full)"
            )),
            Ok(Confirmation::NotRequested) => Outcome::ours("a fault of this program: a channel without confirmations"),
            Err(error) if refused_for_good(&error) => {
                Outcome::rejected(format!("{place} does not take the event ({} bytes): {}", json.len(), words(&error)))
            }
            Err(error) => Outcome::unreachable(format!("{place} has not taken it: {}", words(&error))),
        }
    }

    fn late(&self, why: &str) -> Outcome {
        Outcome::late(format!("{} did not confirm within {}{why}", self.settings.place, self.patience()))
    }

    fn patience(&self) -> humantime::FormattedDuration {
        humantime::format_duration(self.settings.timeout)
    }

    fn exchange(&self) -> String {
        exchange(&self.settings.exchange)
    }
}

fn exchange(name: &str) -> String {
    match name {
        "" => "the default exchange".to_owned(),
        name => format!("the exchange {name}"),
    }
}

/// The broker is there and has not taken this message; others it may take.
fn refused(reason: String) -> Outcome {
    Outcome::Unavailable(Unavailability::new(Fault::Unreachable, reason).of_one())
}

/// Whether the same message would be refused again: the broker says 406 to one that is too large.
fn refused_for_good(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)))
}

/// What the broker said, or else the library.
fn words(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => shown::line(error.get_message().as_str()),
        _ => shown::line(&error.to_string()),
    }
}
