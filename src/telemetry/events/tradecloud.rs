//! What is fetched and polled at Tradecloud.

use std::fmt::Display;

use super::{About, about, beginning};

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::tradecloud";

/// What a notice was about has come before.
pub(crate) fn known(event: About<'_>) {
    about!(info, event, "fetched: its state had come before, and is not handed on again");
}

/// What the inbox knows of an earlier version has not been read.
pub(crate) fn polls_wait() {
    tracing::info!(
        target: TARGET,
        "polls begin once all events of an earlier version are read for the numbers in them: until then nobody can tell \
         what is known"
    );
}

/// A poll brought something.
pub(crate) fn polled(of: &str, new: usize, missed: usize, known: usize) {
    tracing::info!(target: TARGET, of, new, missed, known, "polled");
}

/// A poll did not work.
pub(crate) fn poll_failed(of: &str, error: &dyn Display) {
    tracing::warn!(target: TARGET, of, %error, "a poll did not work; the next one begins where this one did");
}

/// No poll has worked for a long time.
pub(crate) fn polls_fail(of: &str, error: &dyn Display) {
    tracing::error!(
        target: TARGET,
        of,
        %error,
        "no poll has worked for a quarter of an hour: what changes at Tradecloud does not come this way; nothing is lost, \
         the next poll that works begins where the last one ended"
    );
}

/// They work again.
pub(crate) fn polls_again(of: &str) {
    tracing::info!(target: TARGET, of, "polls work again");
}

/// The platform gives its entries in no order.
pub(crate) fn out_of_order(of: &str) {
    tracing::warn!(
        target: TARGET,
        of,
        "what was polled is not in the order of its times: all of it is read until nothing new comes"
    );
}

/// An entry of a poll is no event.
pub(crate) fn no_event(of: &str, id: &str, error: &dyn Display) {
    let id = beginning(id);
    tracing::error!(target: TARGET, of, %id, %error, "an entry of a poll is left out: it cannot be read as what it is");
}

/// The webhook did not bring a state that the platform has. It is handed on now.
pub(crate) fn missed(id: &str, number: Option<&str>, of: &str, updated: Option<&str>) {
    let number = number.map(beginning);
    tracing::error!(
        target: TARGET,
        id,
        number = number.as_deref(),
        of,
        updated,
        "the webhook did not bring this state; it is handed on now. Look at the portal's settings, and whether anything \
         between refused or lost it"
    );
}

/// More were missed than were told.
pub(crate) fn more_missed(of: &str, more: usize) {
    tracing::error!(target: TARGET, of, more, "the webhook did not bring more states; see `events list --origin missed`");
}

/// This receiver is the one that fetches and polls.
pub(crate) fn leads() {
    tracing::info!(target: TARGET, "this receiver fetches and polls at Tradecloud");
}

/// Another receiver does, or this one cannot tell.
pub(crate) fn leads_no_more() {
    tracing::info!(target: TARGET, "this receiver does not fetch and poll any more: another one does, or will");
}

/// The polls ended by a fault of ours.
pub(crate) fn polling_ended() {
    tracing::error!(target: TARGET, "polling ended by itself, which it never should; it begins anew");
}

// Of the API itself, when we are the ones who ask.

/// User name or password are wrong. `table` is where they stand in the configuration.
pub(crate) fn account_refused(table: &str, reason: &str, pause: &str) {
    tracing::error!(
        target: TARGET,
        table,
        reason,
        pause,
        "Tradecloud does not let us in: correct `username` and `password`. Until then nothing is fetched, and what \
         there is to fetch waits; it is tried again after the pause, or once the configuration has changed"
    );
}

/// They are good again.
pub(crate) fn account_taken(table: &str) {
    tracing::info!(target: TARGET, table, "Tradecloud lets us in again");
}

/// The login works, and what it gave is not taken.
pub(crate) fn not_allowed(reason: &str) {
    tracing::error!(
        target: TARGET,
        reason,
        "Tradecloud lets us in, but not to what is asked for: the account needs the role `integration`, and `buyer` or \
         `supplier`. Tradecloud's support gives them"
    );
}

/// Sessions end one after the other.
pub(crate) fn logins_held(logins: usize, left: &str) {
    tracing::warn!(
        target: TARGET,
        logins,
        left,
        "too many logins: another program may use the same account, and end our sessions. Give each its own; the next \
         login waits, so that the account is not banned"
    );
}

/// It has failed several times in a row.
pub(crate) fn away(host: &str, reason: &str) {
    tracing::warn!(
        target: TARGET,
        host,
        reason,
        "Tradecloud's API is away or out of order; it is asked ever more seldom, and what there is to fetch waits"
    );
}

/// And now it works.
pub(crate) fn back(host: &str) {
    tracing::info!(target: TARGET, host, "Tradecloud's API is back");
}
