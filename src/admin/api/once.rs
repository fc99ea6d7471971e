//! What is sent again under the same `Idempotency-Key` is done once, and answered the same.
//!
//! The key, with who has sent it and the day, is the id of the action. The inbox keeps that with what was done, and does
//! nothing twice under one id, so that a key is known after a restart and to other receivers. Answers are remembered
//! besides, as far as there is room.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Mutex as Turns;
use uuid::Uuid;

use super::Refused;
use crate::respond::{self, Done};

/// Answers that are remembered,
const ANSWERS: usize = 256;
/// and how many of them are made at a time, of different keys.
const TURNS: usize = 64;
/// So long a key is known.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A request that is done once.
#[derive(Debug, Clone)]
pub(super) struct Once {
    /// What it is known by if it is done now,
    today: Uuid,
    /// and if it was done yesterday.
    yesterday: Uuid,
    /// Of what it asks for.
    request: Vec<u8>,
}

impl Once {
    /// Of that person under that key.
    pub(super) fn new(who: &str, key: &str, request: &str) -> Self {
        let day = Timestamp::now().as_second().div_euclid(DAY.as_secs());
        let id = |day: i64| {
            let whole = digest(&SHA256, format!("{}:{who}{day}:{key}", who.len()).as_bytes());
            let mut id = [0; 16];
            id.copy_from_slice(&whole.as_ref()[..16]);
            Uuid::new_v8(id)
        };
        let request = digest(&SHA256, request.as_bytes()).as_ref().to_vec();
        Self { today: id(day), yesterday: id(day - 1), request }
    }
}

/// The id of an action, and those under which it may have been done before.
pub(super) struct Ids {
    pub(super) new: Uuid,
    pub(super) before: Vec<Uuid>,
}

/// The answers that were given.
pub(super) struct Answers {
    given: Mutex<VecDeque<Given>>,
    turns: [Turns<()>; TURNS],
}

struct Given {
    id: Uuid,
    request: Vec<u8>,
    at: Timestamp,
    done: Done,
    answer: Value,
}

impl Default for Answers {
    fn default() -> Self {
        Self { given: Mutex::default(), turns: std::array::from_fn(|_| Turns::new(())) }
    }
}

impl Answers {
    /// Does what is asked for, unless it was done.
    pub(super) async fn once(
        &self,
        once: Option<Once>,
        work: impl AsyncFnOnce(Ids) -> Result<(Done, Value), Refused>,
    ) -> Result<Response, Refused> {
        let Some(once) = once else {
            let (done, answer) = work(Ids { new: Uuid::new_v4(), before: Vec::new() }).await?;
            return Ok(respond::done(done, &answer));
        };
        // Whoever sends it at the same time waits for the answer.
        let turn = usize::from(once.today.as_bytes()[0]) % TURNS;
        let _turn = self.turns[turn].lock().await;
        if let Some(known) = self.known(&once)? {
            return Ok(known);
        }
        let ids = Ids { new: once.today, before: vec![once.today, once.yesterday] };
        let (done, answer) = work(ids).await?;
        let response = respond::done(done, &answer);
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.push_front(Given { id: once.today, request: once.request, at: Timestamp::now(), done, answer });
        given.truncate(ANSWERS);
        Ok(response)
    }

    fn known(&self, once: &Once) -> Result<Option<Response>, Refused> {
        let since = Timestamp::now().saturating_sub(DAY).unwrap_or(Timestamp::MIN);
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let known = given.iter().find(|one| [once.today, once.yesterday].contains(&one.id) && one.at > since);
        match known {
            None => Ok(None),
            Some(known) if known.request == once.request => Ok(Some(respond::done(known.done, &known.answer))),
            Some(_) => Err(another()),
        }
    }
}

/// The key is that of something else.
pub(super) fn another() -> Refused {
    Refused::unfit("this Idempotency-Key was sent with another request within a day: take a new one for each")
}
