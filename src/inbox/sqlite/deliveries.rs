//! Statements on deliveries: what is due, how it ended, what comes next. What people do to them is in
//! [`super::changes`].
//!
//! Of the pending deliveries of a lane (one handler, one order or shipment) only the first has a due
//! time. Whatever makes another one the first moves the due time on to that.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{attempts, micros, notices, timestamp};
use crate::inbox::stored::{Ended, HURRIED, state};
use crate::inbox::{Attempt, Claim, Due, EventKey, Finish, Standing};
use crate::model::Format;

/// Adds a delivery to the end of its lane.
pub(super) fn add(db: &Connection, event: i64, handler: &str, lane: i64, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO deliveries (event, handler, lane, state, since, changed, due)
         VALUES (?1, ?2, ?3, 0, ?4, ?4,
                 CASE WHEN EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_lane
                                   WHERE handler = ?2 AND lane = ?3 AND state = 0)
                      THEN NULL ELSE ?4 END)",
    )?
    .execute(params![event, handler, lane, micros(now)])?;
    Ok(())
}

/// The deliveries of `handler` that are due `now`, of lanes not in `taken`, and when the next will be.
pub(super) fn due(
    db: &Connection,
    handler: &str,
    most: usize,
    taken: &HashSet<i64>,
    now: Timestamp,
) -> rusqlite::Result<Due> {
    let mut statement = db.prepare_cached(
        "SELECT d.event, e.key, e.id, d.attempts, d.since, length(e.body), d.due, d.lane,
                e.format, d.round, d.ends, e.document, e.event_name
         FROM deliveries d JOIN events e ON e.number = d.event
         WHERE d.handler = ?1 AND d.due IS NOT NULL ORDER BY d.due LIMIT ?2",
    )?;
    let mut rows = statement.query(params![handler, most + taken.len() + 1])?;
    let mut due = Due::default();
    while let Some(row) = rows.next()? {
        let lane = row.get(7)?;
        if taken.contains(&lane) {
            continue;
        }
        let at = timestamp(row.get(6)?);
        if at > now || due.claims.len() == most {
            due.next = Some(at);
            break;
        }
        due.claims.push(Claim {
            event: row.get(0)?,
            key: EventKey(row.get(1)?),
            id: row.get(2)?,
            number: row.get(11)?,
            event_name: row.get(12)?,
            handler: handler.to_owned(),
            lane,
            attempts: row.get(3)?,
            since: timestamp(row.get(4)?),
            size: row.get(5)?,
            format: Format::from_name(&row.get::<_, String>(8)?).unwrap_or(Format::Json),
            round: row.get(9)?,
            ends: row.get(10)?,
        });
    }
    Ok(due)
}

/// Notes how an attempt ended, or that none is made any more; returns whether the delivery stands as that says.
pub(super) fn finish(
    db: &Connection,
    claim: &Claim,
    finish: &Finish,
    attempt: Option<&Attempt>,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let Ended { state, again, status, reason } = Ended::by(finish);
    // Whatever has become of the delivery meanwhile: it was made.
    if let Some(attempt) = attempt {
        attempts::keep(db, claim, attempt, reason)?;
    }
    notices::finish(db, claim, finish)?;
    // Somebody may have discarded it meanwhile, or begun it anew; then that stands. Or the inbox is another file by now,
    // where the number is another event's. And an earlier event may be to be delivered again; then
    // this one waits for that.
    let standing = db
        .prepare_cached(
            "UPDATE deliveries SET state = ?3, status = ?5, attempts = ?6, changed = ?7, begun = NULL, ends = 0,
                    reason = ?10,
                    due = CASE WHEN EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_lane
                                            WHERE handler = ?2 AND lane = ?8 AND state = 0 AND event < ?1)
                               THEN NULL ELSE ?4 END
             WHERE event = ?1 AND handler = ?2 AND state = 0 AND round = ?11
               AND EXISTS (SELECT 1 FROM events WHERE number = ?1 AND key = ?9)",
        )?
        .execute(params![
            claim.event,
            claim.handler,
            state,
            again.map(micros),
            status,
            claim.attempts + u32::from(attempt.is_some()),
            micros(now),
            claim.lane,
            claim.key.0,
            reason.filter(|_| again.is_none()),
            claim.round,
        ])?;
    if standing > 0 && again.is_none() {
        advance(db, &claim.handler, claim.lane, now)?;
    }
    if standing > 0 {
        return Ok(true);
    }
    // A commit that counts as failed may be there all the same, and is made again.
    db.prepare_cached(
        "SELECT 1 FROM deliveries WHERE event = ?1 AND handler = ?2 AND state = ?3 AND round = ?4
           AND EXISTS (SELECT 1 FROM events WHERE number = ?1 AND key = ?5)",
    )?
    .exists(params![claim.event, claim.handler, state, claim.round, claim.key.0])
}

