//! What the configuration says that stands on pages. Nothing of it is secret.

use std::time::Duration;

use jiff::Timestamp;

/// The configuration, as far as pages tell it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Where Tradecloud is to send.
    pub(crate) endpoints: Vec<EndpointTold>,
    /// The certificate that Tradecloud gets to see.
    pub(crate) certificate: CertificateTold,
    /// Whom to fetch from.
    pub(crate) tradecloud: Option<TradecloudTold>,
}

/// One of the endpoints.
#[derive(Debug)]
pub(crate) struct EndpointTold {
    /// Its whole address, as far as it is known.
    pub(crate) url: String,
    /// Whether GET webhooks go there.
    pub(crate) takes_notices: bool,
    /// The name and the kind of each of its credentials.
    pub(crate) credentials: Vec<(String, String)>,
    /// From where; `None` for everywhere.
    pub(crate) allow_from: Option<Vec<String>>,
}

/// The certificate, as far as it is known before a handshake.
#[derive(Debug, Default)]
pub(crate) enum CertificateTold {
    /// Something else ends TLS.
    #[default]
    Elsewhere,
    /// A CA is to give one, for these names.
    Acme(Vec<String>),
    /// There is one.
    Here {
        names: Vec<String>,
        issuer: String,
        begins: Timestamp,
        ends: Timestamp,
        /// What Tradecloud would not like about it.
        objections: Vec<String>,
    },
}

/// Tradecloud's API, and what is asked there.
#[derive(Debug)]
pub(crate) struct TradecloudTold {
    /// Scheme and host.
    pub(crate) place: String,
    pub(crate) has_legacy: bool,
    pub(crate) poll: Option<PollTold>,
}

/// What is polled.
#[derive(Debug)]
pub(crate) struct PollTold {
    pub(crate) every: Duration,
    /// Whether only what the webhook has not brought is handed on, and after which time.
    pub(crate) missed_after: Option<Duration>,
    /// What each is called, and under which name it is noted how far it has come.
    pub(crate) of: Vec<(&'static str, String)>,
}
