//! What is told of the documents of events.

use std::path::Path;

use super::{About, about};

/// The stage whose lines these are, as filters by module name it (`log.level`).
const TARGET: &str = "tradecloud_webhook::documents";

/// A document was fetched and is on disk.
pub(crate) fn taken(event: About<'_>, document: &str, file: &Path, size: u64) {
    let document = super::beginning(document);
    about!(info, event, document = &*document, file = %file.display(), size, "a document was fetched");
}

/// A document is gone for good, too large, or not to be had by the rules.
pub(crate) fn missing(event: About<'_>, document: &str, reason: &str) {
    let document = super::beginning(document);
    about!(
        warn,
        event,
        document = &*document,
        reason,
        "a document is not to be had: its event goes to the handlers without it"
    );
}

/// Tradecloud does not let us have a document, which only a person can change.
pub(crate) fn forbidden(event: About<'_>, document: &str, reason: &str) {
    let document = super::beginning(document);
    about!(
        error,
        event,
        document = &*document,
        reason,
        "Tradecloud does not let this account have a document: its events wait. Have support@tradecloud1.com give the \
         account the role for documents"
    );
}

/// Documents have gone, as their events have.
pub(crate) fn removed(removed: usize) {
    tracing::info!(target: TARGET, removed, "documents that no event names any more were removed");
}

/// Parts of documents were there from before.
pub(crate) fn remains_removed(removed: usize) {
    tracing::info!(target: TARGET, removed, "removed parts of documents; those are fetched again");
}
