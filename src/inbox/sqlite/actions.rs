//! Statements on what people did.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{micros, timestamp};
use crate::inbox::{Action, ActionView, Deed, EventKey};

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
