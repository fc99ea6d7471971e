//! Statements on events: storing, refusing, loading, removing.

use std::io::Write as _;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params, params};

use super::{deliveries, micros, timestamp};
use crate::event::{Answers, Event};
use crate::inbox::key::lane;
use crate::inbox::refused::Space;
use crate::inbox::repeat::{Newest, Says, Taken};
use crate::inbox::stored::{SWEEP_STEP, envelope};
use crate::inbox::{Claim, EventKey, Incoming, Overdue, RefusedBody, Swept};
use crate::model::{Format, Kind};

/// Bodies from this size on are written in place instead of through copies.
const LARGE: usize = 64 << 10;

/// Stores an event with its deliveries, unless something has its key; whether it did. When it was received never goes
/// back from one event to the next, whatever the clock does: files are named after it. But it is never
/// more than a day ahead of the clock, whatever that was before.
pub(super) fn store(db: &Connection, incoming: &Incoming) -> rusqlite::Result<bool> {
    let envelope = &incoming.envelope;
    let stored = db
        .prepare_cached(
            "INSERT INTO events (key, id, received, path, content_type, kind, format, event_name, message_id,
                                 subject, document, company, companies, created, body)
             VALUES (:key, :id,
                     min(max(:received, coalesce((SELECT received + 1 FROM events ORDER BY number DESC LIMIT 1), 0)),
                         :received + 86400000000),
                     :path, :content_type, :kind, :format, :event_name, :message_id,
                     :subject, :document, :company, :companies, :created, coalesce(:body, zeroblob(:size)))
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute(named_params! {
            ":key": incoming.key.0,
            ":id": incoming.id,
            ":received": micros(incoming.received),
            ":path": incoming.path,
            ":content_type": incoming.content_type,
            ":kind": envelope.kind.as_str(),
            ":format": envelope.format.as_str(),
            ":event_name": envelope.event_name,
            ":message_id": envelope.message_id,
            ":subject": envelope.subject,
            ":document": envelope.number,
            ":company": envelope.company_id,
            ":companies": envelope.companies.join("\n"),
            ":created": envelope.created,
            ":body": small(&incoming.body),
            ":size": incoming.body.len(),
        })?;
    if stored == 0 {
        return Ok(false);
    }
    let number = db.last_insert_rowid();
    write_large(db, number, &incoming.body)?;
    let lane = incoming.lane();
    note_newest(db, lane, number, incoming.is_unnamed())?;
    for handler in &*incoming.handlers {
        deliveries::add(db, number, handler, lane, incoming.received)?;
    }
    Ok(true)
}

/// Notes the newest event of an order or shipment, if it has had one without a `messageId`.
fn note_newest(db: &Connection, lane: i64, number: i64, is_unnamed: bool) -> rusqlite::Result<()> {
    let statement = if is_unnamed {
        "INSERT INTO unnamed (lane, newest) VALUES (?1, ?2) ON CONFLICT (lane) DO UPDATE SET newest = excluded.newest"
    } else {
        "UPDATE unnamed SET newest = ?2 WHERE lane = ?1"
    };
    db.prepare_cached(statement)?.execute(params![lane, number]).map(drop)
}

/// Does so for all events that came before it was noted: version 3 of the inbox. Only of those of which it is certain
/// that nothing that came after them was removed. Others are stored once more when they come again; if something
/// has come in between, they are news.
pub(super) fn note_newest_of_all(db: &Connection) -> rusqlite::Result<()> {
    // What is still there although everybody has been through with it since then: retention would have removed that
    // before anything that came later.
    let certain: Option<i64> = db.query_row(
        "SELECT min(ended) FROM (SELECT max(max(d.changed), e.received) AS ended
                                 FROM deliveries d JOIN events e ON e.number = d.event
                                 GROUP BY d.event HAVING max(d.state IN (0, 2)) = 0)",
        [],
        |row| row.get(0),
    )?;
    let mut events = db.prepare(
        "SELECT number, kind, subject, key, coalesce(message_id, '') = '' FROM events
         WHERE kind IS NOT NULL AND received >= ?1 ORDER BY number",
    )?;
    let mut rows = events.query([certain])?;
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        // Written by `store`, so it is known.
        let kind = Kind::from_name(&kind).unwrap_or(Kind::Order);
        let lane = lane(kind, row.get::<_, Option<String>>(2)?.as_deref(), EventKey(row.get(3)?));
        note_newest(db, lane, row.get(0)?, row.get(4)?)?;
    }
    Ok(())
}

/// The newest event in a lane that an event without a `messageId` is in.
pub(super) fn newest(db: &Connection, lane: i64) -> rusqlite::Result<Option<Newest>> {
    let statement =
        "SELECT e.key, e.id, e.number FROM unnamed u JOIN events e ON e.number = u.newest WHERE u.lane = ?1";
    db.prepare_cached(statement)?
        .query_row([lane], |row| Ok(Newest { key: EventKey(row.get(0)?), id: row.get(1)?, number: row.get(2)? }))
        .optional()
}

/// What has a key.
pub(super) fn taken(db: &Connection, key: EventKey) -> rusqlite::Result<Option<Taken>> {
    db.prepare_cached("SELECT id, number, format, length(body), content_type FROM events WHERE key = ?1")?
        .query_row([key.0], |row| {
            let format = row.get::<_, Option<String>>(2)?.and_then(|format| Format::from_name(&format));
            let says = match format {
                None => Says::Refused,
                Some(format) => {
                    Says::Kept { number: row.get(1)?, format, content_type: row.get(4)?, size: row.get(3)? }
                }
            };
            Ok(Taken { id: row.get(0)?, says })
        })
        .optional()
}

