//! Where a body came from, and what of that is kept and told.

use std::net::IpAddr;

use bytes::Bytes;
use jiff::Timestamp;

use crate::inbox::{Arrival, EventView, RefusedBody};
use crate::model::Envelope;
use crate::telemetry::events::About;
use crate::telemetry::events::intake::Refused;

/// Where a body came from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// When it came.
    pub(crate) received: Timestamp,
    /// The path it was sent to.
    pub(crate) path: String,
    /// Its media type, if the sender named one.
    pub(crate) content_type: Option<String>,
    /// Who brought it, as the log is to name it,
    pub(crate) from: String,
    /// and by what he was known, if he had to show that.
    pub(crate) credential: Option<String>,
    /// The address that it came from.
    pub(crate) address: Option<IpAddr>,
    /// What its bringer is answered once it is stored, if that is known before.
    pub(crate) answer: Option<u16>,
}

impl Origin {
    /// Of a refused body that somebody has accepted.
    pub(crate) fn accepted(refused: &EventView) -> Self {
        Self {
            received: refused.received,
            path: refused.path.clone(),
            content_type: refused.content_type.clone(),
            from: "the inbox".to_owned(),
            credential: refused.credential.clone(),
            address: refused.address.as_deref().and_then(|address| address.parse().ok()),
            answer: refused.status,
        }
    }

    /// What is kept of it for people.
    pub(super) fn arrival(&self) -> Arrival {
        let (address, credential) = (self.address.map(|address| address.to_string()), self.credential.clone());
        Arrival { address, credential, answer: self.answer, ..Arrival::default() }
    }

    /// What the log is told of a body of that origin that is refused for that reason, and kept under that id.
    pub(crate) fn told<'a>(
        &'a self,
        id: Option<&'a str>,
        known: Option<&'a Envelope>,
        reason: &'a str,
        size: usize,
    ) -> Refused<'a> {
        let number = known.and_then(|event| event.number.as_deref());
        let event = About { id, number, event: known.and_then(|event| event.event_name.as_deref()) };
        Refused { event, reason, size, from: &self.from, credential: self.credential.as_deref() }
    }

    /// A body of that origin as it is kept if it is refused for that reason, and answered with that status.
    pub(crate) fn refused(&self, body: Bytes, reason: &str, status: u16) -> RefusedBody {
        RefusedBody {
            received: self.received,
            path: self.path.clone(),
            content_type: self.content_type.clone(),
            reason: reason.to_owned(),
            status,
            body,
            arrival: self.arrival(),
        }
    }
}
