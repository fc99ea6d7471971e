//! The inbox: whether it can be written to and where it is, what is removed from it, and the time.

use std::fmt::Display;
use std::path::Path;

use jiff::Timestamp;

use crate::telemetry::log::in_line;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::inbox";

/// SQLite cannot write.
pub(crate) fn cannot_write(reason: &str) {
    tracing::error!(
        target: TARGET,
        reason,
        "the inbox cannot write; everything that comes is answered 503 until it can"
    );
}

#[cfg(feature = "postgres")]
/// PostgreSQL cannot write.
pub(crate) fn cannot_write_to_database(failure: &dyn Display) {
    tracing::error!(
        target: TARGET,
        %failure,
        "the inbox cannot write; what it cannot write is answered 503 until it can"
    );
}

#[cfg(feature = "postgres")]
/// It can again.
pub(crate) fn writes_again() {
    tracing::info!(target: TARGET, "the inbox can write again");
}

/// Events could not be read when the numbers in them were looked for.
pub(crate) fn not_read_for_numbers(events: usize, sequences: &str, reason: &str) {
    tracing::warn!(
        target: TARGET,
        events,
        sequences,
        reason,
        "events cannot be read for the numbers in them; they are left as they are and tried again, and `inbox verify` \
         says what is damaged"
    );
}

/// The folder or file is not there any more, or is another one.
pub(crate) fn gone(reason: &str) {
    tracing::error!(
        target: TARGET,
        reason,
        "the inbox is gone, or something else is in its place; everything that comes is answered 503 until the known \
         one is back"
    );
}

/// Its files were touched, but are the known ones.
pub(crate) fn touched(why: &dyn Display) {
    tracing::warn!(
        target: TARGET,
        %why,
        "something has touched the inbox's files; it is opened anew, and nothing is lost"
    );
}

/// It is open after a failure.
pub(crate) fn open_again(path: &Path) {
    tracing::info!(target: TARGET, path = %path.display(), "the inbox is open again");
}

/// A thread of SQLite's ended by itself.
pub(crate) fn thread_panicked() {
    tracing::error!(target: TARGET, "a thread of the inbox ended in a panic");
}

#[cfg(feature = "postgres")]
/// The task that writes to PostgreSQL ended by itself.
pub(crate) fn writer_panicked() {
    tracing::error!(target: TARGET, "the writer of the inbox ended in a panic");
}

/// The files of SQLite are left while others have them open.
pub(crate) fn log_left_behind(error: &dyn Display) {
    tracing::error!(target: TARGET, %error, "the last events may be in the log of the inbox only");
}

/// The log of SQLite stays as long as it is for now.
pub(crate) fn log_not_moved(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "the inbox's log could not be moved into the database");
}

/// The schema of SQLite is changed.
pub(crate) fn upgraded(from: u32, to: u32) {
    tracing::info!(target: TARGET, from, to, "the inbox is brought to a new version");
}

#[cfg(feature = "postgres")]
/// The schema in PostgreSQL is changed.
pub(crate) fn database_upgraded(from: i32, to: i32) {
    tracing::info!(
        target: TARGET,
        from,
        to,
        "the inbox is brought to a new version; with very many events, in minutes"
    );
}

/// Should the process be ended now, an attempt would count as one that it did not survive.
pub(crate) fn attempt_not_taken_back(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "cannot note in the inbox that an attempt was broken off");
}

/// The same of all attempts.
pub(crate) fn end_not_noted(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "cannot note in the inbox that this receiver ends as it was told to");
}

#[cfg(feature = "postgres")]
/// The other receivers are not told that this one ends.
pub(crate) fn farewell_failed(failure: &dyn Display) {
    tracing::warn!(
        target: TARGET,
        %failure,
        "cannot say in the inbox that this receiver ends; others wait a few seconds"
    );
}

#[cfg(feature = "postgres")]
/// The other receivers do not hear of this one.
pub(crate) fn not_heard(failure: &dyn Display) {
    tracing::warn!(target: TARGET, %failure, "cannot say in the inbox that this receiver is at work");
}

