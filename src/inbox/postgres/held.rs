//! What this process works on: the claims that it believes to be its own.
//!
//! The database says who owns a lane; this says which attempts go on here, also when the database has
//! given their lane to somebody else. And it knows which claims of this receiver in the database nobody here
//! knows: one that was under way when its connection broke may become real at any time later.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::inbox::{Claim, Due};

/// Claims of this process.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    /// By handler and lane.
    lanes: HashMap<(String, i64), Mine>,
    /// The tokens of claims that are being made.
    making: HashSet<i64>,
}

#[derive(Clone, Copy)]
struct Mine {
    token: i64,
    /// The end of the attempt was sent to the database once, and no answer came.
    perhaps_ended: bool,
}

/// A claim as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) handler: String,
    pub(super) lane: i64,
    pub(super) token: i64,
}

/// A claim that is being made. Dropped, it was given up, whatever becomes of it in the database.
pub(super) struct Making<'a> {
    held: &'a Held,
    token: i64,
}

impl Making<'_> {
    /// A number that no other claim has.
    pub(super) fn token(&self) -> i64 {
        self.token
    }

    /// It was made.
    pub(super) fn made(self, due: &Due) {
        let mine = Mine { token: self.token, perhaps_ended: false };
        self.held.inside().lanes.extend(due.claims.iter().map(|claim| (place(claim), mine)));
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.held.inside().making.remove(&self.token);
    }
}

impl Held {
    /// The lanes of `handler` where an attempt goes on.
    pub(super) fn lanes(&self, handler: &str) -> Vec<i64> {
        self.inside().lanes.keys().filter(|(by, _)| by == handler).map(|(_, lane)| *lane).collect()
    }

    /// Begins to make a claim. To be called before the database hears of its token.
    pub(super) fn making(&self) -> Making<'_> {
        // A part of each half is not random; where it is, the other half is.
        let (one, other) = Uuid::new_v4().as_u64_pair();
        let token = i64::from_be_bytes((one ^ other).to_be_bytes());
        self.inside().making.insert(token);
        Making { held: self, token }
    }

    /// Those of the claims, which the database has as those of this receiver, that nobody here knows. They were
    /// given up, and nobody will know them again: a claim is known before it is in the database.
    pub(super) fn strangers(&self, mut found: Vec<Owned>) -> Vec<Owned> {
        let inside = self.inside();
        found.retain(|Owned { handler, lane, token }| {
            let held = inside.lanes.get(&(handler.clone(), *lane)).is_some_and(|mine| mine.token == *token);
            !held && !inside.making.contains(token)
        });
        found
    }

    /// The token of a claim.
    pub(super) fn token(&self, claim: &Claim) -> Option<i64> {
        self.inside().lanes.get(&place(claim)).map(|mine| mine.token)
    }

    /// The token of what goes on in that lane by that handler.
    pub(super) fn token_in(&self, handler: &str, lane: i64) -> Option<i64> {
        self.inside().lanes.get(&(handler.to_owned(), lane)).map(|mine| mine.token)
    }

    /// Notes that nobody knows whether the database has heard of the attempt's end.
    pub(super) fn perhaps_ended(&self, claim: &Claim) {
        if let Some(mine) = self.inside().lanes.get_mut(&place(claim)) {
            mine.perhaps_ended = true;
        }
    }

    /// Whether the database may have heard of the attempt's end before.
    pub(super) fn has_perhaps_ended(&self, claim: &Claim) -> bool {
        self.inside().lanes.get(&place(claim)).is_some_and(|mine| mine.perhaps_ended)
    }

    /// How many attempts go on.
    pub(super) fn count(&self) -> usize {
        self.inside().lanes.len()
    }

    /// The attempt has ended; returns the token of its claim.
    pub(super) fn remove(&self, claim: &Claim) -> Option<i64> {
        self.inside().lanes.remove(&place(claim)).map(|mine| mine.token)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let inside = self.inside();
        inside.lanes.is_empty() && inside.making.is_empty()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(claim: &Claim) -> (String, i64) {
    (claim.handler.clone(), claim.lane)
}
