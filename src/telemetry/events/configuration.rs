//! The configuration, read at the start and again.

use std::fmt::Display;
use std::path::Path;

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::reload";

/// Where it was read at the start.
pub(crate) fn read(file: &Path) {
    tracing::info!(target: TARGET, file = %file.display(), "configuration read");
}

/// Something that `check` warns of.
pub(crate) fn doubtful(problem: &dyn Display) {
    tracing::warn!(target: TARGET, "{problem}");
}

/// Something that is wrong with a new configuration.
pub(crate) fn wrong(problem: &dyn Display) {
    tracing::error!(target: TARGET, "{problem}");
}

/// A new configuration is not put in place.
pub(crate) fn refused() {
    tracing::error!(
        target: TARGET,
        "the new configuration is refused as a whole; the receiver goes on with the old one"
    );
}

/// A new configuration is in place: these keys are new or different, those are gone.
pub(crate) fn reloaded(changed: &[String], removed: &[String]) {
    let listed = |keys: &[String]| (!keys.is_empty()).then(|| keys.join(", "));
    let (changed, removed) = (listed(changed), listed(removed));
    tracing::info!(target: TARGET, changed, removed, "configuration reloaded");
}

/// It says nothing new.
pub(crate) fn unchanged() {
    tracing::info!(target: TARGET, "configuration read again: nothing has changed");
}

/// It says nothing new, but the one before was refused.
pub(crate) fn good_again() {
    tracing::info!(target: TARGET, "configuration read again: it is good again, and as it was before");
}

/// Nothing of what has changed takes effect; each is said.
pub(crate) fn waits_for_restart() {
    tracing::info!(target: TARGET, "configuration read again: all that has changed takes a restart");
}

/// A key has changed that is read at the start only.
pub(crate) fn needs_restart(key: &str) {
    tracing::warn!(target: TARGET, "`{key}` has changed, but takes effect only after a restart; the old value stays");
}

/// Somebody writes into a file of the configuration, and has for long.
pub(crate) fn written_for_long(file: &Path) {
    tracing::warn!(
        target: TARGET,
        "{} is being written for long: it is read once the writer has closed it",
        file.display()
    );
}

/// Somebody writes into a file that is to be read now.
pub(crate) fn being_written(file: &Path) {
    tracing::info!(target: TARGET, "{} is being written: it is read once the writer has closed it", file.display());
}

/// It takes too long to wait for him.
pub(crate) fn read_while_open(file: &Path) {
    tracing::warn!(
        target: TARGET,
        "{} is still open to somebody who writes into it; it is read now as it is",
        file.display()
    );
}

/// Some files cannot be watched.
pub(crate) fn not_watched(error: &dyn Display) {
    tracing::warn!(
        target: TARGET,
        %error,
        "changes of some files are not heard at once, but within a minute, or at SIGHUP"
    );
}
