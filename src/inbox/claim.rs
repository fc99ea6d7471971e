//! A delivery on its way: claimed, tried, ended.

use jiff::Timestamp;

use super::{EventKey, State};
use crate::model::Format;

/// A delivery that was claimed: it is the caller's until it is finished or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The store's own number of the event.
    pub event: i64,
    /// The event's key.
    pub key: EventKey,
    /// The event's id.
    pub id: String,
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
