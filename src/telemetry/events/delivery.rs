//! Deliveries, and handlers that are down and back.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;

use super::{About, about, milliseconds};
use crate::telemetry::log::in_line;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::dispatch";

/// A handler is done with an event.
pub(crate) fn delivered(event: About<'_>, handler: &str, attempt: u32, took: Duration) {
    about!(info, event, handler, attempt, took_ms = milliseconds(took), "delivered");
}

/// A handler has rejected an event.
pub(crate) fn rejected(event: About<'_>, handler: &str, attempt: u32, took: Duration, reason: &str) {
    about!(
        error,
        event,
        handler,
        attempt,
        took_ms = milliseconds(took),
        reason,
        "rejected: a dead letter; see `events list --state dead`"
    );
}

/// A handler has not taken an event, or its time was over, whose delivery somebody had set aside or begun anew
/// meanwhile, or another receiver had taken over: it is no dead letter, nor is it tried again. What the back end said is not in the line: somebody may have had it
/// erased.
pub(crate) fn overtaken(event: About<'_>, handler: &str, attempt: u32) {
    about!(
        warn,
        event,
        handler,
        attempt,
        "not taken, but it had been set aside or begun anew meanwhile, and that stands; see `events show`"
    );
}

/// The time of a delivery is over.
pub(crate) fn given_up(event: About<'_>, handler: &str, attempts: u32, reason: &str) {
    about!(error, event, handler, attempts, reason, "given up: a dead letter; see `events list --state dead`");
}

/// No further attempt is made at what ends the process each time.
pub(crate) fn ends_the_process(event: About<'_>, handler: &str, reason: &str) {
    about!(error, event, handler, reason, "it ends the process: a dead letter; see `events list --state dead`");
}

/// An attempt failed.
pub(crate) fn not_delivered(event: About<'_>, handler: &str, attempt: Attempt<'_>, next: Timestamp) {
    let Attempt { number: attempt, took, reason } = attempt;
    let took_ms = milliseconds(took);
    about!(warn, event, handler, attempt, took_ms, reason, next = %in_line(next), "not delivered; it is tried again");
}

/// An attempt failed, and there is no inbox.
pub(crate) fn not_delivered_nor_kept(event: About<'_>, handler: &str, attempt: Attempt<'_>) {
    let Attempt { number: attempt, took, reason } = attempt;
    let took_ms = milliseconds(took);
    about!(warn, event, handler, attempt, took_ms, reason, "not delivered; the sender has to repeat the event");
}

/// An attempt failed at a handler that is down. That has been said, and is said again now and then.
pub(crate) fn not_delivered_while_down(event: About<'_>, handler: &str, attempt: Attempt<'_>) {
    let Attempt { number: attempt, took, reason } = attempt;
    let took_ms = milliseconds(took);
    about!(debug, event, handler, attempt, took_ms, reason, "not delivered; the handler is still down");
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// 1 for the first one.
    pub(crate) number: u32,
    pub(crate) took: Duration,
    pub(crate) reason: &'a str,
}

/// An event is tried alone, because the process did not survive the last attempt at it and at others.
pub(crate) fn suspected(event: About<'_>, handler: &str, ends: u32) {
    about!(warn, event, handler, ends, "the process ended during the last attempt at this event: it is alone");
}

/// Nobody knows yet what is in an event that is due.
pub(crate) fn not_loaded(event: About<'_>, handler: &str, error: &dyn Display) {
    about!(error, event, handler, %error, "cannot load an event; it is tried again");
}

/// How a delivery ended is not safe yet.
pub(crate) fn end_not_noted(event: About<'_>, handler: &str, error: &dyn Display) {
    about!(error, event, handler, %error, "cannot note how a delivery ended; trying again");
}

/// The inbox does not say what is due.
pub(crate) fn no_work_seen(handler: &str, error: &dyn Display) {
    tracing::error!(target: TARGET, handler, %error, "cannot look for work");
}

#[cfg(feature = "postgres")]
/// Another receiver has made a delivery that was being made here.
pub(crate) fn taken_over(event: About<'_>, handler: &str) {
    about!(
        warn,
        event,
        handler,
        "another receiver has taken over this delivery while it was made here: it is made a second time"
    );
}

/// A delivery would have waited for ever.
pub(crate) fn set_right(event: About<'_>, handler: &str) {
    about!(
        error,
        event,
        handler,
        "a delivery waited for nothing, and all behind it: it was set right, and is due now. That should not happen: \
         please report it"
    );
}

/// Whether deliveries wait for ever is not known now.
pub(crate) fn not_looked_after(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "cannot look for deliveries that wait for nothing");
}

/// A handler's back end is away or out of order.
pub(crate) fn down(handler: &str, reason: &str) {
    tracing::error!(
        target: TARGET,
        handler,
        reason,
        "the handler is down: one delivery at a time is tried until it answers, and everything else waits"
    );
}

/// It still is, and so many deliveries wait; no more than that were counted if `or_more`.
pub(crate) fn still_down(handler: &str, waiting: usize, or_more: bool, since: Duration) {
    let or_more = or_more.then_some(true);
    tracing::warn!(target: TARGET, handler, waiting, or_more, down_for = since.as_secs(), "still down");
}

/// The first answer of any kind has come.
pub(crate) fn back(handler: &str, after: Duration) {
    tracing::info!(
        target: TARGET,
        handler,
        down_for = after.as_secs(),
        "the handler is back: what waits for it is due"
    );
}

/// How many deliveries wait for a handler that is down is not known now.
pub(crate) fn not_counted(handler: &str, error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, handler, "cannot count what waits for a handler that is down");
}

/// What waits for a handler that is back still waits.
pub(crate) fn not_hurried(handler: &str, error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, handler, "cannot make due what waits for the handler; trying again");
}

/// A handler is paused.
pub(crate) fn paused(handler: &str) {
    tracing::warn!(target: TARGET, handler, "paused: its events wait in the inbox");
}

/// Deliveries wait for a handler that is not there any more; no more than that were counted if `or_more`.
pub(crate) fn orphaned(handler: &str, waiting: usize, or_more: bool) {
    let or_more = or_more.then_some(true);
    tracing::warn!(
        target: TARGET,
        handler,
        waiting,
        or_more,
        "deliveries wait for a handler that is not configured any more"
    );
}

/// Whether there are such is not known now.
pub(crate) fn orphans_not_looked_for(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "cannot look for deliveries of handlers that are not configured any more");
}
