//! Tells the log about callers that were turned away: what is answered 401 is gone for good, and an
//! operator whose portal has the wrong password must not learn of it from a missing order.
//!
//! Anybody on the internet can be turned away as often as they like, so the lines are few, and say how often it was.
//! Tradecloud's own addresses are counted apart, so that nobody can drown it out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::auth::{AddressList, Presented};
use crate::telemetry::Sparing;
use crate::telemetry::events::callers::{self, Call};

/// Of a path, whoever invented it, so much is logged.
const LONGEST_PATH: usize = 100;

/// Who was turned away last, for those who set up the portal; nobody yet, if there is none.
pub(crate) type LastTurnedAway = Arc<ArcSwapOption<Last>>;

/// Somebody who was turned away.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) at: Timestamp,
    /// Whether it was from one of Tradecloud's addresses.
    pub(crate) is_tradecloud: bool,
    pub(crate) call: Call,
}

/// What was logged lately.
pub(crate) struct TurnedAway {
    last: LastTurnedAway,
    known: AddressList,
    tradecloud: Sparing<Call>,
    others: Sparing<Call>,
    delayed: Sparing<(Call, Duration)>,
    unsure: [Sparing<Call>; 2],
}

impl TurnedAway {
    /// Nobody has been turned away yet.
    pub(crate) fn new() -> Self {
        Self {
            last: LastTurnedAway::default(),
            known: AddressList::tradecloud(),
            tradecloud: Sparing::new(callers::tradecloud_turned_away),
            others: Sparing::new(callers::turned_away),
            delayed: Sparing::new(callers::put_off),
            unsure: [Sparing::new(callers::in_doubt), Sparing::new(callers::in_doubt)],
        }
    }

    /// Notes that somebody was asked to come again though its credentials are wrong (`auth_grace`), for so
    /// much longer.
    pub(crate) fn note_delay(&self, address: IpAddr, path: &str, reason: &str, detail: &Presented, left: Duration) {
        self.delayed.note((call(address, path, reason, detail), left));
    }

    /// Notes that somebody was asked to come again because nobody can say whether its credentials are right.
    pub(crate) fn note_doubt(&self, address: IpAddr, path: &str, reason: &str) {
        let sparing = &self.unsure[usize::from(self.known.contains(address))];
        sparing.note(call(address, path, reason, &Presented::default()));
    }

    /// Notes that somebody was turned away, and why.
    pub(crate) fn note(&self, address: IpAddr, path: &str, reason: &str, detail: &Presented) {
        let is_tradecloud = self.known.contains(address);
        let sparing = if is_tradecloud { &self.tradecloud } else { &self.others };
        sparing.note(call(address, path, reason, detail));
        let last = Last { at: Timestamp::now(), is_tradecloud, call: call(address, path, reason, detail) };
        self.last.store(Some(Arc::new(last)));
    }

    /// Where it is kept who was the last.
    pub(crate) fn last(&self) -> LastTurnedAway {
        Arc::clone(&self.last)
    }
}

impl TurnedAway {
    /// Tells what has not been told yet, because the receiver ends.
    pub(crate) fn tell_rest(&self) {
        [&self.tradecloud, &self.others].into_iter().chain(&self.unsure).for_each(Sparing::tell_rest);
        self.delayed.tell_rest();
    }

    /// Notes a request that would be refused from anybody, and whose caller is not known. Of those who do not even
    /// `try` to show who they are, only Tradecloud is of interest: the others look what there is.
    pub(crate) fn note_stray(&self, address: IpAddr, path: &str, reason: &str, tries: bool) {
        if tries {
            self.note(address, path, reason, &Presented::saying("and it is not known by its credentials"));
        } else if self.known.contains(address) {
            self.note(address, path, reason, &Presented::saying("and there are no credentials"));
        }
    }

    /// Notes that a known caller uses a method that brings no events: what it meant to say is not known here. If it
    /// is Tradecloud, somebody has chosen that on the portal, and nothing gets through until it is changed there.
    pub(crate) fn note_method(&self, address: IpAddr, path: &str, reason: &str) {
        if self.known.contains(address) {
            self.note(address, path, reason, &Presented::saying("and the credentials are right"));
        }
    }
}

fn call(from: IpAddr, path: &str, reason: &str, detail: &Presented) -> Call {
    let Presented { scheme, user, detail } = detail.clone();
    Call { from, path: path.chars().take(LONGEST_PATH).collect(), reason: reason.to_owned(), scheme, user, detail }
}
