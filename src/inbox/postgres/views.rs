//! What people see of events. Which they ask for is in `filter`; here those are read, each table once for all of them,
//! and no body.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::acts;
use super::filter::{self, Query};
use crate::inbox::kept::refs_of;
use crate::inbox::stored::state_by;
use crate::inbox::{ActionView, AttemptView, Count, DeliveryView, Ending, EventKey, EventView, Filter, State, Unread};
use crate::model::Kind;

/// How many are counted that have not been read.
const UNREAD: i64 = 10_000;

/// Events that match, the newest first.
pub(super) async fn list(db: &ClientWrapper, filter: &Filter) -> Result<Vec<EventView>, Error> {
    views(db, &sequences(db, filter).await?).await
}

/// The sequences of those that match, the newest first.
pub(super) async fn sequences(db: &ClientWrapper, filter: &Filter) -> Result<Vec<i64>, Error> {
    let lead = filter::lead(db, filter).await?;
    Ok(ask(db, &filter::sequences(filter, lead)).await?.iter().map(|row| row.get(0)).collect())
}

/// How many match.
pub(super) async fn count(db: &ClientWrapper, filter: &Filter, most: usize) -> Result<Count, Error> {
    let lead = filter::lead(db, filter).await?;
    let rows = ask(db, &filter::count(filter, lead, most)).await?;
    let found = rows.first().map_or(0, |row| usize::try_from(row.get::<_, i64>(0)).unwrap_or_default());
    Ok(if found > most { Count::MoreThan(most) } else { Count::Exactly(found) })
}

async fn ask(db: &ClientWrapper, query: &Query) -> Result<Vec<Row>, Error> {
    let values: Vec<&(dyn ToSql + Sync)> = query.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    db.query(&query.sql, &values).await
}

/// One event.
pub(super) async fn show(db: &ClientWrapper, key: EventKey) -> Result<Option<EventView>, Error> {
    let statement = db.prepare_cached("SELECT number FROM events WHERE key = $1").await?;
    let Some(row) = db.query_opt(&statement, &[&key.0.as_slice()]).await? else { return Ok(None) };
    Ok(views(db, &[row.get(0)]).await?.pop())
}

/// The events whose keys are from one to another, in the order of those.
pub(super) async fn between(
    db: &ClientWrapper,
    first: EventKey,
    last: EventKey,
    most: usize,
) -> Result<Vec<EventView>, Error> {
    let statement = "SELECT number FROM events WHERE key >= $1 AND key <= $2 ORDER BY key LIMIT $3";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let statement = db.prepare_cached(statement).await?;
    let rows = db.query(&statement, &[&first.0.as_slice(), &last.0.as_slice(), &most]).await?;
    let mut events = views(db, &rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>()).await?;
    events.sort_unstable_by_key(|event| event.key);
    Ok(events)
}

/// How far is read what came before references were kept. What came since then has its checksum.
pub(super) async fn unread(db: &ClientWrapper) -> Result<Option<Unread>, Error> {
    let statement = "\
        SELECT e.received, (SELECT count(*) FROM (SELECT 1 FROM listed WHERE refs IS NULL AND checksum IS NULL LIMIT $1)
                                                  AS unread)
        FROM (SELECT event FROM listed WHERE refs IS NULL AND checksum IS NULL ORDER BY event DESC LIMIT 1) AS newest
        JOIN events e ON e.number = newest.event";
    let row = db.query_opt(&db.prepare_cached(statement).await?, &[&UNREAD]).await?;
    let events = |row: &Row| usize::try_from(row.get::<_, i64>(1)).unwrap_or_default();
    Ok(row.map(|row| Unread { newest: row.get(0), events: events(&row) }))
}

/// (The length of a body is known without it.)
const EVENTS: &str = "\
    SELECT e.number, e.id, e.received, e.kind, e.event_name, e.subject, e.document, e.company, e.path, e.content_type,
           octet_length(e.body), e.reason, e.status, e.discarded, CASE WHEN e.kind IS NULL THEN r.copies END, e.key,
           coalesce(l.origin, 'webhook'), l.address, l.credential, l.answer, coalesce(l.repeats, 0), l.repeated, l.refs,
           x.at
    FROM events e LEFT JOIN listed l ON l.event = e.number LEFT JOIN refused r ON r.event = e.number
         LEFT JOIN erased x ON x.event = e.number
    WHERE e.number = ANY ($1) ORDER BY e.number DESC";