/// Keeps a refused body; returns its id. One that was there already is counted, and if somebody had set it
/// aside, it is refused again.
pub(super) fn refuse(
    db: &Connection,
    (key, id): (EventKey, String),
    refused: RefusedBody,
    space: &Space,
) -> rusqlite::Result<String> {
    let known: Option<i64> = db
        .prepare_cached("SELECT number FROM events WHERE key = ?1")?
        .query_row([key.0], |row| row.get(0))
        .optional()?;
    if let Some(number) = known {
        db.prepare_cached("UPDATE refused SET copies = copies + 1 WHERE event = ?1")?.execute([number])?;
        db.prepare_cached("UPDATE events SET discarded = 0 WHERE number = ?1 AND discarded")?.execute([number])?;
        db.prepare_cached("DELETE FROM decided WHERE event = ?1")?.execute([number])?;
        return Ok(id);
    }
    let used: i64 = db.prepare_cached("SELECT bytes FROM refused_total")?.query_row([], |row| row.get(0))?;
    let refused = space.fit(refused, used.unsigned_abs());
    db.prepare_cached(
        "INSERT INTO events (key, id, received, path, content_type, reason, status, body)
         VALUES (?1, ?2, min(max(?3, coalesce((SELECT received + 1 FROM events ORDER BY number DESC LIMIT 1), 0)), ?3 + 86400000000),
                 ?4, ?5, ?6, ?7, coalesce(?8, zeroblob(?9)))",
    )?
    .execute(params![
        key.0,
        id,
        micros(refused.received),
        refused.path,
        refused.content_type,
        refused.reason,
        refused.status,
        small(&refused.body),
        refused.body.len(),
    ])?;
    let number = db.last_insert_rowid();
    write_large(db, number, &refused.body)?;
    db.prepare_cached("INSERT INTO refused (event, size) VALUES (?1, ?2)")?
        .execute(params![number, refused.body.len()])?;
    Ok(id)
}

/// Stores a refused body as the event that it is after all, and takes it off the list of refused ones; unless
/// something has its key. All times count from now on.
pub(super) fn accept(db: &Connection, number: i64, incoming: &Incoming, now: Timestamp) -> rusqlite::Result<bool> {
    let stored = store(db, incoming)?;
    if stored {
        let event: i64 =
            db.query_row("SELECT number FROM events WHERE key = ?1", [incoming.key.0], |row| row.get(0))?;
        db.execute("INSERT OR REPLACE INTO decided (event, at) VALUES (?1, ?2)", params![event, micros(now)])?;
        db.execute(
            "UPDATE deliveries SET since = ?2, changed = ?2, due = CASE WHEN due IS NULL THEN NULL ELSE ?2 END
             WHERE event = ?1",
            params![event, micros(now)],
        )?;
        remove_refused(db, number, incoming.key)?;
    }
    Ok(stored)
}

/// Takes a body off the list of refused ones, if the event that it is has that key and is there.
pub(super) fn remove_refused(db: &Connection, number: i64, key: EventKey) -> rusqlite::Result<()> {
    let there = "EXISTS (SELECT 1 FROM events e WHERE e.key = ?2 AND e.kind IS NOT NULL)";
    let removed = db.execute(
        &format!("DELETE FROM events WHERE number = ?1 AND kind IS NULL AND {there}"),
        params![number, key.0],
    )?;
    if removed > 0 {
        db.execute("DELETE FROM refused WHERE event = ?1", [number])?;
        db.execute("DELETE FROM decided WHERE event = ?1", [number])?;
    }
    Ok(())
}

/// The event of a claim. By its key too: the inbox may be another file than it was claimed from.
pub(super) fn load(db: &Connection, claim: &Claim) -> rusqlite::Result<Event> {
    db.prepare_cached(
        "SELECT kind, format, event_name, message_id, subject, document, company, companies, created, id,
                received, content_type, body
         FROM events WHERE number = ?1 AND key = ?2 AND kind IS NOT NULL",
    )?
    .query_row(params![claim.event, claim.key.0], |row| {
        Ok(Event {
            envelope: envelope(|column| row.get(column))?,
            id: row.get(9)?,
            received: timestamp(row.get(10)?),
            attempt: claim.attempts + 1,
            round: claim.round,
            content_type: row.get(11)?,
            body: Bytes::from(row.get::<_, Vec<u8>>(12)?),
            answers: Answers::default(),
        })
    })
}

/// The body of an event.
pub(super) fn body(db: &Connection, number: i64) -> rusqlite::Result<Bytes> {
    db.query_row("SELECT body FROM events WHERE number = ?1", [number], |row| row.get::<_, Vec<u8>>(0)).map(Bytes::from)
}

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
        for table in ["deliveries", "failures", "refused", "decided"] {
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

fn small(body: &Bytes) -> Option<&[u8]> {
    (body.len() < LARGE).then_some(body.as_ref())
}

fn write_large(db: &Connection, number: i64, body: &Bytes) -> rusqlite::Result<()> {
    if body.len() >= LARGE {
        let mut blob = db.blob_open("main", "events", "body", number, false)?;
        blob.write_all(body).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        blob.close()?;
    }
    Ok(())
}
