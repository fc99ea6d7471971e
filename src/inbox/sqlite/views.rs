//! Queries for people: events with the state they are in.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::{micros, timestamp};
use crate::inbox::stored::{number, state};
use crate::inbox::view::FailureView;
use crate::inbox::{DeliveryView, EventKey, EventView, Filter, State};
use crate::model::Kind;

const COLUMNS: &str = "number, id, received, kind, event_name, subject, document, company, path, content_type,
                       length(body), reason, status, discarded,
                       CASE WHEN kind IS NULL THEN (SELECT copies FROM refused WHERE event = number) END";

/// Events that match, the newest first.
pub(super) fn list(db: &Connection, filter: &Filter) -> rusqlite::Result<Vec<EventView>> {
    let (condition, values) = condition(filter);
    let mut events = Vec::new();
    let Some((sql, of_candidates)) = candidates(filter) else {
        let sql =
            format!("SELECT {COLUMNS} FROM events e WHERE {condition} ORDER BY number DESC LIMIT {}", filter.limit);
        let mut statement = db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            events.push(event(db, row)?);
        }
        return Ok(events);
    };
    let mut statement = db.prepare(&sql)?;
    let mut matching = db.prepare(&format!("SELECT {COLUMNS} FROM events e WHERE {condition} AND number = ?"))?;
    let mut numbers = statement.query(params_from_iter(of_candidates))?;
    while let Some(candidate) = numbers.next()?
        && events.len() < filter.limit
    {
        let number: i64 = candidate.get(0)?;
        let with_number = values.iter().cloned().chain([number.into()]);
        events.extend(matching.query_row(params_from_iter(with_number), |row| event(db, row)).optional()?);
    }
    Ok(events)
}

/// What deliveries say of the filter: a statement that gives the numbers of the events with a delivery in
/// that state, by that handler, the highest first. Going through the deliveries reads a fiftieth of what
/// going through the events does.
fn candidates(filter: &Filter) -> Option<(String, Vec<Value>)> {
    let (mut conditions, mut values) = (vec!["event < ?".to_owned()], vec![filter.before.unwrap_or(i64::MAX).into()]);
    if let Some(number) = filter.state.and_then(number) {
        // A literal: by it the index of dead ones is found.
        conditions.push(format!("state = {number}"));
    }
    if let Some(handler) = &filter.handler {
        conditions.push("handler = ?".to_owned());
        values.push(handler.clone().into());
    }
    if conditions.len() == 1 {
        return None;
    }
    // The index of dead ones is in the right order; through another one, all would have to be sorted.
    let index = if filter.state == Some(State::Dead) { "" } else { "NOT INDEXED" };
    let mut sql = format!("SELECT DISTINCT event FROM deliveries {index} WHERE {}", conditions.join(" AND "));
    if filter.state == Some(State::Discarded) && filter.handler.is_none() {
        // Refused bodies that were set aside.
        sql += " UNION SELECT number FROM events WHERE kind IS NULL AND discarded";
    }
    Some((sql + " ORDER BY 1 DESC", values))
}

/// One event.
pub(super) fn show(db: &Connection, key: EventKey) -> rusqlite::Result<Option<EventView>> {
    db.query_row(&format!("SELECT {COLUMNS} FROM events WHERE key = ?1"), [key.0], |row| event(db, row)).optional()
}

/// The rest of the filter, with the values for its parameters.
fn condition(filter: &Filter) -> (String, Vec<Value>) {
    const HAS: &str = "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.number";
    let mut conditions = vec!["TRUE".to_owned()];
    let mut values = Vec::new();
    let mut add = |condition: &str, value: Option<Value>| {
        conditions.push(condition.to_owned());
        values.extend(value);
    };
    match filter.state {
        Some(State::Refused) => add("kind IS NULL AND NOT discarded", None),
        Some(State::Unwanted) => add(&format!("kind IS NOT NULL AND NOT {HAS})"), None),
        // Done with one handler is not done yet, unless it is that handler that was asked for.
        Some(State::Done) if filter.handler.is_none() => add(&format!("NOT {HAS} AND d.state != 1)"), None),
        _ => {}
    }
    if let Some(kind) = filter.kind {
        add("kind = ?", Some(kind.as_str().to_owned().into()));
    }
    if let Some(pattern) = &filter.event {
        add("coalesce(event_name, 'Changed') GLOB ?", Some(pattern.clone().into()));
    }
    if let Some(subject) = &filter.subject {
        add("? IN (subject, document)", Some(subject.clone().into()));
    }
    if let Some(since) = filter.since {
        add("received >= ?", Some(micros(since).into()));
    }
    if let Some(until) = filter.until {
        add("received < ?", Some(micros(until).into()));
    }
    if let Some(before) = filter.before {
        add("number < ?", Some(before.into()));
    }
    (conditions.join(" AND "), values)
}

fn event(db: &Connection, row: &Row<'_>) -> rusqlite::Result<EventView> {
    let number = row.get(0)?;
    let kind: Option<String> = row.get(3)?;
    let deliveries = deliveries_of(db, number)?;
    let state = State::of(kind.is_some(), row.get(13)?, &deliveries);
    Ok(EventView {
        number,
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
        deliveries,
    })
}

fn deliveries_of(db: &Connection, event: i64) -> rusqlite::Result<Vec<DeliveryView>> {
    let mut statement = db.prepare_cached(
        "SELECT handler, state, attempts, due, changed,
                CASE state WHEN 0 THEN
                    (SELECT e.id FROM deliveries first JOIN events e ON e.number = first.event
                     WHERE first.handler = d.handler AND first.lane = d.lane AND first.state = 0
                       AND first.event < d.event ORDER BY first.event LIMIT 1) END,
                state = 0 AND begun IS NOT NULL
         FROM deliveries d WHERE event = ?1 ORDER BY handler",
    )?;
    let mut rows = statement.query([event])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let handler: String = row.get(0)?;
        let failures = failures_of(db, event, &handler)?;
        found.push(DeliveryView {
            state: state(row.get(1)?),
            attempts: row.get(2)?,
            due: row.get::<_, Option<i64>>(3)?.map(timestamp),
            changed: timestamp(row.get(4)?),
            waits_for: row.get(5)?,
            being_delivered: row.get(6)?,
            handler,
            failures,
        });
    }
    Ok(found)
}

fn failures_of(db: &Connection, event: i64, handler: &str) -> rusqlite::Result<Vec<FailureView>> {
    db.prepare_cached(
        "SELECT attempt, at, took, reason FROM failures WHERE event = ?1 AND handler = ?2 ORDER BY at, attempt",
    )?
    .query_map(params![event, handler], |row| {
        Ok(FailureView {
            attempt: row.get(0)?,
            at: timestamp(row.get(1)?),
            milliseconds: row.get::<_, i64>(2)?.unsigned_abs(),
            reason: row.get(3)?,
        })
    })?
    .collect()
}
