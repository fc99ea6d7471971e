//! Statements on what is listed of an event apart from its body: how it came, which references are in it, how often it
//! came again. The triggers of the schema keep the states of its deliveries in there.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::micros;
use crate::inbox::kept::{folds, refs_json, refs_of};
use crate::inbox::stored::states_at_first;
use crate::inbox::{Arrival, EventKey, Incoming, RefusedBody};
use crate::model::Reference;

/// The bit of a refused body among the states.
pub(super) const REFUSED: i64 = 16;

/// That bit once somebody has set it aside, and of a delivery that somebody has.
const DISCARDED: i64 = 8;

/// Microseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000_000;

/// A row of `listed`, as far as it is known when something comes.
struct Row<'a> {
    number: i64,
    states: i64,
    kind: &'a str,
    name: &'a str,
    /// In microseconds.
    received: i64,
    arrival: &'a Arrival,
    answer: Option<u16>,
    checksum: i64,
    /// `None` if nobody has looked for them yet.
    references: Option<&'a [Reference]>,
}

/// Lists an event that was just stored, before its deliveries.
pub(super) fn add_event(
    db: &Connection,
    number: i64,
    received: i64,
    incoming: &Incoming,
    checksum: i64,
) -> rusqlite::Result<()> {
    let (envelope, arrival) = (&incoming.envelope, &incoming.arrival);
    let row = Row {
        number,
        states: i64::from(states_at_first(&incoming.handlers)),
        kind: envelope.kind.as_str(),
        name: envelope.event_name.as_deref().unwrap_or_default(),
        received,
        arrival,
        answer: arrival.answer,
        checksum,
        references: Some(&incoming.references),
    };
    add(db, &row)
}

/// Lists a refused body that was just kept. Nobody has read it yet.
pub(super) fn add_refused(
    db: &Connection,
    number: i64,
    received: i64,
    refused: &RefusedBody,
    checksum: i64,
) -> rusqlite::Result<()> {
    let row = Row {
        number,
        states: REFUSED,
        kind: "",
        name: "",
        received,
        arrival: &refused.arrival,
        answer: Some(refused.status),
        checksum,
        references: None,
    };
    add(db, &row)
}

fn add(db: &Connection, row: &Row<'_>) -> rusqlite::Result<()> {
    let references = row.references.map(refs_json);
    db.prepare_cached(
        "INSERT INTO listed (event, states, kind, event_name, hour, origin, address, credential, answer, checksum, refs)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        row.number,
        row.states,
        row.kind,
        row.name,
        row.received.div_euclid(HOUR),
        row.arrival.origin,
        row.arrival.address,
        row.arrival.credential,
        row.answer,
        row.checksum,
        references,
    ])?;
    look_up(db, row.number, row.references.unwrap_or_default())
}

/// Lists what was fetched as what it is; how its notice came, and which references that had, stays.
pub(super) fn replace(db: &Connection, number: i64, incoming: &Incoming, checksum: i64) -> rusqlite::Result<()> {
    let envelope = &incoming.envelope;
    db.prepare_cached("UPDATE listed SET kind = ?2, event_name = ?3, checksum = ?4, refs = ?5 WHERE event = ?1")?
        .execute(params![
            number,
            envelope.kind.as_str(),
            envelope.event_name.as_deref().unwrap_or_default(),
            checksum,
            refs_json(&incoming.references),
        ])?;
    look_up(db, number, &incoming.references)
}

/// Has an event found by its references.
fn look_up(db: &Connection, number: i64, references: &[Reference]) -> rusqlite::Result<()> {
    let mut statement =
        db.prepare_cached("INSERT OR IGNORE INTO refs (shelf, folded, event) VALUES (?2 >> 8, ?1, ?2)")?;
    for folded in folds(references) {
        statement.execute(params![folded, number])?;
    }
    Ok(())
}

/// Notes the references in an event that nobody had looked for before, if it still is there; and its checksum, if it
/// has none.
pub(super) fn refer(
    db: &Connection,
    number: i64,
    references: &[Reference],
    checksum: Option<i64>,
) -> rusqlite::Result<()> {
    let noted = db
        .prepare_cached(
            "UPDATE listed SET refs = ?2, checksum = coalesce(checksum, ?3) WHERE event = ?1 AND refs IS NULL",
        )?
        .execute(params![number, refs_json(references), checksum])?;
    if noted > 0 { look_up(db, number, references) } else { Ok(()) }
}

/// The same for what has that key.
pub(super) fn refer_by_key(db: &Connection, key: EventKey, references: &[Reference]) -> rusqlite::Result<()> {
    let number: Option<i64> = db
        .prepare_cached("SELECT number FROM events WHERE key = ?1")?
        .query_row([key.0], |row| row.get(0))
        .optional()?;
    number.map_or(Ok(()), |number| refer(db, number, references, None))
}

/// An event is not found by its references any more: it is about to be removed.
pub(super) fn forget(db: &Connection, number: i64) -> rusqlite::Result<()> {
    let refs: Option<Option<String>> = db
        .prepare_cached("DELETE FROM listed WHERE event = ?1 RETURNING refs")?
        .query_row([number], |row| row.get(0))
        .optional()?;
    let mut statement = db.prepare_cached("DELETE FROM refs WHERE shelf = ?2 >> 8 AND folded = ?1 AND event = ?2")?;
    for folded in folds(&refs.flatten().as_deref().map(refs_of).unwrap_or_default()) {
        statement.execute(params![folded, number])?;
    }
    Ok(())
}

/// Counts that an event came again.
pub(super) fn came_again(db: &Connection, key: EventKey, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE listed SET repeats = repeats + 1, repeated = ?2
         WHERE event = (SELECT number FROM events WHERE key = ?1)",
    )?
    .execute(params![key.0, micros(now)])
    .map(drop)
}

/// Notes what an event was answered with.
pub(super) fn answered(db: &Connection, key: EventKey, status: u16) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE listed SET answer = ?2 WHERE event = (SELECT number FROM events WHERE key = ?1)")?
        .execute(params![key.0, status])
        .map(drop)
}

/// Notes whether a refused body is set aside.
pub(super) fn set_aside(db: &Connection, number: i64, aside: bool) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE listed SET states = ?2 WHERE event = ?1")?
        .execute(params![number, if aside { DISCARDED } else { REFUSED }])
        .map(drop)
}
