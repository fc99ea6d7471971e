//! Why the API gave no answer that is of use, by what the caller does then.

use std::time::Duration;

use crate::outgoing::Failure;

/// Each has its reason in words for people, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// There is nothing by that id, or it is not visible to this account.
    #[error("{0}")]
    NotFound(String),
    /// The account is known, but may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The login was refused, or is not tried again yet after that.
    #[error("{0}")]
    Credentials(String),
    /// The login works, and this request was refused all the same: it may be for the rights of the account, or because
    /// another session came in between.
    #[error("{0}")]
    NotAllowed(String),
    /// This request was answered with what is of no use. Another one may fare better.
    #[error("{reason}")]
    Useless {
        /// In words.
        reason: String,
        /// The server wants to be asked no sooner.
        pause: Option<Duration>,
    },
    /// Nothing more is asked by these settings: others have taken their place, or the receiver ends.
    #[error("not asked any more: [tradecloud] has changed, or the receiver ends")]
    Over,
    /// All that may be better later.
    #[error("{reason}")]
    Unavailable {
        /// In words.
        reason: String,
        /// It may be there, but did not answer in time.
        late: bool,
        /// Before that is over, nothing is asked anyway.
        pause: Option<Duration>,
    },
}

impl ApiError {
    /// Something that may be better later, nobody knows when.
    pub(super) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), late: false, pause: None }
    }

    /// Something that cannot be better before `pause` is over.
    pub(super) fn paused(reason: impl Into<String>, pause: Duration) -> Self {
        Self::Unavailable { reason: reason.into(), late: false, pause: Some(pause) }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable { reason: failure.reason, late: failure.late, pause: failure.pause }
    }
}
