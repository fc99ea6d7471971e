//! Whom we connect to: the way to others over HTTP, whom of them we trust, and how we show who we are. Handlers,
//! credentials and certificates all call somebody, and all of them do it the same way; so do the inbox and the
//! handler that keep what they have in PostgreSQL.

mod address;
mod answer;
mod client;
mod credentials;
mod handshake;
mod identity;
mod pause;
mod percent;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod roots;
#[cfg(any(feature = "amqp", feature = "nats"))]
mod tls;
mod tokens;

use std::time::Duration;

pub(crate) use self::address::{on_loopback, place, url, warn_of_plain_http};
pub(crate) use self::answer::{beginning, cause, encoding, failed, in_utf8, late, say};
pub(crate) use self::client::{Caller, client, guarded};
pub(crate) use self::credentials::{Auth, Credentials, basic, bearer};
pub(crate) use self::handshake::{TrustedBy, causes, certificate_in_words, failure, in_words};
pub(crate) use self::identity::{advice, identity};
pub(crate) use self::pause::{date, retry_after};
pub(crate) use self::percent::percent_encode;
pub(crate) use self::roots::roots;

// What only message brokers need:
#[cfg(any(feature = "amqp", feature = "nats"))]
pub(crate) use self::{handshake::said, tls::tls};

/// Why somebody gave no answer, or none that is of use. To try again may help.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// For people: who, and what happened.
    pub(crate) reason: String,
    /// He was there, perhaps, but did not answer in time.
    pub(crate) late: bool,
    /// How long he asks to be left alone.
    pub(crate) pause: Option<Duration>,
}

impl Failure {
    /// He cannot be reached, or says that he is out of order.
    fn unreachable(reason: String) -> Self {
        Self { reason, late: false, pause: None }
    }
}
