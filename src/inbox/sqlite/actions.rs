//! Statements on what people did.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{micros, timestamp};
use crate::inbox::{ActedOn, Action, ActionView, Deed, DeedView, EventKey};

/// Notes an action, or that it was about so many events more.
pub(super) fn note(db: &Connection, action: &Action, events: usize, now: Timestamp) -> rusqlite::Result<()> {
    if events == 0 {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO actions (id, at, who, via, address, what, handler, filter, reason, events)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (id) DO UPDATE SET events = events + excluded.events",
    )?
    .execute(params![
        action.id.as_bytes(),
        micros(now),
        action.who,
        action.via,
        action.address,
        action.what.as_str(),
        action.handler,
        action.filter,
        action.reason,
        events,
    ])
    .map(drop)
}

/// Notes that it was about that event.
pub(super) fn note_on(
    db: &Connection,
    action: &Action,
    key: EventKey,
    id: &str,
    became: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO acted (key, at, action, id, became) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![key.0, micros(now), action.id.as_bytes(), id, became])
        .map(drop)
}

/// What people did to an event, in the order they did.
pub(super) fn on(db: &Connection, key: EventKey) -> rusqlite::Result<Vec<ActionView>> {
    db.prepare_cached(
        "SELECT a.id, on_it.at, a.who, a.via, a.address, a.what, a.handler, a.filter, a.reason, a.events, on_it.id,
                on_it.became
         FROM acted on_it JOIN actions a ON a.id = on_it.action WHERE on_it.key = ?1 ORDER BY on_it.at",
    )?
    .query_map([key.0], |row| {
        Ok(ActionView {
            id: Uuid::from_bytes(row.get(0)?),
            at: timestamp(row.get(1)?),
            who: row.get(2)?,
            via: row.get(3)?,
            address: row.get(4)?,
            // Written by `note`, so it is known.
            what: Deed::from_name(&row.get::<_, String>(5)?).unwrap_or(Deed::Deliver),
            handler: row.get(6)?,
            filter: row.get(7)?,
            reason: row.get(8)?,
            events: row.get(9)?,
            event: row.get(10)?,
            became: row.get(11)?,
        })
    })?
    .collect()
}

/// Whether that was done to an event before. Found by the event: there may be a million of the action.
pub(super) fn is_on(db: &Connection, action: &Action, key: EventKey) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM acted WHERE key = ?1 AND +action = ?2")?
        .exists(params![key.0, action.id.as_bytes()])
}

const COLUMNS: &str = "id, at, who, via, address, what, handler, filter, reason, events";

/// What people did before that, the newest first.
pub(super) fn list(db: &Connection, before: Option<(Timestamp, Uuid)>, most: usize) -> rusqlite::Result<Vec<DeedView>> {
    let (at, id) = before.map_or((i64::MAX, Uuid::max()), |(at, id)| (micros(at), id));
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM actions WHERE at <= ?1 AND (at < ?1 OR id < ?2) ORDER BY at DESC, id DESC LIMIT ?3"
    ))?
    .query_map(params![at, id.as_bytes(), most], deed)?
    .collect()
}

/// One of them.
pub(super) fn one(db: &Connection, id: Uuid) -> rusqlite::Result<Option<DeedView>> {
    let sql = format!("SELECT {COLUMNS} FROM actions WHERE id = ?1");
    db.prepare_cached(&sql)?.query_row([id.as_bytes()], deed).optional()
}

/// The events that it was done to, in the order it was. Found by the time from which on it was done: of one that was about
/// a million, others come between few of them, and nothing has to be sorted.
pub(super) fn acted(db: &Connection, id: Uuid, after: Option<ActedOn>, most: usize) -> rusqlite::Result<Vec<ActedOn>> {
    let (at, key) = if let Some(after) = after {
        (micros(after.at), after.key.0.to_vec())
    } else {
        let Some(deed) = one(db, id)? else { return Ok(Vec::new()) };
        (micros(deed.at), Vec::new())
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT d.at, d.key, e.number FROM acted d INDEXED BY acted_at LEFT JOIN events e ON e.key = d.key
         WHERE d.at >= ?1 AND (d.at > ?1 OR d.key > ?2) AND d.action = ?3 ORDER BY d.at, d.key LIMIT ?4",
    )?
    .query_map(params![at, key, id.as_bytes(), most], |row| {
        Ok(ActedOn { at: timestamp(row.get(0)?), key: EventKey(row.get(1)?), sequence: row.get(2)? })
    })?
    .collect()
}

fn deed(row: &Row<'_>) -> rusqlite::Result<DeedView> {
    Ok(DeedView {
        id: Uuid::from_bytes(row.get(0)?),
        at: timestamp(row.get(1)?),
        who: row.get(2)?,
        via: row.get(3)?,
        address: row.get(4)?,
        what: Deed::from_name(&row.get::<_, String>(5)?).unwrap_or(Deed::Deliver),
        handler: row.get(6)?,
        filter: row.get(7)?,
        reason: row.get(8)?,
        events: row.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jiff::Timestamp;
    use rusqlite::{Connection, params};

    /// A hundred thousand of them, of which one was about a million events: nothing is counted, and nothing sorted.
    #[test]
    fn what_people_did_is_listed_at_once_however_much_that_was() {
        let db = Connection::open_in_memory().unwrap();
        for schema in [include_str!("schema.sql"), include_str!("schema2.sql"), include_str!("schema4.sql")] {
            db.execute_batch(schema).unwrap();
        }
        db.execute_batch(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 99999)
             INSERT INTO actions (id, at, who, via, what, events)
             SELECT CAST(printf('%016d', n) AS BLOB), n / 7, 'anna', 'cli', 'deliver', n FROM numbers",
        )
        .unwrap();
        let plan = "EXPLAIN QUERY PLAN SELECT * FROM actions WHERE at <= ?1 AND (at < ?1 OR id < ?2)
                    ORDER BY at DESC, id DESC LIMIT ?3";
        let plan: String = db.query_row(plan, params![1, [0_u8; 16], 1], |row| row.get(3)).unwrap();
        assert!(plan.contains("actions_at (at<?)"), "{plan}");

        let begun = Instant::now();
        let (mut before, mut seen) = (None, 0);
        for _ in 0..20 {
            let page = super::list(&db, before, 50).unwrap();
            assert!(page.windows(2).all(|two| (two[0].at, two[0].id) > (two[1].at, two[1].id)));
            before = page.last().map(|last| (last.at, last.id));
            seen += page.len();
        }

        assert_eq!((seen, before.unwrap().0), (1000, Timestamp::from_microsecond(99_000 / 7).unwrap()));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
