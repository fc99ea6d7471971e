//! One connection to NATS, from the handshake until it breaks.

use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::jetstream::context::{GetStreamErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use secrecy::ExposeSecret as _;
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;

use super::place;
use super::settings::{Auth, Settings};
use crate::handlers::broker::{self, connect_within};
use crate::handlers::{Fault, Unavailability};
use crate::outgoing::said;
use crate::telemetry::events;

/// For how long a stream that we make recognises a repeated message. The server's own default, two
/// minutes, is shorter than our longest pause between two attempts.
const DUPLICATES: std::time::Duration = std::time::Duration::from_secs(3600);

/// A connection and what became of it.
pub(super) struct Connection {
    client: Client,
    context: jetstream::Context,
    seen: watch::Receiver<Seen>,
    abandoned: AtomicBool,
    stream_is_there: OnceCell<()>,
}

/// What the library told us on the side.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    lost: bool,
    /// The last complaint of the server, which NATS does not relate to a message.
    complaint: Option<String>,
}

impl broker::Connection for Connection {
    fn is_usable(&self) -> bool {
        !self.abandoned.load(Ordering::Relaxed) && !self.seen.borrow().lost
    }
}

impl Connection {
    /// Connects. Nothing of the library's own reconnecting is used: it would send what it still holds
    /// when the server is back, maybe long after the attempt was noted as failed.
    pub(super) async fn open(settings: &Settings, tls: rustls::ClientConfig) -> Result<Self, Unavailability> {
        let (seen, watching) = watch::channel(Seen::default());
        let within = connect_within(settings.timeout);
        let servers = u32::try_from(settings.servers.len()).unwrap_or(u32::MAX).max(1);
        let options = ConnectOptions::new()
            .name("tradecloud-webhook")
            .tls_client_config(tls)
            .connection_timeout(within / servers)
            // Tries each server once; zero would mean for ever.
            .max_reconnects(settings.servers.len())
            .event_callback(move |event| {
                let seen = seen.clone();
                async move { note(&seen, event) }
            });
        let options = match &settings.auth {
            Auth::None => options,
            Auth::Password(username, password) => {
                options.user_and_password(username.clone(), password.expose_secret().to_owned())
            }
            Auth::Token(token) => options.token(token.expose_secret().to_owned()),
            Auth::Nkey(key) => options.nkey(key.expose_secret().to_owned()),
            Auth::Credentials(text) => {
                options.credentials(text.expose_secret()).map_err(|error| unreachable_server(settings, &error))?
            }
        };
        let late = || {
            let within = humantime::format_duration(within);
            Unavailability::new(Fault::Late, format!("{} took no connection within {within}", place(settings)))
        };
        let client = timeout(within, options.connect(settings.servers.as_slice())).await.map_err(|_| late())?.map_err(
            |error| match error.kind() {
                ConnectErrorKind::TimedOut => late(),
                _ => unreachable_server(settings, &error),
            },
        )?;
        let context = jetstream::context::ContextBuilder::new()
            // The attempt has its own end; this one must not come first.
            .timeout(settings.timeout * 2)
            .build(client.clone());
        let (abandoned, stream_is_there) = (AtomicBool::new(false), OnceCell::new());
        Ok(Self { client, context, seen: watching, abandoned, stream_is_there })
    }

    /// No new delivery uses it; those under way go on.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// The largest message the server takes, in bytes.
    pub(super) fn largest_message(&self) -> usize {
        self.client.max_payload()
    }

    /// What the server complained of last, if it did.
    pub(super) fn complaint(&self) -> Option<String> {
        self.seen.borrow().complaint.clone()
    }

    /// Waits until the connection is lost.
    pub(super) async fn lost(&self) {
        // An error means that the library has ended its part.
        let _ = self.seen.clone().wait_for(|seen| seen.lost).await;
    }

