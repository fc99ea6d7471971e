//! The certificate, and the CA that gives it.

use std::fmt::Display;

use jiff::Timestamp;

use crate::telemetry::log::in_line;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::listener";

/// The certificate in the files is in use.
pub(crate) fn in_use(expires: Timestamp, days_left: Option<i64>) {
    tracing::info!(target: TARGET, expires = %in_line(expires), days_left, "the certificate in use");
}

/// The CA gave one.
pub(crate) fn new_in_use(expires: Timestamp, days_left: i64) {
    tracing::info!(target: TARGET, expires = %in_line(expires), days_left, "a new certificate is in use");
}

/// The one there is has not all the names that it needs.
pub(crate) fn for_other_names() {
    tracing::info!(target: TARGET, "the certificate is for other names than server.tls.acme.domains; getting one");
}

/// There is none from the CA, but another one.
pub(crate) fn awaited_with_another() {
    tracing::info!(
        target: TARGET,
        "getting a certificate from the CA; the one that was in use before serves until then"
    );
}

/// There is none at all.
pub(crate) fn awaited_with_none() {
    tracing::warn!(
        target: TARGET,
        "there is no certificate yet; getting one from the CA. Until then nobody can connect, and Tradecloud tries again"
    );
}

/// The CA gave none, and there is none.
pub(crate) fn none(error: &dyn Display, next: Timestamp) {
    tracing::error!(target: TARGET, next = %in_line(next), "no certificate: {error:#}");
}

/// The CA gave none, but there is another one.
pub(crate) fn none_but_another(error: &dyn Display, next: Timestamp) {
    tracing::warn!(target: TARGET, next = %in_line(next), "no certificate from the CA yet, the one before it serves on: {error:#}");
}

/// The CA gave no new one, and the old one ends soon.
pub(crate) fn not_renewed_and_late(error: &dyn Display, next: Timestamp, days_left: i64) {
    tracing::error!(target: TARGET, next = %in_line(next), days_left, "the certificate was not renewed: {error:#}");
}

/// The CA gave no new one, and there is time.
pub(crate) fn not_renewed(error: &dyn Display, next: Timestamp, days_left: i64) {
    tracing::warn!(target: TARGET, next = %in_line(next), days_left, "the certificate was not renewed: {error:#}");
}

/// The CA gave one, which is in memory only.
pub(crate) fn not_kept(error: &dyn Display) {
    tracing::error!(
        target: TARGET,
        "the new certificate is used, but a restart would have to ask the CA again: {error:#}"
    );
}

/// The CA made an account.
pub(crate) fn account_made(directory: &dyn Display) {
    tracing::info!(target: TARGET, %directory, "an account with the CA was made");
}

/// The CA has forgotten the account.
pub(crate) fn account_unknown() {
    tracing::warn!(target: TARGET, "the CA does not know the account any more; making another one");
}

/// The account cannot be read.
pub(crate) fn account_useless(error: &dyn Display) {
    tracing::warn!(target: TARGET, "the account with the CA is of no use; making another one: {error:#}");
}
