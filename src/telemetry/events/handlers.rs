//! What handlers tell beside what becomes of an event.

use std::fmt::Display;
use std::path::Path;

use super::{About, about};

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::handlers";

/// `exec`: the end of a time-out does not end the program.
pub(crate) fn program_not_killed(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "a program that took too long cannot be killed");
}

/// `exec`: what a program has said, which is nothing that everybody should read.
pub(crate) fn program_said(event: About<'_>, handler: &str, stdout: Option<&str>, stderr: Option<&str>) {
    about!(debug, event, handler, stdout, stderr, "what the program said");
}

/// `file`: nobody can say whether names are on the disk.
pub(crate) fn directory_not_synced(handler: &str, directory: &Path) {
    tracing::warn!(
        target: TARGET,
        handler,
        directory = %directory.display(),
        "this file system cannot sync a directory: events count as delivered, but whether the last files are still \
         there after a power cut is its own affair"
    );
}

/// `file`: parts of files are there from before.
pub(crate) fn remains_removed(handler: &str, removed: usize) {
    tracing::info!(
        target: TARGET,
        handler,
        removed,
        "removed what was left half-written; those events are written again"
    );
}

/// `file`: the directory is of no use at the start.
pub(crate) fn files_not_written(handler: &str, reason: &str) {
    tracing::warn!(
        target: TARGET,
        handler,
        reason,
        "event files cannot be written for now; until they can, events wait in the inbox"
    );
}

#[cfg(feature = "nats")]
/// `nats`: the stream was not there.
pub(crate) fn stream_made(stream: &str) {
    tracing::info!(target: TARGET, stream, "made the stream");
}

#[cfg(feature = "nats")]
/// `nats`: the stream has dropped what we have not sent it before, as far as we know.
pub(crate) fn duplicate_at_first(event: About<'_>, handler: &str, stream: &str) {
    about!(
        warn,
        event,
        handler,
        stream,
        "the first attempt was acknowledged as a duplicate: the stream has had this delivery before. Either it is from \
         this receiver, which was ended before it could note that; or another program sends with this `Nats-Msg-Id`, \
         such as a receiver with an inbox of its own and a handler of that name, and what the stream has is that one's \
         message"
    );
}

/// `kafka`: an idempotent producer cannot go on.
#[cfg(feature = "kafka")]
pub(crate) fn producer_gave_up(code: &dyn Display, reason: &str) {
    tracing::warn!(target: TARGET, %code, reason, "the Kafka producer gave up; a new one takes its place");
}

/// `kafka`: the library says something that it takes for an error.
#[cfg(feature = "kafka")]
pub(crate) fn kafka_complains(facility: &str, words: &str) {
    tracing::warn!(target: TARGET, facility, words, "kafka");
}

/// `kafka`: the library says something.
#[cfg(feature = "kafka")]
pub(crate) fn kafka_says(facility: &str, words: &str) {
    tracing::info!(target: TARGET, facility, words, "kafka");
}