/// Makes the first pending delivery of a lane due, if it is not yet. Its time begins now, however long
/// it has waited for those before it. Returns whether one was made due.
pub(super) fn advance(db: &Connection, handler: &str, lane: i64, now: Timestamp) -> rusqlite::Result<bool> {
    let made_due = db
        .prepare_cached(
            "UPDATE deliveries SET due = ?3, since = CASE attempts WHEN 0 THEN ?3 ELSE since END
             WHERE handler = ?1 AND state = 0 AND due IS NULL
               AND event = (SELECT min(event) FROM deliveries INDEXED BY deliveries_lane
                            WHERE handler = ?1 AND lane = ?2 AND state = 0)",
        )?
        .execute(params![handler, lane, micros(now)])?;
    Ok(made_due > 0)
}

/// How far an event has come with each handler; `None` if there is no such event.
pub(super) fn standing(db: &Connection, key: EventKey) -> rusqlite::Result<Option<Vec<Standing>>> {
    let mut statement = db.prepare_cached(
        "SELECT d.handler, d.state, d.status, d.reason
         FROM events e LEFT JOIN deliveries d ON d.event = e.number WHERE e.key = ?1",
    )?;
    let mut rows = statement.query([key.0])?;
    let mut found = None;
    while let Some(row) = rows.next()? {
        let standings: &mut Vec<Standing> = found.get_or_insert_default();
        // Without a handler it is the event alone: nobody wants it.
        if let Some(handler) = row.get(0)? {
            standings.push(Standing { handler, state: state(row.get(1)?), status: row.get(2)?, reason: row.get(3)? });
        }
    }
    Ok(found)
}

/// Makes an event's waiting deliveries due at once.
pub(super) fn hurry(db: &Connection, key: EventKey, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE deliveries SET due = ?2
         WHERE event = (SELECT number FROM events WHERE key = ?1) AND due > ?2",
    )?
    .execute(params![key.0, micros(now)])?;
    Ok(())
}

/// How many lanes of a handler have unfinished deliveries, counted up to `most`.
pub(super) fn lanes(db: &Connection, handler: &str, most: usize) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE handler = ?1 AND due IS NOT NULL LIMIT ?2)",
    )?
    .query_row(params![handler, most], |row| row.get(0))
}

/// Makes some of a handler's waiting deliveries due at once.
pub(super) fn hurry_handler(db: &Connection, handler: &str, now: Timestamp) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE deliveries SET due = ?2 WHERE handler = ?1 AND event IN (
             SELECT event FROM deliveries WHERE handler = ?1 AND due > ?2 ORDER BY due LIMIT ?3)",
    )?
    .execute(params![handler, micros(now), HURRIED])
}

/// Handlers with unfinished deliveries, each counted up to `most`.
pub(super) fn backlog(db: &Connection, most: usize) -> rusqlite::Result<Vec<(String, usize)>> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        // One step in the index per handler, however many deliveries it has.
        let next: Option<String> = db
            .prepare_cached("SELECT handler FROM deliveries WHERE state = 0 AND handler > ?1 ORDER BY handler LIMIT 1")?
            .query_row([&after], |row| row.get(0))
            .optional()?;
        let Some(handler) = next else { return Ok(found) };
        let count = db
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 0 AND handler = ?1 LIMIT ?2)",
            )?
            .query_row(params![handler, most], |row| row.get(0))?;
        after.clone_from(&handler);
        found.push((handler, count));
    }
}
