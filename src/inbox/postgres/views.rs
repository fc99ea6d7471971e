//! Queries for people: events with the state they are in.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::inbox::stored::{number, state};
use crate::inbox::view::FailureView;
use crate::inbox::{DeliveryView, EventKey, EventView, Filter, State};
use crate::model::Kind;

const COLUMNS: &str = "number, id, received, kind, event_name, subject, document, company, path, content_type,
                       octet_length(body), reason, status, discarded,
                       CASE WHEN kind IS NULL THEN (SELECT copies FROM refused r WHERE r.event = number) END";

type Values = Vec<Box<dyn ToSql + Sync + Send>>;

/// Events that match, the newest first.
pub(super) async fn list(db: &ClientWrapper, filter: &Filter) -> Result<Vec<EventView>, Error> {
    let (condition, mut values) = condition(filter);
    values.push(Box::new(i64::try_from(filter.limit).unwrap_or(i64::MAX)));
    let limit = values.len();
    let sql = format!("SELECT {COLUMNS} FROM events e WHERE {condition} ORDER BY number DESC LIMIT ${limit}");
    events(db, &sql, &values).await
}

/// One event.
pub(super) async fn show(db: &ClientWrapper, key: EventKey) -> Result<Option<EventView>, Error> {
    let values: Values = vec![Box::new(key.0.to_vec())];
    let found = events(db, &format!("SELECT {COLUMNS} FROM events WHERE key = $1"), &values).await?;
    Ok(found.into_iter().next())
}

/// The filter, with the values for its parameters.
fn condition(filter: &Filter) -> (String, Values) {
    let mut conditions = vec!["TRUE".to_owned()];
    let mut values = Values::new();
    let mut add = |condition: &str, value: Box<dyn ToSql + Sync + Send>| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("${}", values.len())));
    };
    let handler = filter.handler.clone();
    let has = "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.number";
    // Few are pending or set aside, so they are looked up; all others are met on the way. (`OFFSET 0`
    // keeps the planner from looking them all up.)
    let number = filter.state.filter(|state| *state != State::Done).and_then(number);
    match (number, filter.state, handler) {
        (Some(number), _, Some(handler)) => add(
            &format!("number IN (SELECT event FROM deliveries WHERE state = {number} AND handler = ?)"),
            Box::new(handler),
        ),
        (Some(number), state, None) => {
            let bodies = "UNION SELECT number FROM events WHERE kind IS NULL AND discarded";
            let bodies = if state == Some(State::Discarded) { bodies } else { "" };
            conditions.push(format!("number IN (SELECT event FROM deliveries WHERE state = {number} {bodies})"));
        }
        (None, Some(State::Done), Some(handler)) => {
            add(&format!("{has} AND d.state = 1 AND d.handler = ? OFFSET 0)"), Box::new(handler));
        }
        // Done with one handler is not done yet, unless it is that handler that was asked for.
        (None, Some(State::Done), None) => {
            conditions.push(format!("{has} OFFSET 0) AND NOT {has} AND d.state != 1 OFFSET 0)"));
        }
        (None, _, Some(handler)) => add(&format!("{has} AND d.handler = ? OFFSET 0)"), Box::new(handler)),
        (None, _, None) => {}
    }
    let mut add = |condition: &str, value: Option<Box<dyn ToSql + Sync + Send>>| {
        values.extend(value);
        conditions.push(condition.replace('?', &format!("${}", values.len())));
    };
    match filter.state {
        Some(State::Refused) => add("kind IS NULL AND NOT discarded", None),
        Some(State::Unwanted) => add(&format!("kind IS NOT NULL AND NOT {has} OFFSET 0)"), None),
        _ => {}
    }
    if let Some(kind) = filter.kind {
        add("kind = ?", Some(Box::new(kind.as_str())));
    }
    if let Some(pattern) = &filter.event {
        add("coalesce(event_name, 'Changed') LIKE ?", Some(Box::new(like(pattern))));
    }
    if let Some(subject) = &filter.subject {
        add("? IN (subject, document)", Some(Box::new(subject.clone())));
    }
    if let Some(since) = filter.since {
        add("received >= ?", Some(Box::new(since)));
    }
    if let Some(until) = filter.until {
        add("received < ?", Some(Box::new(until)));
    }
    if let Some(before) = filter.before {
        add("number < ?", Some(Box::new(before)));
    }
    (conditions.join(" AND "), values)
}

