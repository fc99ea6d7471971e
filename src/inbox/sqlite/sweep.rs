//! Statements for retention: what is removed, of events and of what people did.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{listed, micros, timestamp};
use crate::inbox::stored::SWEEP_STEP;
use crate::inbox::{Overdue, Swept};

/// What no handler wanted, among the events.
const UNWANTED: &str = "kind IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = number)";

/// Since when an event is kept that has no deliveries to say so.
const KEPT_SINCE: &str = "coalesce((SELECT at FROM decided WHERE event = number), received)";

/// Removes events from `from` on that have been kept for long enough; returns how far it came.
pub(super) fn sweep(db: &Connection, from: i64, overdue: Overdue) -> rusqlite::Result<(Swept, i64)> {
    let last: Option<(i64, i64)> = db
        .prepare_cached(
            "SELECT number, received FROM (SELECT number, received FROM events WHERE number > ?1
                                           ORDER BY number LIMIT ?2) ORDER BY number DESC LIMIT 1",
        )?
        .query_row(params![from, SWEEP_STEP], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((to, received)) = last else { return Ok((Swept { complete: true, ..Swept::default() }, 0)) };
    note_highest(db)?;
    let removed = db
        .prepare_cached(&format!(
            "DELETE FROM events WHERE number > ?1 AND number <= ?2 AND CASE
                 WHEN {UNWANTED} THEN {KEPT_SINCE} < ?4
                 WHEN kind IS NULL THEN discarded AND {KEPT_SINCE} < ?3
                 ELSE received < ?3 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = number
                                                    AND (d.state IN (0, 2) OR d.changed >= ?3)) END"
        ))?
        .execute(params![from, to, micros(overdue.finished), overdue.unwanted.map(micros)])?;
    if removed > 0 {
        let gone: Vec<i64> = db
            .prepare_cached(
                "SELECT event FROM listed WHERE event > ?1 AND event <= ?2
                 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.number = event)",
            )?
            .query_map(params![from, to], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for event in gone {
            listed::forget(db, event)?;
            db.prepare_cached("DELETE FROM attempts WHERE event = ?1")?.execute([event])?;
        }
        for table in ["deliveries", "refused", "decided", "erased", "notices"] {
            db.execute(
                &format!(
                    "DELETE FROM {table} WHERE event > ?1 AND event <= ?2
                     AND NOT EXISTS (SELECT 1 FROM events e WHERE e.number = event)"
                ),
                params![from, to],
            )?;
        }
        db.execute(
            "DELETE FROM unnamed WHERE newest > ?1 AND newest <= ?2
             AND NOT EXISTS (SELECT 1 FROM events e WHERE e.number = newest)",
            params![from, to],
        )?;
    }
    let soon = match overdue.unwanted {
        None => 0,
        Some(_) => db
            .prepare_cached(&format!(
                "SELECT count(*) FROM events WHERE number > ?1 AND number <= ?2 AND {UNWANTED} AND {KEPT_SINCE} < ?3"
            ))?
            .query_row(params![from, to, micros(overdue.soon)], |row| row.get(0))?,
    };
    // Nobody looks at all of a large inbox to find nothing.
    let complete = overdue.ends_at(timestamp(received));
    Ok((Swept { removed, soon, complete }, if complete { 0 } else { to }))
}

/// To be called before events are removed: no number is ever given to another one, for who has just seen it would take
/// that for the first.
pub(super) fn note_highest(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE removed SET highest = (SELECT max(number) FROM events) WHERE highest < (SELECT max(number) FROM events)",
    )?
    .execute([])
    .map(drop)
}

/// Removes some of what people did before that time; returns of how many events it is not known any more.
pub(super) fn forget_actions(db: &Connection, before: Timestamp) -> rusqlite::Result<usize> {
    let forgotten = db.execute(
        "DELETE FROM acted WHERE (key, at, action) IN (
             SELECT key, at, action FROM acted WHERE at < ?1 ORDER BY at LIMIT ?2)",
        params![micros(before), SWEEP_STEP],
    )?;
    // One that was about very many may have more of them that are younger.
    db.execute(
        "DELETE FROM actions WHERE id IN (SELECT id FROM actions WHERE at < ?1
                                          AND NOT EXISTS (SELECT 1 FROM acted WHERE action = id) LIMIT ?2)",
        params![micros(before), SWEEP_STEP],
    )?;
    Ok(forgotten)
}
