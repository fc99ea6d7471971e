//! Handlers: the last stage, where an event reaches the company's systems.
//!
//! A handler sees one event and says one of three things: done, rejected, unavailable. Everything
//! else (order, retry, dead letters, time-outs, panics) is the work of [`crate::dispatch`].

use std::future::Future;

use crate::event::Event;

/// What became of one attempt to hand an event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The system behind the handler has the event for good. It is not delivered again.
    Done,
    /// The same event would be refused again: a functional fault. The delivery becomes a dead letter,
    /// kept until somebody delivers it again or discards it.
    Rejected(Rejection),
    /// Not now: a technical fault. The delivery is tried again, with increasing pauses.
    Unavailable(Unavailability),
}

/// Why an event was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// For people: what is wrong with the event. Shown in the inbox and in the log.
    pub reason: String,
    /// The HTTP status the back end answered with, if it speaks HTTP. Some are passed on to
    /// Tradecloud where an endpoint acknowledges with `handled`.
    pub status: Option<u16>,
}

/// Why an event could not be handed on now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailability {
    /// For people: what failed. Shown in the inbox and in the log.
    pub reason: String,
    /// Which kind of fault.
    pub fault: Fault,
}

/// The kinds of technical fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The back end cannot be reached, or answers that it is out of order.
    Unreachable,
    /// The back end did not finish in time.
    Late,
    /// The fault is on our own side: a panic, a full disk.
    Ours,
}

impl Outcome {
    /// Rejected, with a reason and no HTTP status.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected(Rejection { reason: reason.into(), status: None })
    }

    /// Unavailable because the back end cannot be reached or is out of order.
    pub fn unreachable(reason: impl Into<String>) -> Self {
        Self::unavailable(Fault::Unreachable, reason)
    }

    /// Unavailable because the back end did not finish in time.
    pub fn late(reason: impl Into<String>) -> Self {
        Self::unavailable(Fault::Late, reason)
    }

    /// Unavailable because of a fault on our own side.
    pub fn ours(reason: impl Into<String>) -> Self {
        Self::unavailable(Fault::Ours, reason)
    }

    fn unavailable(fault: Fault, reason: impl Into<String>) -> Self {
        Self::Unavailable(Unavailability { reason: reason.into(), fault })
    }
}

/// One way to hand events to a back end.
///
/// Implement it to embed the receiver in a program of your own (see `examples/`). `deliver` may be
/// called for several events at once, but never for two events of the same order or shipment. It is
/// called again for the same event after [`Outcome::Unavailable`], and may be called again after
/// [`Outcome::Done`] if the receiver was killed before it could note that down: make it idempotent
/// on [`Event::id`]. A panic counts as unavailable. The future is dropped when the handler's time-out
/// has passed.
pub trait Handler: Send + Sync + 'static {
    /// Hands `event` on and says what became of it.
    fn deliver(&self, event: &Event) -> impl Future<Output = Outcome> + Send;
}
