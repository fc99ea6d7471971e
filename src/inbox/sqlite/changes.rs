//! Statements for what people do to deliveries: deliver at once or again, set aside.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{actions, deliveries, listed, micros, notices};
use crate::inbox::archive::{can_be_made, is_asked_for};
use crate::inbox::key::lane;
use crate::inbox::stored::{number, state_by};
use crate::inbox::{Action, EventKey, State};
use crate::model::Kind;

/// Has events delivered; see [`crate::inbox::Archive::deliver`].
pub(super) fn deliver(
    db: &Connection,
    events: &[i64],
    handler: Option<&str>,
    only: &[State],
    action: &Action,
    now: Timestamp,
) -> rusqlite::Result<Vec<usize>> {
    change(db, events, action, now, |event| deliver_one(db, event, handler, only, now))
}

/// Sets aside what of events is not done; see [`crate::inbox::Archive::discard`].
pub(super) fn discard(
    db: &Connection,
    events: &[i64],
    handler: Option<&str>,
    only: &[State],
    action: &Action,
    now: Timestamp,
) -> rusqlite::Result<Vec<usize>> {
    change(db, events, action, now, |event| discard_one(db, event, handler, only, now))
}

/// Changes events and notes who did, if something was changed.
fn change(
    db: &Connection,
    events: &[i64],
    action: &Action,
    now: Timestamp,
    mut one: impl FnMut(i64) -> rusqlite::Result<usize>,
) -> rusqlite::Result<Vec<usize>> {
    let mut changed = Vec::with_capacity(events.len());
    for event in events {
        let found: Option<([u8; 16], String)> = db
            .prepare_cached("SELECT key, id FROM events WHERE number = ?1")?
            .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let mut count = 0;
        if let Some((key, id)) = found
            && !actions::is_on(db, action, EventKey(key))?
        {
            count = one(*event)?;
            if count > 0 {
                actions::note_on(db, action, EventKey(key), &id, None, now)?;
            }
        }
        changed.push(count);
    }
    actions::note(db, action, changed.iter().filter(|count| **count > 0).count(), now)?;
    Ok(changed)
}

