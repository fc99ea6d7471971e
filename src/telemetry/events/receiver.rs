//! The receiver itself: its start and its end.

#[cfg(unix)]
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::app";

/// It takes events: which version, where they are kept, the handlers that they go to, and how many deliveries wait
/// for these (or more, if not all were counted).
pub(crate) fn listening(
    (address, admin): (SocketAddr, SocketAddr),
    inbox: &str,
    handlers: &str,
    waiting: Option<usize>,
    or_more: bool,
) {
    let (version, or_more) = (env!("CARGO_PKG_VERSION"), or_more.then_some(true));
    tracing::info!(target: TARGET, %address, %admin, version, inbox, handlers, waiting, or_more, "listening");
}

/// Credentials and orders go over the network as they are.
pub(crate) fn tls_is_off() {
    tracing::warn!(target: TARGET, "TLS is off (server.tls): something in front of this address has to terminate it");
}

/// A part of it ended by itself.
pub(crate) fn broken(what: &str) {
    tracing::error!(target: TARGET, what, "the receiver cannot go on");
}

/// A worker did.
pub(crate) fn worker_ended(how: &str) {
    tracing::error!(target: TARGET, how, "a worker ended by itself");
}

/// It was told to stop.
pub(crate) fn draining(grace: Duration) {
    let grace = humantime::format_duration(grace);
    tracing::info!(target: TARGET, %grace, "draining: no more events are taken, what has begun is finished");
}

/// What had begun took too long.
pub(crate) fn drained_in_part() {
    tracing::warn!(
        target: TARGET,
        "the time for draining is over; what is not finished is delivered after the next start"
    );
}

/// It is over.
pub(crate) fn drained() {
    tracing::info!(target: TARGET, "drained");
}

/// Somebody is impatient.
pub(crate) fn told_twice() {
    tracing::warn!(target: TARGET, "told to stop a second time: stopping at once");
}

/// It will not hear that it is to stop.
#[cfg(unix)]
pub(crate) fn deaf() {
    tracing::error!(target: TARGET, "signals cannot be received; only SIGKILL ends this process");
}

/// It will not hear that it is to reload.
#[cfg(unix)]
pub(crate) fn deaf_to_hangups(error: &dyn Display) {
    tracing::error!(target: TARGET, %error, "SIGHUP cannot be received");
}

/// The number of open files stays what it is.
#[cfg(unix)]
pub(crate) fn open_files_not_raised(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "the number of open files that is allowed (`ulimit -n`) cannot be raised");
}

/// It is too low.
#[cfg(unix)]
pub(crate) fn too_few_open_files(allowed: u64, needed: usize) {
    tracing::warn!(
        target: TARGET,
        allowed,
        needed,
        "this machine allows fewer open files (`ulimit -n`, LimitNOFILE) than server.limits.connections may need; \
         connections past that wait"
    );
}