/// A pattern with `*` and `?`, as `LIKE` takes it.
fn like(pattern: &str) -> String {
    let mut like = String::new();
    for character in pattern.chars() {
        match character {
            '*' => like.push('%'),
            '?' => like.push('_'),
            '%' | '_' | '\\' => like.extend(['\\', character]),
            other => like.push(other),
        }
    }
    like
}

async fn events(db: &ClientWrapper, sql: &str, values: &Values) -> Result<Vec<EventView>, Error> {
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    let rows = db.query(sql, &values).await?;
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let mut deliveries = deliveries_of(db, &numbers).await?;
    Ok(rows.iter().map(|row| event(row, deliveries.remove(&row.get(0)).unwrap_or_default())).collect())
}

fn event(row: &Row, deliveries: Vec<DeliveryView>) -> EventView {
    let kind: Option<&str> = row.get(3);
    let state = State::of(kind.is_some(), row.get(13), &deliveries);
    EventView {
        number: row.get(0),
        id: row.get(1),
        state,
        received: row.get(2),
        kind: kind.and_then(Kind::from_name),
        event_name: row.get(4),
        subject: row.get(5),
        document_number: row.get(6),
        company_id: row.get(7),
        path: row.get(8),
        content_type: row.get(9),
        size: u64::try_from(row.get::<_, i32>(10)).unwrap_or_default(),
        reason: row.get(11),
        status: row.get::<_, Option<i32>>(12).and_then(|status| u16::try_from(status).ok()),
        copies: row.get::<_, Option<i32>>(14).and_then(|copies| u32::try_from(copies).ok()),
        deliveries,
    }
}

/// The deliveries of those events, by event.
async fn deliveries_of(db: &ClientWrapper, events: &[i64]) -> Result<HashMap<i64, Vec<DeliveryView>>, Error> {
    let statement = "SELECT event, handler, attempt, at, took, reason FROM failures WHERE event = ANY ($1)
                     ORDER BY event, handler, at, attempt";
    let mut failures: HashMap<(i64, String), Vec<FailureView>> = HashMap::new();
    for row in db.query(statement, &[&events]).await? {
        failures.entry((row.get(0), row.get(1))).or_default().push(FailureView {
            attempt: count(&row, 2),
            at: row.get(3),
            milliseconds: u64::try_from(row.get::<_, i64>(4)).unwrap_or_default(),
            reason: row.get(5),
        });
    }
    let statement = "SELECT event, handler, state, attempts, due, changed,
                            CASE state WHEN 0 THEN
                                (SELECT e.id FROM deliveries first JOIN events e ON e.number = first.event
                                 WHERE first.handler = d.handler AND first.lane = d.lane AND first.state = 0
                                   AND first.event < d.event ORDER BY first.event LIMIT 1) END,
                            state = 0 AND EXISTS (SELECT 1 FROM claims c WHERE c.handler = d.handler AND c.lane = d.lane
                                                  AND c.begun = d.event)
                     FROM deliveries d WHERE event = ANY ($1) ORDER BY event, handler";
    let mut found: HashMap<i64, Vec<DeliveryView>> = HashMap::new();
    for row in db.query(statement, &[&events]).await? {
        let (event, handler): (i64, String) = (row.get(0), row.get(1));
        let failures = failures.remove(&(event, handler.clone())).unwrap_or_default();
        found.entry(event).or_default().push(DeliveryView {
            handler,
            state: state(row.get(2)),
            attempts: count(&row, 3),
            due: row.get(4),
            changed: row.get(5),
            waits_for: row.get(6),
            being_delivered: row.get(7),
            failures,
        });
    }
    Ok(found)
}

fn count(row: &Row, column: usize) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or_default()
}