fn deliver_one(
    db: &Connection,
    event: i64,
    handler: Option<&str>,
    only: &[State],
    now: Timestamp,
) -> rusqlite::Result<usize> {
    if db.prepare_cached("SELECT 1 FROM erased WHERE event = ?1")?.exists([event])? {
        // There is nothing left to deliver.
        return Ok(0);
    }
    let mut deliveries: Vec<(String, i64, State)> = db
        .prepare_cached("SELECT handler, lane, state FROM deliveries WHERE event = ?1")?
        .query_map([event], |row| {
            let name: String = row.get(0)?;
            let state = state_by(&name, row.get(2)?);
            Ok((name, row.get(1)?, state))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let fetched = notices::was_fetched(db, event)?;
    // Where it is already is where it goes: what was fetched is in the lane of its notice.
    let its_lane = deliveries.first().map(|(_, lane, _)| *lane);
    if let (Some(handler), []) = (handler, only)
        && !deliveries.iter().any(|(name, ..)| name == handler)
        && can_be_made(handler, None, fetched)
        && let Some(lane) = its_lane.map_or_else(|| lane_of(db, event), |lane| Ok(Some(lane)))?
    {
        // A handler that did not want the event, or was not there when it came: its first round is about to begin.
        db.execute(
            "INSERT INTO deliveries (event, handler, lane, state, since, changed, round)
             VALUES (?1, ?2, ?3, 3, ?4, ?4, 0)",
            params![event, handler, lane, micros(now)],
        )?;
        deliveries.push((handler.to_owned(), lane, State::Discarded));
    }
    let mut changed = 0;
    for (name, lane, state) in deliveries {
        if !is_asked_for(&name, state, handler, only) || !can_be_made(&name, Some(state), fetched) {
            continue;
        }
        changed +=
            if state.is_to_be_made() { hurry(db, event, &name, now)? } else { again(db, event, &name, lane, now)? };
    }
    Ok(changed)
}

/// Makes a delivery that waits for its next attempt due at once. Only the first of a lane has a due time.
fn hurry(db: &Connection, event: i64, handler: &str, now: Timestamp) -> rusqlite::Result<usize> {
    db.prepare_cached("UPDATE deliveries SET due = ?3 WHERE event = ?1 AND handler = ?2 AND due > ?3")?
        .execute(params![event, handler, micros(now)])
}

/// Those behind an event in its lane have no due time any more.
const WAIT_AGAIN: &str = "\
    UPDATE deliveries INDEXED BY deliveries_lane SET due = NULL
    WHERE handler = ?1 AND lane = ?2 AND state = 0 AND event > ?3 AND due IS NOT NULL";

/// Begins a delivery anew. It takes its place in its lane by the order received.
fn again(db: &Connection, event: i64, handler: &str, lane: i64, now: Timestamp) -> rusqlite::Result<usize> {
    let changed = db
        .prepare_cached(
            "UPDATE deliveries SET state = 0, attempts = 0, begun = NULL, ends = 0, round = round + 1, since = ?3,
                    changed = ?3, due = NULL, status = NULL, reason = NULL
             WHERE event = ?1 AND handler = ?2",
        )?
        .execute(params![event, handler, micros(now)])?;
    take_place(db, event, handler, lane, now)?;
    Ok(changed)
}

/// A later delivery that was the first of the lane waits for this one from now on.
fn take_place(db: &Connection, event: i64, handler: &str, lane: i64, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(WAIT_AGAIN)?.execute(params![handler, lane, event])?;
    deliveries::advance(db, handler, lane, now).map(drop)
}

/// Adds a delivery of an event that has been there for a while, if it has none by that handler. It too takes its place
/// in its lane by the order received.
pub(super) fn add(db: &Connection, event: i64, handler: &str, lane: i64, now: Timestamp) -> rusqlite::Result<()> {
    let added = db
        .prepare_cached(
            "INSERT OR IGNORE INTO deliveries (event, handler, lane, state, since, changed)
             VALUES (?1, ?2, ?3, 0, ?4, ?4)",
        )?
        .execute(params![event, handler, lane, micros(now)])?;
    if added > 0 { take_place(db, event, handler, lane, now) } else { Ok(()) }
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

/// Sets aside what of one event is not done.
pub(super) fn discard_one(
    db: &Connection,
    event: i64,
    handler: Option<&str>,
    only: &[State],
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let open = [State::Pending, State::Fetching, State::Dead];
    let open = open.into_iter().filter(|state| only.is_empty() || only.contains(state));
    let mut lanes: Vec<(String, i64)> = Vec::new();
    for number in open.filter_map(number) {
        let mut statement = db.prepare_cached(
            "UPDATE deliveries SET state = 3, due = NULL, begun = NULL, changed = ?2, reason = NULL
             WHERE event = ?1 AND CASE WHEN state = 0 AND handler = '(fetch)' THEN 5 ELSE state END = ?3
               AND handler = coalesce(?4, handler) RETURNING handler, lane",
        )?;
        let values = params![event, micros(now), number, handler];
        let found = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        for one in found {
            lanes.push(one?);
        }
    }
    for (handler, lane) in &lanes {
        deliveries::advance(db, handler, *lane, now)?;
    }
    let mut bodies = 0;
    if handler.is_none() && (only.is_empty() || only.contains(&State::Refused)) {
        bodies = db
            .prepare_cached("UPDATE events SET discarded = 1 WHERE number = ?1 AND kind IS NULL AND NOT discarded")?
            .execute([event])?;
    }
    if bodies > 0 {
        db.prepare_cached("INSERT OR REPLACE INTO decided (event, at) VALUES (?1, ?2)")?
            .execute(params![event, micros(now)])?;
        listed::set_aside(db, event, true)?;
    }
    Ok(lanes.len() + bodies)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    /// With another one, each event that is delivered again would pass by everything that waits for its handler.
    #[test]
    fn what_waits_behind_an_event_is_found_by_its_lane_however_much_waits_for_the_handler() {
        let db = Connection::open_in_memory().unwrap();
        for schema in [include_str!("schema.sql"), include_str!("schema2.sql"), include_str!("schema4.sql")] {
            db.execute_batch(schema).unwrap();
        }
        let plan: String =
            db.query_row(&format!("EXPLAIN QUERY PLAN {}", super::WAIT_AGAIN), ["", "", ""], |row| row.get(3)).unwrap();

        assert!(plan.contains("deliveries_lane (handler=? AND lane=? AND event>?)"), "{plan}");
    }
}
