//! Callers that are turned away or told to come again, and what is known of the issuers of their access tokens.
//!
//! Anybody can be turned away as often as they like, so that most lines here speak for several calls: for as many as
//! `calls` says, of which the latest is told.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::telemetry::log::in_line;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::listener";

/// A call that was not let in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) from: IpAddr,
    /// Where to, shortened.
    pub(crate) path: String,
    /// Why not.
    pub(crate) reason: String,
    /// The kind of credentials that it came with, if it is a known one.
    pub(crate) scheme: Option<&'static str>,
    /// The user name among them, fit to be shown.
    pub(crate) user: Option<String>,
    /// More about why not; may be empty.
    pub(crate) detail: String,
}

/// A line about a call that was not let in.
macro_rules! call {
    ($level:ident, $call:expr, $($rest:tt)*) => {{
        let Call { from, path, reason, scheme, user, detail } = $call;
        let detail = Some(detail.as_str()).filter(|detail| !detail.is_empty());
        tracing::$level!(target: TARGET, reason, scheme, user = user.as_deref(), detail, %from, path, $($rest)*);
    }};
}

/// One of Tradecloud's addresses got 401 or the like.
pub(crate) fn tradecloud_turned_away(call: &Call, calls: u64) {
    call!(
        error,
        call,
        calls,
        "Tradecloud was turned away, and does not send this event again; correct the portal's settings or the \
         credentials here"
    );
}

/// Another address did.
pub(crate) fn turned_away(call: &Call, calls: u64) {
    call!(warn, call, calls, "a caller was turned away; if it was Tradecloud, it does not send this event again");
}

/// Wrong credentials cost a delay for as long as the grace lasts (`auth_grace`).
pub(crate) fn put_off((call, left): &(Call, Duration), calls: u64) {
    let left = humantime::format_duration(Duration::from_secs(left.as_secs()));
    call!(
        error,
        call,
        calls,
        %left,
        "credentials that worked lately do not work any more: the sender is asked to come again (auth_grace), but \
         when that is over, its events are gone; correct the portal's settings or the credentials here"
    );
}

/// Nobody can say whether credentials are right.
pub(crate) fn in_doubt(call: &Call, calls: u64) {
    call!(warn, call, calls, "whether credentials are right cannot be said now: the sender is asked to come again");
}

/// An access token is good, but not yet.
pub(crate) fn token_too_early(seconds: f64) {
    tracing::warn!(
        target: TARGET,
        seconds = seconds.round(),
        "a good access token begins in the future: is the clock of this machine slow? The sender is asked to come again"
    );
}

/// An access token has expired by our clock, but not by its issuer's.
pub(crate) fn clock_fast((seconds, issuer): &(f64, String), calls: u64) {
    tracing::error!(
        target: TARGET,
        seconds = seconds.round(),
        issuer,
        calls,
        "the clock of this machine is fast: good access tokens have expired by it, but not by their issuer's. The \
         sender is asked to come again; set the clock"
    );
}

/// The keys of an issuer are here.
pub(crate) fn keys_known(issuer: &str, keys: &str) {
    tracing::info!(target: TARGET, issuer, keys, "the keys of an issuer are known");
}

/// They cannot be had, and those from before are used.
pub(crate) fn keys_not_renewed(issuer: &str, trouble: &str, since: Timestamp) {
    tracing::warn!(
        target: TARGET,
        issuer,
        trouble,
        since = %in_line(since),
        "the keys of an issuer cannot be had; the ones known are used on"
    );
}

/// They cannot be had, and there are none.
pub(crate) fn keys_not_had(issuer: &str, trouble: &str) {
    tracing::error!(
        target: TARGET,
        issuer,
        trouble,
        "the keys of an issuer cannot be had; whoever comes with its tokens is asked to come again"
    );
}

/// They are in memory only.
pub(crate) fn keys_not_kept(error: &str) {
    tracing::warn!(
        target: TARGET,
        error,
        "the keys of an issuer cannot be kept on disk; a restart will need the issuer"
    );
}

/// A connection of a trusted proxy does not begin as it has to.
pub(crate) fn proxy_closed(error: &dyn Display) {
    tracing::warn!(target: TARGET, %error, "a connection from a trusted proxy was closed");
}

/// The headers of a trusted proxy contradict each other.
pub(crate) fn proxy_contradicts_itself(peer: IpAddr) {
    tracing::warn!(
        target: TARGET,
        %peer,
        "Forwarded and X-Forwarded-For disagree; neither is believed. Say in server.proxy_header which one the proxy \
         sets"
    );
}
