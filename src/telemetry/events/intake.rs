//! Events that come in, and bodies that are refused.

use std::fmt::Display;
use std::net::IpAddr;

use super::{About, about};

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::listener";

/// An event is safe: on disk, or committed.
pub(crate) fn stored(event: About<'_>, unwanted: bool, from: &str, credential: Option<&str>) {
    about!(info, event, unwanted, from, credential, "event stored");
}

/// An event has come that is there already: nothing is stored anew.
pub(crate) fn repeated(event: About<'_>, unwanted: bool, from: &str, credential: Option<&str>) {
    about!(info, event, unwanted, from, credential, "event repeated");
}

/// An event goes to the handlers at once: there is no inbox.
pub(crate) fn received(event: About<'_>, unwanted: bool, from: &str, credential: Option<&str>) {
    about!(info, event, unwanted, from, credential, "event received");
}

/// There is no inbox, and no handler wants the event.
pub(crate) fn kept_nowhere(event: About<'_>) {
    about!(warn, event, "no handler wants this event, and there is no inbox: it is kept nowhere");
}

/// An event has the `messageId` of another one.
pub(crate) fn beside(event: About<'_>, other: &str) {
    about!(
        warn,
        event,
        other,
        "an event has the messageId of another one but does not say the same: it is an event of its own"
    );
}

/// An event without a `messageId` has the body of another one.
pub(crate) fn same_body_again(event: About<'_>, other: &str) {
    about!(info, event, other, "the same body came before, and other events of its order or shipment since");
}

/// An event could not be stored.
pub(crate) fn not_stored(event: About<'_>, error: &dyn Display) {
    about!(error, event, %error, "an event could not be stored; the sender will repeat it");
}

/// What a GET webhook says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice<'a> {
    /// What the id is, such as `orderId`.
    pub(crate) what: &'static str,
    /// The id of what has changed.
    pub(crate) of: &'a str,
    /// Where it came from.
    pub(crate) from: &'a str,
}

/// A line about a notice, which is no event yet: it goes by the id of what it is about.
macro_rules! notice {
    ($level:ident, $id:expr, $notice:expr, $($rest:tt)*) => {{
        let Notice { what, of, from } = $notice;
        let of = &*super::beginning(of);
        about!($level, About { id: $id, ..About::default() }, what, of, from, $($rest)*);
    }};
}

/// A notice is safe: on disk, or committed.
pub(crate) fn notice_stored(id: &str, notice: Notice<'_>, credential: Option<&str>) {
    notice!(info, Some(id), notice, credential, "notice stored; what it is about is fetched");
}

/// A notice has come of what waits to be fetched: it is fetched once.
pub(crate) fn notice_repeated(id: &str, notice: Notice<'_>, credential: Option<&str>) {
    notice!(info, Some(id), notice, credential, "notice repeated");
}

/// A notice could not be stored.
pub(crate) fn notice_not_stored(notice: Notice<'_>, error: &dyn Display) {
    notice!(error, None, notice, %error, "a notice could not be stored; the sender will repeat it");
}

/// What a notice is about could not be fetched, and there is no inbox to keep the notice in.
pub(crate) fn not_fetched(notice: Notice<'_>, reason: &str) {
    notice!(warn, None, notice, reason, "what has changed could not be fetched; the sender will repeat its call");
}

/// What the handlers made of an event cannot be told to its sender.
pub(crate) fn fate_unknown(event: About<'_>, error: &dyn Display) {
    about!(error, event, %error, "the inbox does not say what became of an event; the sender will repeat it");
}

/// A body broke off.
pub(crate) fn broke_off(reason: &str, from: IpAddr) {
    tracing::warn!(target: TARGET, reason, %from, "a body did not arrive whole; the sender will repeat it");
}

/// There is more to do than can be done.
pub(crate) fn overloaded(calls: u64) {
    tracing::warn!(
        target: TARGET,
        calls,
        "there is more to do than can be done (server.limits, or a slow disk): some are told to come again"
    );
}

/// A request ended in a panic.
pub(crate) fn panicked(what: Option<&str>) {
    tracing::error!(target: TARGET, what, "a request ended in a panic; the sender will repeat it");
}

/// A body that is refused, from somebody who has the right credentials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused<'a> {
    /// The event that it is, as far as that can be read.
    pub(crate) event: About<'a>,
    /// Why it is refused.
    pub(crate) reason: &'a str,
    /// Its size in bytes.
    pub(crate) size: usize,
    /// Where it came from.
    pub(crate) from: &'a str,
    /// The credential that it came with.
    pub(crate) credential: Option<&'a str>,
}

/// A line about a body that is refused.
macro_rules! refused {
    ($level:ident, $body:expr, $($rest:tt)*) => {{
        let Refused { event, reason, size, from, credential } = *$body;
        about!($level, event, reason, size, from, credential, $($rest)*);
    }};
}

/// A body was refused, and is kept under the id of `body.event`.
pub(crate) fn refused(body: &Refused<'_>) {
    refused!(warn, body, "a body was refused and kept; look at it with `events show`");
}

/// The same, and its sender was answered as anybody would have been.
pub(crate) fn refused_unsaid(body: &Refused<'_>) {
    refused!(
        warn,
        body,
        "a body was refused and kept; look at it with `events show`. Its sender was not told that it is known"
    );
}

/// A body was refused, and nobody keeps it.
pub(crate) fn refused_and_lost(body: &Refused<'_>) {
    refused!(error, body, "a body was refused, and is lost: there is no inbox to keep it in (inbox.store = \"none\")");
}

/// A body was refused and answered, and then could not be kept.
pub(crate) fn refused_and_lost_after(body: &Refused<'_>, error: &dyn Display) {
    refused!(error, body, %error, "a body was refused, and is lost: it could not be kept");
}

/// A body that is refused could not be kept, so that it is not answered with that.
pub(crate) fn refused_and_not_kept(body: &Refused<'_>, error: &dyn Display) {
    refused!(error, body, %error, "a refused body could not be kept; the sender will repeat it");
}

/// What a notice is about has been fetched, and is safe.
pub(crate) fn fetched(event: About<'_>, unwanted: bool) {
    about!(info, event, unwanted, "fetched and stored");
}