#[cfg(feature = "postgres")]
/// The others took this receiver for dead, which had so many attempts under way.
pub(crate) fn taken_for_dead(attempts: usize) {
    tracing::warn!(
        target: TARGET,
        attempts,
        "this receiver was not heard of for too long: others have taken over what it was at, and may deliver it a \
         second time"
    );
}

#[cfg(feature = "postgres")]
/// So many other receivers are dead, or hang.
pub(crate) fn others_gone(gone: u64) {
    tracing::warn!(target: TARGET, gone, "another receiver does not answer any more; its work is taken over");
}

#[cfg(feature = "postgres")]
/// What dead receivers were at stays as it is for now.
pub(crate) fn nothing_taken_over(failure: &dyn Display) {
    tracing::warn!(target: TARGET, %failure, "cannot take over what nobody works on any more; trying again");
}

#[cfg(feature = "postgres")]
/// A transaction that was taken for lost was not.
pub(crate) fn strange_claims_removed(claims: u64) {
    tracing::info!(target: TARGET, claims, "claims that were made after they had been given up are removed");
}

#[cfg(feature = "postgres")]
/// The clock of the database was set back.
pub(crate) fn database_clock_set_back(deliveries: u64) {
    tracing::warn!(target: TARGET, deliveries, "the database's clock was set back: what waited by it is due");
}

#[cfg(feature = "postgres")]
/// The clock of the database was set forward.
pub(crate) fn database_clock_set_forward(earlier: Timestamp, later: Timestamp) {
    tracing::warn!(
        target: TARGET,
        earlier = %in_line(earlier),
        later = %in_line(later),
        "the database's clock was set forward: nothing is given up for that"
    );
}

/// The clock of this machine was set, and so many deliveries follow it.
pub(crate) fn clock_set(set: &str, deliveries: usize) {
    tracing::warn!(target: TARGET, set, deliveries, "the clock was set: what waits goes by the new time");
}

/// The clock of this machine is suspiciously far ahead.
pub(crate) fn clock_ahead(time: Timestamp, last_known: Timestamp) {
    tracing::warn!(
        target: TARGET,
        time = %in_line(time),
        last_known = %in_line(last_known),
        "the clock is more than a day ahead of the last time that the inbox knew; until it has stayed so for an hour, \
         no event is removed or forgotten, and none given up. If it is wrong, set it right"
    );
}

/// It has stayed there.
pub(crate) fn clock_believed(time: Timestamp) {
    tracing::warn!(target: TARGET, time = %in_line(time), "the clock has stayed ahead for an hour: it is believed from now on");
}

/// What the time was is not safe yet.
pub(crate) fn time_not_noted(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "the time could not be noted in the inbox; trying again later");
}

/// Refused bodies take `used` bytes of the `space` that they have.
pub(crate) fn refused_fill_space(used: u64, space: u64) {
    tracing::error!(
        target: TARGET,
        used,
        space,
        "refused bodies take all the space they may (inbox.refused_space); of further large ones only the beginning \
         is kept. Look at them with `events list --state refused`, and find out who sends them"
    );
}

/// There are events of an earlier version that nobody has read for their references yet.
pub(crate) fn reading_old_events(events: usize, newest: Timestamp) {
    tracing::info!(
        target: TARGET,
        events,
        newest = %in_line(newest),
        "events of an earlier version are read for the numbers in them, the newest first, while the receiver works; \
         until then they are not found by those"
    );
}

/// All of them have been read.
pub(crate) fn old_events_read() {
    tracing::info!(target: TARGET, "every event is found by the numbers in it");
}

/// Events were removed.
pub(crate) fn removed(removed: usize) {
    tracing::info!(target: TARGET, removed, "events removed after their time (inbox.keep, inbox.keep_unwanted)");
}

/// Events that no handler wanted are the next to go.
pub(crate) fn unwanted_go_soon(events: usize) {
    tracing::warn!(
        target: TARGET,
        events,
        "events that no handler wanted are removed within a day (inbox.keep_unwanted). To give a handler what it wants \
         of them: `events deliver --handler NAME`; to see them: `events list --state unwanted`"
    );
}

/// Nothing is removed for now.
pub(crate) fn not_removed(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "old events could not be removed; trying again later");
}
