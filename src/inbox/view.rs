//! The inbox as people see it: events with the state they are in.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::event::rfc3339;
use crate::model::Kind;

/// How far something has come. For an event it is the state that needs the most attention of those its
/// deliveries are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To be delivered, or to be tried again.
    Pending,
    /// Every handler that wanted it is done.
    Done,
    /// Rejected by a handler, or given up: waits for somebody.
    Dead,
    /// Set aside by somebody.
    Discarded,
    /// The body could not be taken as an event: waits for somebody.
    Refused,
    /// No handler wanted it.
    Unwanted,
}

impl State {
    /// The state of an event that has these deliveries: what wants attention most comes first. Of a refused body,
    /// which is none, it is whether it was set aside.
    pub(super) fn of(is_event: bool, discarded: bool, deliveries: &[DeliveryView]) -> Self {
        if !is_event {
            return if discarded { Self::Discarded } else { Self::Refused };
        }
        [Self::Dead, Self::Pending, Self::Discarded, Self::Done]
            .into_iter()
            .find(|state| deliveries.iter().any(|delivery| delivery.state == *state))
            .unwrap_or(Self::Unwanted)
    }

    /// The name in answers and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
            Self::Refused => "refused",
            Self::Unwanted => "unwanted",
        }
    }
}

/// An event (or refused body) with its deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// The store's own number; later events have higher ones.
    pub number: i64,
    /// Its id.
    pub id: String,
    /// The state that needs the most attention.
    pub state: State,
    /// When it was received.
    #[serde(serialize_with = "in_utc")]
    pub received: Timestamp,
    /// Its kind; a refused body has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Its event name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// The order's or shipment's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The purchase order or shipment number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_number: Option<String>,
    /// The company on whose behalf it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<String>,
    /// The path it was sent to.
    pub path: String,
    /// Its media type, if the sender named one.
    pub content_type: Option<String>,
    /// Size of the body in bytes.
    pub size: u64,
    /// Why a body was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The status a refused body was answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How often a refused body has come that is equal to the byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// One for each handler that wanted it.
    pub deliveries: Vec<DeliveryView>,
}

/// How far an event has come with one handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// The handler's name.
    pub handler: String,
    /// Pending, done, dead or discarded.
    pub state: State,
    /// Attempts that ended.
    pub attempts: u32,
    /// When it is tried next; absent if it is finished or waits for an earlier event of its order.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_utc_if_any")]
    pub due: Option<Timestamp>,
    /// Whether an attempt goes on. Should its process have died, it seems to until a receiver is there again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub being_delivered: bool,
    /// The id of the earlier event of its order or shipment that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When its state last changed.
    #[serde(serialize_with = "in_utc")]
    pub changed: Timestamp,
    /// The attempts that failed, the latest last (the last 50 are kept).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureView>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureView {
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When it ended.
    #[serde(serialize_with = "in_utc")]
    pub at: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// Why it failed.
    pub reason: String,
}

/// Times with as many digits as any other: programs sort them as text.
fn in_utc<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

#[expect(clippy::ref_option, reason = "serde hands out a reference to the field")]
fn in_utc_if_any<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339).serialize(serializer)
}

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In that state only; with `handler`, those whose delivery by that handler is.
    pub state: Option<State>,
    /// Of that kind only.
    pub kind: Option<Kind>,
    /// With an event name that matches this pattern (`*` and `?`).
    pub event: Option<String>,
    /// With a delivery by that handler.
    pub handler: Option<String>,
    /// With that order or shipment id, purchase order or shipment number.
    pub subject: Option<String>,
    /// Received at that time or later.
    pub since: Option<Timestamp>,
    /// Received before that time.
    pub until: Option<Timestamp>,
    /// With a number below that one: where the page before ended.
    pub before: Option<i64>,
    /// So many at the most.
    pub limit: usize,
}
