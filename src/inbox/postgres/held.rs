//! What this process works on: the claims that it believes to be its own.
//!
//! The database says who owns a lane; this says which attempts go on here, also when the database has
//! given their lane to somebody else. And it remembers claims that were given up without the database
//! having heard of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::inbox::{Claim, Due};

/// How often the database is told of a claim that was given up: one that was under way when the
/// connection broke may become real a little later.
const TOLD: u8 = 30;

/// Claims of this process.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    /// By handler and lane.
    lanes: HashMap<(String, i64), Mine>,
    /// Tokens whose claims are to be removed, and how often that is still to be said.
    dropped: Vec<(i64, u8)>,
}

#[derive(Clone, Copy)]
struct Mine {
    token: i64,
    /// The end of the attempt was sent to the database once, and no answer came.
    perhaps_ended: bool,
}

/// A number that no other claim has.
pub(super) fn token() -> i64 {
    // A part of each half is not random; where it is, the other half is.
    let (one, other) = Uuid::new_v4().as_u64_pair();
    i64::from_be_bytes((one ^ other).to_be_bytes())
}

impl Held {
    /// The lanes of `handler` where an attempt goes on.
    pub(super) fn lanes(&self, handler: &str) -> Vec<i64> {
        self.inside().lanes.keys().filter(|(by, _)| by == handler).map(|(_, lane)| *lane).collect()
    }

    /// Notes what was claimed.
    pub(super) fn add(&self, due: &Due, token: i64) {
        let mine = Mine { token, perhaps_ended: false };
        self.inside().lanes.extend(due.claims.iter().map(|claim| (place(claim), mine)));
    }

    /// The token of a claim.
    pub(super) fn token(&self, claim: &Claim) -> Option<i64> {
        self.inside().lanes.get(&place(claim)).map(|mine| mine.token)
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

    /// The database is to be told that the claims with this token are over.
    pub(super) fn drop_token(&self, token: i64) {
        self.inside().dropped.push((token, TOLD));
    }

    /// What the database is to be told.
    pub(super) fn dropped(&self) -> Vec<i64> {
        self.inside().dropped.iter().map(|(token, _)| *token).collect()
    }

    /// The database was told.
    pub(super) fn forget(&self, told: &[i64]) {
        let mut inside = self.inside();
        for (token, times) in &mut inside.dropped {
            if told.contains(token) {
                *times -= 1;
            }
        }
        inside.dropped.retain(|(_, times)| *times > 0);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(claim: &Claim) -> (String, i64) {
    (claim.handler.clone(), claim.lane)
}
