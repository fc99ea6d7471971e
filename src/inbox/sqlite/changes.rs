//! Statements for what people do to deliveries: deliver at once or again, set aside.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{deliveries, micros};
use crate::inbox::archive::is_asked_for;
use crate::inbox::key::lane;
use crate::inbox::stored::state;
use crate::inbox::{EventKey, State};
use crate::model::Kind;

/// Has an event delivered; see [`crate::inbox::Archive::deliver`].
pub(super) fn deliver(
    db: &Connection,
    event: i64,
    handler: Option<&str>,
    only: Option<State>,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let mut deliveries: Vec<(String, i64, State)> = db
        .prepare("SELECT handler, lane, state FROM deliveries WHERE event = ?1")?
        .query_map([event], |row| Ok((row.get(0)?, row.get(1)?, state(row.get(2)?))))?
        .collect::<rusqlite::Result<_>>()?;
    if let (Some(handler), None) = (handler, only)
        && !deliveries.iter().any(|(name, ..)| name == handler)
        && let Some(lane) = lane_of(db, event)?
    {
        // A handler that did not want the event, or was not there when it came.
        db.execute(
            "INSERT INTO deliveries (event, handler, lane, state, since, changed) VALUES (?1, ?2, ?3, 3, ?4, ?4)",
            params![event, handler, lane, micros(now)],
        )?;
        deliveries.push((handler.to_owned(), lane, State::Discarded));
    }
    let mut changed = 0;
    for (name, lane, state) in deliveries {
        if !is_asked_for(&name, state, handler, only) {
            continue;
        }
        changed += match state {
            State::Pending => hurry(db, event, &name, now)?,
            _ => again(db, event, &name, lane, now)?,
        };
    }
    Ok(changed)
}

/// Makes a delivery that waits for its next attempt due at once. Only the first of a lane has a due time.
fn hurry(db: &Connection, event: i64, handler: &str, now: Timestamp) -> rusqlite::Result<usize> {
    db.execute(
        "UPDATE deliveries SET due = ?3 WHERE event = ?1 AND handler = ?2 AND due > ?3",
        params![event, handler, micros(now)],
    )
}

/// Begins a delivery anew. It takes its place in its lane by the order received.
fn again(db: &Connection, event: i64, handler: &str, lane: i64, now: Timestamp) -> rusqlite::Result<usize> {
    let changed = db.execute(
        "UPDATE deliveries SET state = 0, attempts = 0, begun = NULL, ends = 0, round = round + 1, since = ?3,
                changed = ?3, due = NULL, status = NULL
         WHERE event = ?1 AND handler = ?2",
        params![event, handler, micros(now)],
    )?;
    // A later one that was the first waits for this one from now on.
    db.execute(
        "UPDATE deliveries SET due = NULL WHERE handler = ?1 AND lane = ?2 AND state = 0 AND event > ?3",
        params![handler, lane, event],
    )?;
    deliveries::advance(db, handler, lane, now)?;
    Ok(changed)
}

/// The lane of an event; `None` for a refused body.
fn lane_of(db: &Connection, event: i64) -> rusqlite::Result<Option<i64>> {
    let found: Option<(String, Option<String>, [u8; 16])> = db
        .query_row("SELECT kind, subject, key FROM events WHERE number = ?1 AND kind IS NOT NULL", [event], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    Ok(found.and_then(|(kind, subject, key)| Some(lane(Kind::from_name(&kind)?, subject.as_deref(), EventKey(key)))))
}

/// Sets aside what of an event is not done.
pub(super) fn discard(db: &Connection, event: i64, now: Timestamp) -> rusqlite::Result<usize> {
    let lanes: Vec<(String, i64)> = db
        .prepare(
            "UPDATE deliveries SET state = 3, due = NULL, begun = NULL, changed = ?2
             WHERE event = ?1 AND state IN (0, 2) RETURNING handler, lane",
        )?
        .query_map(params![event, micros(now)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (handler, lane) in &lanes {
        deliveries::advance(db, handler, *lane, now)?;
    }
    let bodies =
        db.execute("UPDATE events SET discarded = 1 WHERE number = ?1 AND kind IS NULL AND NOT discarded", [event])?;
    if bodies > 0 {
        db.execute("INSERT OR REPLACE INTO decided (event, at) VALUES (?1, ?2)", params![event, micros(now)])?;
    }
    Ok(lanes.len() + bodies)
}
