//! What librdkafka says of its connections: the reason behind its time-outs, and its log lines.
//!
//! librdkafka tries again by itself, for as long as a message has time. If that time is over, all it
//! says is "timed out", be the cluster slow, gone, or of another mind about the password. Why, it has said
//! before, to the callbacks here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::handlers::Fault;
use crate::shown;
use crate::telemetry::events;

/// What is known of the connection to the cluster. Clones share what they know.
#[derive(Clone)]
pub(super) struct Connection(Arc<Mutex<State>>);

struct State {
    /// Whether the cluster takes events has to be found out first.
    in_doubt: bool,
    trouble: Option<Trouble>,
}

/// The last that went wrong, if nothing has worked since.
#[derive(Clone)]
pub(super) struct Trouble {
    pub(super) fault: Fault,
    pub(super) what: String,
}

impl Connection {
    /// Before the first contact.
    pub(super) fn unknown() -> Self {
        Self(Arc::new(Mutex::new(State { in_doubt: true, trouble: None })))
    }

    /// Whether to ask the cluster before an event is sent to it: it could not be reached, or refused the
    /// last one. Asking is quick to fail, where a message would be held until its time is over; and it
    /// makes librdkafka forget what it holds against the topic.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.state().in_doubt
    }

    /// An event was not taken.
    pub(super) fn doubt(&self) {
        self.state().in_doubt = true;
    }

    /// The cluster has answered.
    pub(super) fn works(&self) {
        *self.state() = State { in_doubt: false, trouble: None };
    }

    /// What went wrong since the cluster has answered last.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.state().trouble.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Connection {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka");
        let mut state = self.state();
        let fault = match error.rdkafka_error_code() {
            Some(Code::OperationTimedOut) => Fault::Late,
            Some(
                Code::BrokerTransportFailure
                | Code::Resolve
                | Code::SSL
                | Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::UnsupportedSASLMechanism,
            ) => Fault::Unreachable,
            Some(Code::AllBrokersDown) => {
                state.in_doubt = true;
                if state.trouble.is_some() {
                    // It says more than the number of brokers.
                    return;
                }
                Fault::Unreachable
            }
            _ => return,
        };
        let hint = match error.rdkafka_error_code() {
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => " (look at `auth` of this handler)",
            Some(Code::SSL) => " (the certificate of a private CA goes into `ca_file`)",
            _ => "",
        };
        state.trouble = Some(Trouble { fault, what: shown::line(reason) + hint });
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What comes of it for an event is said with the event.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                events::handlers::kafka_complains(facility, message);
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                events::handlers::kafka_says(facility, message);
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "kafka"),
        }
    }
}
