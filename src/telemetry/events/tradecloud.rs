//! What is told of Tradecloud's own API, when we are the ones who ask.

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::tradecloud";

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
