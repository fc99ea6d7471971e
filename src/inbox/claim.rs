//! A delivery on its way: claimed, tried, ended.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{EventKey, State};
use crate::model::Format;
use crate::telemetry::events::About;

/// A delivery that was claimed: it is the caller's until it is finished or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The store's own number of the event.
    pub event: i64,
    /// The event's key.
    pub key: EventKey,
    /// The event's id.
    pub id: String,
    /// The purchase order or shipment number.
    pub number: Option<String>,
    /// The event name.
    pub event_name: Option<String>,
    /// The handler's name.
    pub handler: String,
    /// The number of the order or shipment, as the store counts them.
    pub lane: i64,
    /// Attempts that were made before.
    pub attempts: u32,
    /// When the delivery was first due (the time of `give_up_after` counts from here).
    pub since: Timestamp,
    /// Size of the body in bytes.
    pub size: usize,
    /// The encoding of the body.
    pub format: Format,
    /// 1, and one more each time that somebody has begun the delivery anew.
    pub round: u32,
    /// How many attempts, one after the other, the process did not survive.
    pub ends: u32,
}

impl Claim {
    /// What a line of the log is about.
    pub(crate) fn about(&self) -> About<'_> {
        About { id: Some(&self.id), number: self.number.as_deref(), event: self.event_name.as_deref() }
    }
}

/// A delivery that waited for nothing, and was made due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The event's id.
    pub id: String,
    /// The purchase order or shipment number.
    pub number: Option<String>,
    /// The handler's name.
    pub handler: String,
}

/// Work that is due, and when the next is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// One claim per order or shipment at the most.
    pub claims: Vec<Claim>,
    /// When the next delivery of the handler is due that was not claimed, if there is one.
    pub next: Option<Timestamp>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The handler is done with the event.
    Done,
    /// To be tried again.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Not to be tried again: a dead letter.
    Dead {
        /// Why.
        reason: String,
        /// The status the handler's back end gave, if it speaks HTTP.
        status: Option<u16>,
    },
}

/// An attempt that was made, as it is kept for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub begun: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What became of it.
    pub ending: Ending,
    /// The status of the back end's answer, if it speaks HTTP and has answered.
    pub status: Option<u16>,
    /// The beginning of what the back end said, 1 KiB at the most; none if it said nothing, or if answers are not kept.
    pub answer: Option<String>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// The handler is done with the event.
    Done,
    /// The handler refused it for good.
    Rejected,
    /// Nobody was there, or it was out of order.
    Unreachable,
    /// It was not through in time.
    Late,
    /// The fault was on our own side.
    Fault,
}

impl Ending {
    const ALL: [Self; 5] = [Self::Done, Self::Rejected, Self::Unreachable, Self::Late, Self::Fault];

    /// The name in answers and in the inbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::Late => "late",
            Self::Fault => "fault",
        }
    }

    /// The one of that name, if there is one.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == name)
    }
}

/// How far an event has come with one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The handler's name.
    pub handler: String,
    /// Pending, done, dead or discarded.
    pub state: State,
    /// Why it is dead.
    pub reason: Option<String>,
    /// The status that the handler's back end gave.
    pub status: Option<u16>,
}