    /// Publishes and waits for the acknowledgement of the stream.
    pub(super) async fn publish(&self, subject: String, message: PublishMessage) -> Result<PublishAck, PublishError> {
        self.context.send_publish(subject, message).await?.await
    }

    /// The stream; `None` if there is no such stream.
    pub(super) async fn stream(&self, name: &str) -> Result<Option<Info>, String> {
        match self.context.get_stream(name).await {
            Ok(stream) => Ok(Some(stream.cached_info().clone())),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
                GetStreamErrorKind::Request => Err(format!("JetStream does not answer (is it enabled?): {error}")),
                _ => Err(error.to_string()),
            },
        }
    }

    /// Makes the stream, once per connection, if there is none of that name. One that is there stays as
    /// it is.
    pub(super) async fn ensure_stream(&self, settings: &Settings) -> Result<(), String> {
        let made = self.stream_is_there.get_or_try_init(async || {
            if self.stream(&settings.stream).await?.is_some() {
                return Ok(());
            }
            let config = Config {
                name: settings.stream.clone(),
                subjects: vec![subjects(&settings.subject.pattern("*"))],
                duplicate_window: DUPLICATES,
                ..Config::default()
            };
            match self.context.create_stream(config).await {
                Ok(_) => {
                    events::handlers::stream_made(&settings.stream);
                    Ok(())
                }
                // Somebody else made it in between.
                Err(_) if self.stream(&settings.stream).await?.is_some() => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        });
        made.await.copied()
    }
}

/// The server took no connection: why.
fn unreachable_server(settings: &Settings, error: &(dyn std::error::Error + 'static)) -> Unavailability {
    let reason = format!("cannot connect to {}: {}", place(settings), said(error));
    Unavailability::new(Fault::Unreachable, reason)
}

fn note(seen: &watch::Sender<Seen>, event: Event) {
    match event {
        Event::Disconnected | Event::Closed => seen.send_modify(|seen| seen.lost = true),
        Event::ServerError(error) => seen.send_modify(|seen| seen.complaint = Some(error.to_string())),
        _ => {}
    }
}

/// The subjects that a template can make: a wildcard stands for a whole word.
fn subjects(pattern: &str) -> String {
    let words: Vec<_> = pattern.split('.').map(|word| if word.contains('*') { "*" } else { word }).collect();
    words.join(".")
}

/// Whether every subject that fits `pattern` also fits `filter`.
pub(super) fn covers(filter: &str, pattern: &str) -> bool {
    let pattern = subjects(pattern);
    let (mut filter, mut pattern) = (filter.split('.'), pattern.split('.'));
    loop {
        match (filter.next(), pattern.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(wanted), Some(word)) if wanted == "*" || wanted == word => {}
            _ => return false,
        }
    }
}

/// Whether the stream is there and refuses this message; others it may take.
pub(super) fn concerns_one(error: &PublishError) -> bool {
    let refused = std::error::Error::source(error).and_then(|source| source.downcast_ref::<jetstream::Error>());
    match error.kind() {
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence => true,
        // As in HTTP, 503 says that nobody is there to take it.
        _ => refused.is_some_and(|error| error.code() != 503),
    }
}

/// Whether the same message would fail again: it is too large for the server or for the stream.
pub(super) fn too_large(error: &PublishError) -> bool {
    let refused = std::error::Error::source(error).and_then(|source| source.downcast_ref::<jetstream::Error>());
    let limits = [ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM, ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM];
    error.kind() == PublishErrorKind::MaxPayloadExceeded
        || refused.is_some_and(|error| limits.contains(&error.error_code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_the_template_makes() {
        for filter in ["a.*.*", "a.>", ">", "*.*.*"] {
            assert!(covers(filter, "a.*.b-*"), "{filter}");
        }
        for filter in ["a.*", "b.>", "a.*.b", "a.*.*.>", "a.order.*"] {
            assert!(!covers(filter, "a.*.b-*"), "{filter}");
        }
    }
}
