//! Statements for what people do to deliveries: deliver again, set aside.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{deliveries, micros};
use crate::inbox::EventKey;
use crate::inbox::key::lane;
use crate::model::Kind;

/// Has an event delivered again. It takes its place in its lane by the order received.
pub(super) fn deliver_again(
    db: &Connection,
    event: i64,
    handler: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let mut wanted: Vec<(String, i64)> = db
        .prepare(
            "SELECT handler, lane FROM deliveries WHERE event = ?1
               AND CASE WHEN ?2 IS NULL THEN state IN (2, 3) ELSE handler = ?2 AND state != 0 END",
        )?
        .query_map(params![event, handler], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    if let Some(handler) = handler
        && wanted.is_empty()
        && let Some(lane) = lane_of(db, event)?
        && !exists(db, event, handler)?
    {
        // A handler that did not want the event, or was not there when it came.
        db.execute(
            "INSERT INTO deliveries (event, handler, lane, state, since, changed) VALUES (?1, ?2, ?3, 3, ?4, ?4)",
            params![event, handler, lane, micros(now)],
        )?;
        wanted.push((handler.to_owned(), lane));
    }
    for (handler, lane) in &wanted {
        db.execute(
            "UPDATE deliveries SET state = 0, attempts = 0, since = ?3, changed = ?3, due = NULL, status = NULL
             WHERE event = ?1 AND handler = ?2",
            params![event, handler, micros(now)],
        )?;
        // A later one that was the first waits for this one from now on.
        db.execute(
            "UPDATE deliveries SET due = NULL WHERE handler = ?1 AND lane = ?2 AND state = 0 AND event > ?3",
            params![handler, lane, event],
        )?;
        deliveries::advance(db, handler, *lane, now)?;
    }
    Ok(wanted.len())
}

fn exists(db: &Connection, event: i64, handler: &str) -> rusqlite::Result<bool> {
    db.query_row(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE event = ?1 AND handler = ?2)",
        params![event, handler],
        |row| row.get(0),
    )
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
            "UPDATE deliveries SET state = 3, due = NULL, changed = ?2 WHERE event = ?1 AND state IN (0, 2)
             RETURNING handler, lane",
        )?
        .query_map(params![event, micros(now)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (handler, lane) in &lanes {
        deliveries::advance(db, handler, *lane, now)?;
    }
    let bodies =
        db.execute("UPDATE events SET discarded = 1 WHERE number = ?1 AND kind IS NULL AND NOT discarded", [event])?;
    Ok(lanes.len() + bodies)
}
