//! Events as people see them, with the state they are in.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{actions, timestamp};
use crate::inbox::kept::refs_of;
use crate::inbox::stored::state_by;
use crate::inbox::{AttemptView, DeliveryView, Ending, EventKey, EventView, State};
use crate::model::Kind;

const EVENT: &str = "SELECT number, id, received, e.kind, e.event_name, subject, document, company, path, content_type,
                            length(body), reason, status, discarded,
                            CASE WHEN e.kind IS NULL THEN (SELECT copies FROM refused WHERE event = number) END,
                            key, l.origin, l.address, l.credential, l.answer, l.repeats, l.repeated, l.refs,
                            (SELECT at FROM erased WHERE erased.event = number)
                     FROM events e JOIN listed l ON l.event = e.number";

/// The events of these sequences that there are, in that order.
pub(super) fn views(db: &Connection, sequences: &[i64]) -> rusqlite::Result<Vec<EventView>> {
    let mut statement = db.prepare_cached(&format!("{EVENT} WHERE number = ?1"))?;
    let mut found = Vec::with_capacity(sequences.len());
    for sequence in sequences {
        found.extend(statement.query_row([sequence], |row| event(db, row)).optional()?);
    }
    Ok(found)
}

/// One event.
pub(super) fn show(db: &Connection, key: EventKey) -> rusqlite::Result<Option<EventView>> {
    db.prepare_cached(&format!("{EVENT} WHERE key = ?1"))?.query_row([key.0], |row| event(db, row)).optional()
}

/// The events whose keys are from one to another, in the order of those.
pub(super) fn between(
    db: &Connection,
    first: EventKey,
    last: EventKey,
    most: usize,
) -> rusqlite::Result<Vec<EventView>> {
    let mut statement =
        db.prepare_cached("SELECT number FROM events WHERE key >= ?1 AND key <= ?2 ORDER BY key LIMIT ?3")?;
    let sequences = statement.query_map(params![first.0, last.0, most], |row| row.get(0))?;
    views(db, &sequences.collect::<rusqlite::Result<Vec<i64>>>()?)
}

fn event(db: &Connection, row: &Row<'_>) -> rusqlite::Result<EventView> {
    let sequence = row.get(0)?;
    let key: [u8; 16] = row.get(15)?;
    let kind: Option<String> = row.get(3)?;
    let attempts = attempts_at(db, sequence)?;
    let deliveries = deliveries_of(db, sequence, &attempts)?;
    let state = State::of(kind.is_some(), row.get(13)?, &deliveries);
    Ok(EventView {
        key: Uuid::from_bytes(key),
        sequence,
        id: row.get(1)?,
        state,
        received: timestamp(row.get(2)?),
        kind: kind.as_deref().and_then(Kind::from_name),
        event_name: row.get(4)?,
        subject: row.get(5)?,
        document_number: row.get(6)?,
        company_id: row.get(7)?,
        path: row.get(8)?,
        content_type: row.get(9)?,
        size: row.get::<_, i64>(10)?.unsigned_abs(),
        reason: row.get(11)?,
        status: row.get(12)?,
        copies: row.get(14)?,
        origin: row.get(16)?,
        address: row.get(17)?,
        credential: row.get(18)?,
        answer: row.get(19)?,
        repeats: row.get(20)?,
        repeated: row.get::<_, Option<i64>>(21)?.map(timestamp),
        references: row.get::<_, Option<String>>(22)?.as_deref().map(refs_of),
        erased: row.get::<_, Option<i64>>(23)?.map(timestamp),
        deliveries,
        attempts,
        actions: actions::on(db, EventKey(key))?,
    })
}

fn deliveries_of(db: &Connection, event: i64, attempts: &[AttemptView]) -> rusqlite::Result<Vec<DeliveryView>> {
    db.prepare_cached(
        "SELECT handler, state, attempts, due, changed,
                CASE state WHEN 0 THEN
                    (SELECT e.id FROM deliveries first JOIN events e ON e.number = first.event
                     WHERE first.handler = d.handler AND first.lane = d.lane AND first.state = 0
                       AND first.event < d.event ORDER BY first.event LIMIT 1) END,
                state = 0 AND begun IS NOT NULL, round, reason
         FROM deliveries d WHERE event = ?1 ORDER BY handler",
    )?
    .query_map([event], |row| {
        let handler: String = row.get(0)?;
        let delivery = DeliveryView {
            state: state_by(&handler, row.get(1)?),
            handler,
            attempts: row.get(2)?,
            round: row.get(7)?,
            due: row.get::<_, Option<i64>>(3)?.map(timestamp),
            changed: timestamp(row.get(4)?),
            waits_for: row.get(5)?,
            being_delivered: row.get(6)?,
            reason: row.get(8)?,
            failures: Vec::new(),
        };
        Ok(delivery.with_failures(attempts))
    })?
    .collect()
}

/// In the order they were made.
fn attempts_at(db: &Connection, event: i64) -> rusqlite::Result<Vec<AttemptView>> {
    db.prepare_cached(
        "SELECT handler, round, attempt, begun, took, ending, status, answer, reason FROM attempts
         WHERE event = ?1 ORDER BY number",
    )?
    .query_map([event], |row| {
        Ok(AttemptView {
            handler: row.get(0)?,
            round: row.get(1)?,
            attempt: row.get(2)?,
            begun: timestamp(row.get(3)?),
            milliseconds: row.get::<_, i64>(4)?.unsigned_abs(),
            outcome: row.get::<_, Option<String>>(5)?.as_deref().and_then(Ending::from_name),
            status: row.get(6)?,
            answer: row.get(7)?,
            reason: row.get(8)?,
        })
    })?
    .collect()
}
