//! Tells the log about callers that were turned away: what is answered 401 is gone for good, and an
//! operator whose portal has the wrong password must not learn of it from a missing order.
//!
//! Anybody on the internet can be turned away as often as they like, so the lines are few. Tradecloud's
//! own addresses are counted apart, so that nobody can drown it out.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::auth::AddressList;
use crate::listener::sparing::Sparing;

/// Of a path, whoever invented it, so much is logged.
const LONGEST_PATH: usize = 100;

/// What was logged lately.
pub(crate) struct TurnedAway {
    known: AddressList,
    tradecloud: Sparing,
    others: Sparing,
    delayed: Sparing,
    unsure: [Sparing; 2],
}

impl TurnedAway {
    /// Nobody has been turned away yet.
    pub(crate) fn new() -> Self {
        Self {
            known: AddressList::tradecloud(),
            tradecloud: Sparing::default(),
            others: Sparing::default(),
            delayed: Sparing::default(),
            unsure: Default::default(),
        }
    }

    /// Notes that somebody was asked to come again though its credentials are wrong (`auth_grace`), for so
    /// much longer; `detail` may be empty.
    pub(crate) fn note_delay(&self, address: IpAddr, path: &str, reason: &str, detail: &str, left: Duration) {
        let Some(unsaid) = self.delayed.speak(Instant::now()) else { return };
        let detail = Some(detail).filter(|detail| !detail.is_empty());
        let left = Duration::from_secs(left.as_secs());
        tracing::error!(
            reason,
            detail,
            from = %address,
            path = ?shortened(path),
            unsaid,
            left = %humantime::format_duration(left),
            "credentials that worked lately do not work any more: the sender is asked to come again (auth_grace), but \
             when that is over, its events are gone; correct the portal's settings or the credentials here"
        );
    }

    /// Notes that somebody was asked to come again because nobody can say whether its credentials are right.
    pub(crate) fn note_doubt(&self, address: IpAddr, path: &str, reason: &str) {
        let sparing = &self.unsure[usize::from(self.known.contains(address))];
        let Some(unsaid) = sparing.speak(Instant::now()) else { return };
        tracing::warn!(
            reason,
            from = %address,
            path = ?shortened(path),
            unsaid,
            "whether credentials are right cannot be said now: the sender is asked to come again"
        );
    }

    /// Notes that somebody was turned away, and why; `detail` may be empty.
    pub(crate) fn note(&self, address: IpAddr, path: &str, reason: &str, detail: &str) {
        let is_tradecloud = self.known.contains(address);
        let sparing = if is_tradecloud { &self.tradecloud } else { &self.others };
        let Some(unsaid) = sparing.speak(Instant::now()) else { return };
        let detail = Some(detail).filter(|detail| !detail.is_empty());
        let path = shortened(path);
        if is_tradecloud {
            tracing::error!(
                reason,
                detail,
                from = %address,
                ?path,
                unsaid,
                "Tradecloud was turned away, and does not send this event again; correct the portal's settings or the \
                 credentials here"
            );
        } else {
            tracing::warn!(
                reason,
                detail,
                from = %address,
                ?path,
                unsaid,
                "a caller was turned away; if it was Tradecloud, it does not send this event again"
            );
        }
    }
}

impl TurnedAway {
    /// Notes a request that would be refused from anybody, and whose caller is not known. Of those who do not even
    /// `try` to show who they are, only Tradecloud is of interest: the others look what there is.
    pub(crate) fn note_stray(&self, address: IpAddr, path: &str, reason: &str, tries: bool) {
        if tries {
            self.note(address, path, reason, "and it is not known by its credentials");
        } else if self.known.contains(address) {
            self.note(address, path, reason, "and there are no credentials");
        }
    }

    /// Notes that a known caller uses a method that brings no events: what it meant to say is not known here. If it
    /// is Tradecloud, somebody has chosen that on the portal, and nothing gets through until it is changed there.
    pub(crate) fn note_method(&self, address: IpAddr, path: &str, reason: &str) {
        if self.known.contains(address) {
            self.note(address, path, reason, "and the credentials are right");
        }
    }
}

fn shortened(path: &str) -> String {
    path.chars().take(LONGEST_PATH).collect()
}
