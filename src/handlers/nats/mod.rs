//! Handler `nats`: every event is one message in a JetStream stream.
//!
//! It is done once the stream named in the settings has acknowledged it. A repeated attempt has the same
//! `Nats-Msg-Id`, by which the stream recognises it within its `duplicate_window`. What it drops it acknowledges
//! too, so the id tells apart all that is not the same: handlers, and deliveries that somebody has begun anew.

mod connection;
mod settings;

use std::sync::Arc;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};

pub use self::settings::Settings;

use self::connection::{Connection, concerns_one, covers, too_large};
use super::broker::{Link, MEDIA_TYPE, delivery_id};
use super::{BuildError, Configured, Fault, Handler, Outcome, SharedHandler, Unavailability, render};
use crate::event::Event;
use crate::outgoing;
use crate::shown;
use crate::telemetry::events;

struct Stream {
    /// The name the user gave the handler.
    name: String,
    settings: Settings,
    tls: rustls::ClientConfig,
    link: Link<Connection>,
}

impl Configured for Settings {
    fn describe(&self) -> String {
        format!("nats, stream {} at {}", self.stream, place(self))
    }

    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        let failed = |error: rustls::Error| BuildError { name: name.to_owned(), what: outgoing::said(&error) };
        let tls = outgoing::tls(&self.roots).map_err(failed)?;
        Ok(Arc::new(Stream { name: name.to_owned(), settings: *self, tls, link: Link::new() }))
    }
}

impl Handler for Stream {
    async fn deliver(&self, event: &Event) -> Outcome {
        let end = Instant::now() + self.settings.timeout;
        let json = match render(event, Event::cloud_event).await {
            Ok(json) => json,
            Err(outcome) => return outcome,
        };
        let connection = match timeout_at(end, self.connection()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(unavailability)) => return Outcome::Unavailable(unavailability),
            Err(_) => return self.late(None),
        };
        tokio::select! {
            // What was acknowledged before the connection broke counts.
            biased;
            published = timeout_at(end, self.publish(&connection, event, json)) => published.unwrap_or_else(|_| {
                // A connection on which nothing comes back may be dead; the next attempt makes another.
                connection.abandon();
                self.late(connection.complaint())
            }),
            () = connection.lost() => {
                Outcome::unreachable(format!("lost the connection to {} before it acknowledged", self.place()))
            }
        }
    }

    async fn probe(&self) -> Result<String, String> {
        let (place, stream) = (self.place(), &self.settings.stream);
        let look = async {
            let connection = self.connection().await.map_err(|unavailability| unavailability.reason)?;
            let found = connection.stream(stream).await.map_err(|what| format!("{place}: {what}"))?;
            let pattern = self.settings.subject.pattern("*");
            match found {
                Some(info) if !info.config.subjects.iter().any(|filter| covers(filter, &pattern)) => Err(format!(
                    "{place}: the stream {stream} does not take all of {pattern}. Add it to the stream's subjects"
                )),
                Some(info) => Ok(format!("{place}: the stream {stream} holds {} messages", info.state.messages)),
                None if self.settings.create_stream => {
                    Ok(format!("{place} answers; the stream {stream} is made with the first event"))
                }
                None => Err(format!("{place}: there is no stream {stream}. Make it, or set `create_stream = true`")),
            }
        };
        let late = |_| Err(format!("{place} gave no answer within {}", self.patience()));
        timeout(self.settings.timeout, look).await.unwrap_or_else(late)
    }
}

impl Stream {
    async fn connection(&self) -> Result<Arc<Connection>, Unavailability> {
        self.link.get(Connection::open(&self.settings, self.tls.clone())).await
    }

    async fn publish(&self, connection: &Connection, event: &Event, json: Bytes) -> Outcome {
        let settings = &self.settings;
        if settings.create_stream
            && let Err(what) = connection.ensure_stream(settings).await
        {
            return Outcome::unreachable(format!(
                "{} has not made the stream {}: {what}",
                self.place(),
                settings.stream
            ));
        }
        let (subject, size) = (settings.subject.fill(event), json.len());
        let message = PublishMessage::build()
            .payload(json)
            .header("content-type", MEDIA_TYPE)
            .message_id(delivery_id(event, &self.name))
            // Another stream that takes the same subject must not acknowledge in its place.
            .expected_stream(&settings.stream);
        let published = connection.publish(subject.clone(), message).await;
        if let Ok(ack) = &published {
            event.answered(None, in_words(ack));
        }
        match published {
            Ok(ack) if ack.stream == settings.stream => {
                if ack.duplicate && event.attempt == 1 {
                    self.warn_of_duplicate(event);
                }
                Outcome::Done
            }
            Ok(ack) => Outcome::unreachable(format!(
                "{}: {subject} went to the stream {}, not to {}",
                self.place(),
                shown::line(&ack.stream),
                settings.stream
            )),
            Err(error) => self.judge(connection, &subject, size, &error),
        }
    }

    /// The stream has dropped what we have not sent it before, as far as we know.
    fn warn_of_duplicate(&self, event: &Event) {
        events::handlers::duplicate_at_first(event.about(), &self.name, &self.settings.stream);
    }

    fn judge(&self, connection: &Connection, subject: &str, size: usize, error: &PublishError) -> Outcome {
        let (place, stream) = (self.place(), &self.settings.stream);
        if error.kind() == PublishErrorKind::MaxPayloadExceeded {
            return Outcome::rejected(format!(
                "the event has {size} bytes, and {place} takes messages of up to {} (its `max_payload`)",
                connection.largest_message()
            ));
        }
        let words = shown::line(&error.to_string());
        if too_large(error) {
            return Outcome::rejected(format!("the event has {size} bytes, too many for the stream {stream}: {words}"));
        }
        if error.kind() == PublishErrorKind::StreamNotFound {
            // Somebody may have deleted it; another connection looks again.
            connection.abandon();
            return Outcome::unreachable(format!(
                "{place}: no stream takes {subject}. Make the stream {stream}, or set `create_stream = true`"
            ));
        }
        let reason = format!("{place} has not taken {subject} into the stream {stream}: {words}");
        let why = Unavailability::new(Fault::Unreachable, reason);
        Outcome::Unavailable(if concerns_one(error) { why.of_one() } else { why })
    }

    fn late(&self, complaint: Option<String>) -> Outcome {
        let said = complaint.map(|said| format!("; it said: {}", shown::line(&said))).unwrap_or_default();
        Outcome::late(format!("{} did not acknowledge within {}{said}", self.place(), self.patience()))
    }

    fn patience(&self) -> humantime::FormattedDuration {
        humantime::format_duration(self.settings.timeout)
    }

    fn place(&self) -> String {
        place(&self.settings)
    }
}

/// What a stream has acknowledged. The sequence of a duplicate is that of the message which is there.
fn in_words(PublishAck { stream, sequence, duplicate, .. }: &PublishAck) -> String {
    format!("stream {stream}, sequence {sequence}{}", if *duplicate { ", duplicate" } else { "" })
}

/// Host and port of every server, for reasons.
fn place(settings: &Settings) -> String {
    let places: Vec<_> = settings.servers.iter().map(|server| format!("{}:{}", server.host(), server.port())).collect();
    places.join(", ")
}
