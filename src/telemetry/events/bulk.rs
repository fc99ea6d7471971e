//! What people have done to many events in the background.

use uuid::Uuid;

use crate::shown::printable;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::desk";

/// Somebody has said yes to a plan.
pub(crate) fn begun(action: Uuid, who: &str, what: &str, events: usize, filter: &str) {
    let (who, filter) = (printable(who), printable(filter));
    tracing::info!(target: TARGET, %action, who, what, events, filter, "somebody has something done to many events");
}

/// It goes on after an interruption.
pub(crate) fn goes_on(action: Uuid, who: &str, what: &str, behind: usize, events: usize) {
    let who = printable(who);
    tracing::info!(target: TARGET, %action, who, what, behind, events, "what is done to many events goes on");
}

/// All of them have had their turn.
pub(crate) fn ended(action: Uuid, changed: u64, events: usize) {
    tracing::info!(target: TARGET, %action, changed, events, "what is done to many events has come to its end");
}

/// Somebody has stopped it.
pub(crate) fn stopped(action: Uuid, changed: u64, events: usize) {
    tracing::info!(target: TARGET, %action, changed, events, "what is done to many events was stopped by somebody");
}

/// The receiver ends before it.
pub(crate) fn left(action: Uuid, behind: usize, events: usize) {
    tracing::info!(target: TARGET, %action, behind, events, "what is done to many events goes on with the next start");
}

/// The inbox fails.
pub(crate) fn fails(error: &str) {
    tracing::warn!(
        target: TARGET,
        error,
        "what is done to many events does not go on: it is tried again every few seconds"
    );
}

/// What is kept of it makes no sense.
pub(crate) fn unreadable() {
    tracing::warn!(
        target: TARGET,
        "what was being done to many events cannot be gone on with, as it cannot be read: make a new plan for the rest"
    );
}
