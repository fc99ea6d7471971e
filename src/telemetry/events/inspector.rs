//! Those who look at the inbox on the admin address: who has come in, and who could not.

use std::net::IpAddr;
use std::path::PathBuf;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::admin";

/// Somebody has signed in.
pub(crate) fn signed_in(user: &str, role: &str, by: &str, from: IpAddr) {
    let user = crate::shown::printable(user);
    tracing::info!(target: TARGET, user, role, by, %from, "somebody has signed in to look at the inbox");
}

/// Wrong passwords, so many that the next ones are not looked at. Without a user: for names that nobody has, which are
/// not told, as one may be a password in the wrong place.
pub(crate) fn guessed(user: Option<&str>, from: IpAddr) {
    tracing::warn!(
        target: TARGET,
        user,
        %from,
        "somebody gives wrong passwords to look at the inbox: for ten seconds none is looked at from there"
    );
}

/// Nobody can sign in, nor stay so.
pub(crate) fn key_fails((path, error): &(PathBuf, String), times: u64) {
    tracing::warn!(
        target: TARGET,
        path = %path.display(),
        error,
        times,
        "the key of those who look at the inbox cannot be used: nobody can sign in"
    );
}

/// A page or an answer could not be made.
pub(crate) fn panicked(what: Option<&str>) {
    tracing::error!(target: TARGET, what, "an answer to somebody who looks ended in a panic");
}

/// An export ended before its end.
pub(crate) fn export_broken_off(why: &str) {
    tracing::warn!(target: TARGET, why, "an export was broken off: whoever has asked for it has only a part");
}
