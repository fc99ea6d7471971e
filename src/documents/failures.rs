//! Why a document cannot be had now, in words.

use crate::outgoing::Failure;

/// A fault that has nothing to do with the back end of a handler.
pub(super) fn ours(reason: impl Into<String>) -> Failure {
    Failure { reason: reason.into(), late: false, pause: None }
}

/// The same with the document in front.
pub(super) fn of(document: &str, Failure { reason, late, pause }: Failure) -> Failure {
    Failure { reason: format!("document {}: {}", crate::shown::line(document), reason), late, pause }
}
