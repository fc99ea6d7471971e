//! What the handlers for message brokers share: one connection that lives as long as it works, and the
//! ids by which a broker or its consumers recognise a message that comes twice.
//!
//! There are two of them, because there are two who ask. A consumer asks whether it has seen the *event*: that is
//! [`message_id`], the same for every handler and every time. A broker that drops what it has seen must only do so
//! with what is the same *delivery*, tried again: that is [`delivery_id`]. Were it the event's, the message of a
//! second handler, or one that somebody has asked for anew, would be acknowledged and dropped.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::Mutex;

use super::Unavailability;
use crate::event::Event;

/// The media type of what every handler gets: one CloudEvents JSON object.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents+json";

/// A broker that has not taken the connection within this time is not there.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a connection may take to be made within an attempt that may take `timeout`.
pub(super) fn connect_within(timeout: Duration) -> Duration {
    timeout.min(CONNECT)
}

/// The place of one connection: made when it is first needed, used by all deliveries at once, and made
/// anew by the first delivery that finds it broken. Nothing waits in it: an event that cannot be sent
/// now is the inbox's to keep, so that it is not sent behind the inbox's back later.
pub(super) struct Link<C>(Mutex<Option<Arc<C>>>);

/// A connection that knows whether it is worth another try.
pub(super) trait Connection {
    /// Whether a new delivery should use it.
    fn is_usable(&self) -> bool;
}

impl<C: Connection> Link<C> {
    /// Without a connection yet.
    pub(super) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The connection, made by `connect` if there is none that works. Others wait meanwhile; they would
    /// find the same broker in the same state.
    pub(super) async fn get(
        &self,
        connect: impl Future<Output = Result<C, Unavailability>>,
    ) -> Result<Arc<C>, Unavailability> {
        let mut place = self.0.lock().await;
        if let Some(connection) = place.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        *place = None;
        let made = Arc::new(connect.await?);
        *place = Some(Arc::clone(&made));
        Ok(made)
    }
}

/// The event's id as it fits into a header or property of any broker: itself, or a digest of one that
/// has other characters than printable ASCII or is too long.
pub(super) fn message_id(id: &str) -> String {
    if fits(id) { id.to_owned() } else { digest_of(id.as_bytes()) }
}

/// The id of one delivery: the event's, the handler's name, and how often somebody has begun it, by hand anew or
/// not. A repeated attempt has the same.
pub(super) fn delivery_id(event: &Event, handler: &str) -> String {
    let round = event.round.to_string();
    // Read from the end, the parts can be told apart.
    if fits(&event.id) && fits(handler) && !handler.contains('/') {
        return format!("{}/{handler}/{round}", event.id);
    }
    let mut parts = Vec::new();
    for part in [&event.id, handler, &round] {
        parts.extend_from_slice(&(part.len() as u64).to_le_bytes());
        parts.extend_from_slice(part.as_bytes());
    }
    digest_of(&parts)
}

fn fits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn digest_of(text: &[u8]) -> String {
    digest(&SHA256, text).as_ref().iter().fold("sha256-".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_fits_stays_as_it_is() {
        assert_eq!(message_id("7fd0f2c2-e310-4363-ae70-6bea25604066"), "7fd0f2c2-e310-4363-ae70-6bea25604066");
    }

    #[test]
    fn other_ids_stay_different_and_fit() {
        let long = "x".repeat(201);
        let ids = ["", "a b", "a\r\nNats-Msg-Id: b", "ü", "ä", &long, &format!("{long}x")].map(message_id);

        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert!(ids.iter().all(|id| id.len() <= 200 && id.bytes().all(|byte| byte.is_ascii_graphic())), "{ids:?}");
    }

    #[test]
    fn deliveries_have_different_ids_whatever_is_in_their_parts() {
        let of = |id: &str, handler: &str, round| {
            let event = Event { round, ..crate::handlers::template::tests::event_with(id) };
            delivery_id(&event, handler)
        };

        let ids = [
            of("m-1", "bus", 1),
            of("m-1", "bus", 2),
            of("m-1", "other", 1),
            of("m-1/bus", "1", 1),
            of("m-1", "bus/1", 1),
            of("m 1", "bus", 1),
            of("m 1", "bus", 11),
            of("m", " 1bus", 1),
            of("", "bus", 1),
        ];

        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "{ids:?}");
        assert_eq!(ids[0], "m-1/bus/1");
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_graphic())), "{ids:?}");
    }
}