/// Those of these sequences that there are, the highest first.
pub(super) async fn views(db: &ClientWrapper, sequences: &[i64]) -> Result<Vec<EventView>, Error> {
    if sequences.is_empty() {
        return Ok(Vec::new());
    }
    let events = db.prepare_cached(EVENTS).await?;
    let rows = db.query(&events, &[&sequences]).await?;
    let keys: Vec<&[u8]> = rows.iter().map(|row| row.get(15)).collect();
    let (mut attempts, mut deliveries, mut actions) =
        tokio::try_join!(attempts_at(db, sequences), deliveries_of(db, sequences), acts::of(db, &keys))?;
    let view = |row: &Row| {
        let (sequence, key): (i64, &[u8]) = (row.get(0), row.get(15));
        let attempts = attempts.remove(&sequence).unwrap_or_default();
        let deliveries = deliveries.remove(&sequence).unwrap_or_default();
        let deliveries = deliveries.into_iter().map(|delivery| delivery.with_failures(&attempts)).collect();
        event(row, deliveries, attempts, actions.remove(key).unwrap_or_default())
    };
    Ok(rows.iter().map(view).collect())
}

fn event(row: &Row, deliveries: Vec<DeliveryView>, attempts: Vec<AttemptView>, actions: Vec<ActionView>) -> EventView {
    let kind: Option<&str> = row.get(3);
    EventView {
        key: Uuid::from_slice(row.get(15)).unwrap_or_default(),
        sequence: row.get(0),
        id: row.get(1),
        state: State::of(kind.is_some(), row.get(13), &deliveries),
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
        status: status(row, 12),
        copies: row.get::<_, Option<i32>>(14).and_then(|copies| u32::try_from(copies).ok()),
        origin: row.get(16),
        address: row.get(17),
        credential: row.get(18),
        answer: status(row, 19),
        repeats: count_in(row, 20),
        repeated: row.get(21),
        erased: row.get(23),
        references: row.get::<_, Option<&str>>(22).map(refs_of),
        deliveries,
        attempts,
        actions,
    }
}

/// The attempts at those events that are kept, by event.
async fn attempts_at(db: &ClientWrapper, events: &[i64]) -> Result<HashMap<i64, Vec<AttemptView>>, Error> {
    let statement = "SELECT event, handler, round, attempt, begun, took, ending, status, answer, reason
                     FROM attempts WHERE event = ANY ($1) ORDER BY event, number";
    let mut found: HashMap<i64, Vec<AttemptView>> = HashMap::new();
    for row in db.query(&db.prepare_cached(statement).await?, &[&events]).await? {
        found.entry(row.get(0)).or_default().push(AttemptView {
            handler: row.get(1),
            round: count_in(&row, 2),
            attempt: count_in(&row, 3),
            begun: row.get(4),
            milliseconds: u64::try_from(row.get::<_, i64>(5)).unwrap_or_default(),
            outcome: row.get::<_, Option<&str>>(6).and_then(Ending::from_name),
            status: status(&row, 7),
            answer: row.get(8),
            reason: row.get(9),
        });
    }
    Ok(found)
}

/// The deliveries of those events, by event.
async fn deliveries_of(db: &ClientWrapper, events: &[i64]) -> Result<HashMap<i64, Vec<DeliveryView>>, Error> {
    let statement = "SELECT event, handler, state, attempts, due, changed,
                            CASE state WHEN 0 THEN
                                (SELECT e.id FROM deliveries first JOIN events e ON e.number = first.event
                                 WHERE first.handler = d.handler AND first.lane = d.lane AND first.state = 0
                                   AND first.event < d.event ORDER BY first.event LIMIT 1) END,
                            state = 0 AND (SELECT c.begun FROM claims c WHERE c.handler = d.handler AND c.lane = d.lane
                                           AND c.begun = d.event) IS NOT NULL, round, reason
                     FROM deliveries d WHERE event = ANY ($1) ORDER BY event, handler";
    let mut found: HashMap<i64, Vec<DeliveryView>> = HashMap::new();
    for row in db.query(&db.prepare_cached(statement).await?, &[&events]).await? {
        found.entry(row.get(0)).or_default().push(DeliveryView {
            handler: row.get(1),
            state: state_by(row.get(1), row.get(2)),
            attempts: count_in(&row, 3),
            round: count_in(&row, 8),
            due: row.get(4),
            changed: row.get(5),
            waits_for: row.get(6),
            being_delivered: row.get(7),
            reason: row.get(9),
            failures: Vec::new(),
        });
    }
    Ok(found)
}

fn count_in(row: &Row, column: usize) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or_default()
}

fn status(row: &Row, column: usize) -> Option<u16> {
    row.get::<_, Option<i32>>(column).and_then(|status| u16::try_from(status).ok())
}
