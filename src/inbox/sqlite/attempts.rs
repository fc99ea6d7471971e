//! Statements on attempts: those that go on, which the process may not survive, and those that have ended.
//!
//! A note that one begins need not outlive a power cut, since that is nobody's attempt's doing. So it costs
//! no sync.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{micros, notices};
use crate::inbox::stored::{ATTEMPTS_KEPT, FIRST_KEPT};
use crate::inbox::{Attempt, Claim};

/// Notes that an attempt begins, if it is to be noted; returns whether it is still its turn, in the round that it was
/// claimed in. Only the first of a lane
/// has a time when it is due.
pub(super) fn begin(db: &Connection, claim: &Claim, at: Option<Timestamp>) -> rusqlite::Result<bool> {
    let begun = db
        .prepare_cached(
            "UPDATE deliveries SET begun = coalesce(?3, begun)
             WHERE event = ?1 AND handler = ?2 AND state = 0 AND due IS NOT NULL AND round = ?5
               AND EXISTS (SELECT 1 FROM events WHERE number = ?1 AND key = ?4)",
        )?
        .execute(params![claim.event, claim.handler, at.map(micros), claim.key.0, claim.round])?;
    if begun > 0 {
        notices::begin(db, claim)?;
    }
    Ok(begun > 0)
}

/// Takes that back: it did not end, and the process lives.
pub(super) fn take_back(db: &Connection, claim: &Claim) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE deliveries SET begun = NULL WHERE event = ?1 AND handler = ?2 AND begun IS NOT NULL")?
        .execute(params![claim.event, claim.handler])?;
    notices::take_back(db, claim)
}

/// Takes all of them back: the process ends because it is told to.
pub(super) fn take_all_back(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE deliveries SET begun = NULL WHERE begun IS NOT NULL", []).map(drop)
}

/// Counts what the last process has left begun as attempts that it did not survive.
pub(super) fn count_ends(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE deliveries SET ends = ends + (state = 0), begun = NULL WHERE begun IS NOT NULL", []).map(drop)
}

/// Keeps an attempt that has ended, if its event is there; of one that was erased meanwhile, nothing of what was said.
/// What was kept of earlier rounds is never removed for it. It is kept once: a commit that counts as failed may be there
/// all the same, and is made again.
pub(super) fn keep(db: &Connection, claim: &Claim, attempt: &Attempt, reason: Option<&str>) -> rusqlite::Result<()> {
    let number = claim.attempts + 1;
    let erased = db.prepare_cached("SELECT 1 FROM erased WHERE event = ?1")?.exists([claim.event])?;
    let (answer, reason) = if erased { (None, None) } else { (attempt.answer.as_deref(), reason) };
    db.prepare_cached(
        "INSERT INTO attempts (event, handler, round, attempt, begun, took, ending, status, answer, reason)
         SELECT number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM events WHERE number = ?1 AND key = ?11
           AND NOT EXISTS (SELECT 1 FROM attempts WHERE event = ?1 AND handler = ?2 AND round = ?3 AND attempt = ?4
                           AND begun = ?5)",
    )?
    .execute(params![
        claim.event,
        claim.handler,
        claim.round,
        number,
        micros(attempt.begun),
        i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX),
        attempt.ending.as_str(),
        attempt.status,
        answer,
        reason,
        claim.key.0,
    ])?;
    if number > FIRST_KEPT + ATTEMPTS_KEPT {
        db.prepare_cached(
            "DELETE FROM attempts WHERE event = ?1 AND handler = ?2 AND round = ?3 AND attempt > ?4 AND attempt <= ?5",
        )?
        .execute(params![claim.event, claim.handler, claim.round, FIRST_KEPT, number - ATTEMPTS_KEPT])?;
    }
    Ok(())
}
