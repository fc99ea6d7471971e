//! Statements on events: storing, refusing, accepting, loading.

use std::io::Write as _;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params, params};

use super::{actions, deliveries, listed, micros, sweep, timestamp};
use crate::decode::Content;
use crate::event::{Answers, Event, WEBHOOK};
use crate::inbox::kept::Record;
use crate::inbox::key::lane;
use crate::inbox::refused::Space;
use crate::inbox::repeat::{Newest, Says, Taken};
use crate::inbox::stored::envelope;
use crate::inbox::{Action, Claim, EventKey, Incoming, RefusedBody};
use crate::model::{Format, Kind};

/// Bodies from this size on are written in place instead of through copies.
const LARGE: usize = 64 << 10;

/// Stores an event with its deliveries, unless something has its key; whether it did. When it was received never goes
/// back from one event to the next, whatever the clock does: files are named after it. But it is never
/// more than a day ahead of the clock, whatever that was before.
pub(super) fn store(db: &Connection, incoming: &Incoming) -> rusqlite::Result<bool> {
    let envelope = &incoming.envelope;
    let companies = envelope.companies.join("\n");
    let stored = db
        .prepare_cached(
            "INSERT INTO events (number, key, id, received, path, content_type, kind, format, event_name, message_id,
                                 subject, document, company, companies, created, body)
             VALUES ((SELECT max(highest, coalesce((SELECT max(number) FROM events), 0)) + 1 FROM removed), :key, :id,
                     min(max(:received, coalesce((SELECT received + 1 FROM events ORDER BY number DESC LIMIT 1), 0)),
                         :received + 86400000000),
                     :path, :content_type, :kind, :format, :event_name, :message_id,
                     :subject, :document, :company, :companies, :created, coalesce(:body, zeroblob(:size)))
             ON CONFLICT (key) DO NOTHING RETURNING number, received",
        )?
        .query_row(
            named_params! {
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
                ":companies": companies,
                ":created": envelope.created,
                ":body": small(&incoming.body),
                ":size": incoming.body.len(),
            },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((number, received)) = stored else { return Ok(false) };
    write_large(db, number, &incoming.body)?;
    listed::add_event(db, number, received, incoming, checksum(incoming, &companies))?;
    let lane = incoming.lane();
    note_newest(db, lane, number, incoming.is_unnamed())?;
    for handler in &*incoming.handlers {
        deliveries::add(db, number, handler, lane, incoming.received)?;
    }
    Ok(true)
}

/// The checksum of what is stored of an event.
fn checksum(incoming: &Incoming, companies: &str) -> i64 {
    let envelope = &incoming.envelope;
    let record = Record {
        key: &incoming.key.0,
        id: &incoming.id,
        content_type: incoming.content_type.as_deref(),
        kind: Some(envelope.kind.as_str()),
        format: Some(envelope.format.as_str()),
        event_name: envelope.event_name.as_deref(),
        message_id: envelope.message_id.as_deref(),
        subject: envelope.subject.as_deref(),
        document: envelope.number.as_deref(),
        company: envelope.company_id.as_deref(),
        companies: Some(companies),
        created: envelope.created.as_deref(),
        body: &incoming.body,
    };
    record.checksum()
}

/// Puts an event in the place of a notice: what it says, but not how it came, nor what it goes by. Returns its checksum.
pub(super) fn replace(db: &Connection, number: i64, incoming: &Incoming) -> rusqlite::Result<i64> {
    let envelope = &incoming.envelope;
    let companies = envelope.companies.join("\n");
    db.prepare_cached(
        "UPDATE events SET content_type = ?2, kind = ?3, format = ?4, event_name = ?5, subject = ?6, document = ?7,
                company = ?8, companies = ?9, created = ?10, body = coalesce(?11, zeroblob(?12)) WHERE number = ?1",
    )?
    .execute(params![
        number,
        incoming.content_type,
        envelope.kind.as_str(),
        envelope.format.as_str(),
        envelope.event_name,
        envelope.subject,
        envelope.number,
        envelope.company_id,
        companies,
        envelope.created,
        small(&incoming.body),
        incoming.body.len(),
    ])?;
    write_large(db, number, &incoming.body)?;
    Ok(checksum(incoming, &companies))
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
    db.prepare_cached(
        "SELECT id, number, format, length(body), content_type, exact, alike
         FROM events LEFT JOIN erased ON event = number WHERE key = ?1",
    )?
    .query_row([key.0], |row| {
        let format = row.get::<_, Option<String>>(2)?.and_then(|format| Format::from_name(&format));
        let says = match (format, row.get(5)?, row.get(6)?) {
            (None, ..) => Says::Refused,
            (Some(format), Some(exact), Some(alike)) => Says::Remembered(Content::kept(format, exact, alike)),
            (Some(format), ..) => {
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
        listed::came_again(db, key, refused.received)?;
        if db.prepare_cached("SELECT 1 FROM erased WHERE event = ?1")?.exists([number])? {
            // Somebody has decided about it, and did not want to have it here.
            return Ok(id);
        }
        db.prepare_cached("UPDATE refused SET copies = copies + 1 WHERE event = ?1")?.execute([number])?;
        db.prepare_cached("UPDATE events SET discarded = 0 WHERE number = ?1 AND discarded")?.execute([number])?;
        db.prepare_cached("DELETE FROM decided WHERE event = ?1")?.execute([number])?;
        listed::set_aside(db, number, false)?;
        return Ok(id);
    }
    let used: i64 = db.prepare_cached("SELECT bytes FROM refused_total")?.query_row([], |row| row.get(0))?;
    let refused = space.fit(refused, used.unsigned_abs());
    let (number, received) = db
        .prepare_cached(
            "INSERT INTO events (number, key, id, received, path, content_type, reason, status, body)
             VALUES ((SELECT max(highest, coalesce((SELECT max(number) FROM events), 0)) + 1 FROM removed), ?1, ?2,
                     min(max(?3, coalesce((SELECT received + 1 FROM events ORDER BY number DESC LIMIT 1), 0)),
                         ?3 + 86400000000),
                     ?4, ?5, ?6, ?7, coalesce(?8, zeroblob(?9))) RETURNING number, received",
        )?
        .query_row(
            params![
                key.0,
                id,
                micros(refused.received),
                refused.path,
                refused.content_type,
                refused.reason,
                refused.status,
                small(&refused.body),
                refused.body.len(),
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    write_large(db, number, &refused.body)?;
    let record = Record {
        key: &key.0,
        id: &id,
        content_type: refused.content_type.as_deref(),
        kind: None,
        format: None,
        event_name: None,
        message_id: None,
        subject: None,
        document: None,
        company: None,
        companies: None,
        created: None,
        body: &refused.body,
    };
    listed::add_refused(db, number, received, &refused, record.checksum())?;
    db.prepare_cached("INSERT INTO refused (event, size) VALUES (?1, ?2)")?
        .execute(params![number, refused.body.len()])?;
    Ok(id)
}

/// Stores a refused body as the event that it is after all, and takes it off the list of refused ones; unless
/// something has its key. All times count from now on.
pub(super) fn accept(
    db: &Connection,
    number: i64,
    incoming: &Incoming,
    action: &Action,
    now: Timestamp,
) -> rusqlite::Result<bool> {
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
        remove_refused(db, number, incoming.key, action, now)?;
    }
    Ok(stored)
}

/// Takes a body off the list of refused ones, if the event that it is has that key and is there. Who has said so is
/// known by either id.
pub(super) fn remove_refused(
    db: &Connection,
    number: i64,
    by: EventKey,
    action: &Action,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let event: Option<String> = db
        .query_row("SELECT id FROM events WHERE key = ?1 AND kind IS NOT NULL", [by.0], |row| row.get(0))
        .optional()?;
    let Some(event) = event else { return Ok(()) };
    sweep::note_highest(db)?;
    let removed: Option<([u8; 16], String)> = db
        .query_row("DELETE FROM events WHERE number = ?1 AND kind IS NULL RETURNING key, id", [number], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((key, id)) = removed else { return Ok(()) };
    for table in ["refused", "decided", "erased"] {
        db.execute(&format!("DELETE FROM {table} WHERE event = ?1"), [number])?;
    }
    listed::forget(db, number)?;
    actions::note(db, action, 1, now)?;
    actions::note_on(db, action, EventKey(key), &id, Some(&event), now)?;
    actions::note_on(db, action, by, &id, Some(&event), now)
}

/// The event of a claim. By its key too: the inbox may be another file than it was claimed from.
pub(super) fn load(db: &Connection, claim: &Claim) -> rusqlite::Result<Event> {
    db.prepare_cached(
        "SELECT kind, format, event_name, message_id, subject, document, company, companies, created, id,
                received, content_type, body, (SELECT origin FROM listed WHERE event = ?1)
         FROM events WHERE number = ?1 AND key = ?2 AND kind IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM erased WHERE event = ?1)",
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
            origin: row.get::<_, Option<String>>(13)?.map_or(WEBHOOK.into(), Into::into),
            documents: None,
            answers: Answers::default(),
        })
    })
}

/// The same, to compare it with another one: not if it was erased meanwhile.
pub(super) fn body_to_compare(db: &Connection, number: i64) -> rusqlite::Result<Bytes> {
    db.prepare_cached(
        "SELECT body FROM events WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM erased WHERE event = ?1)",
    )?
    .query_row([number], |row| row.get::<_, Vec<u8>>(0))
    .map(Bytes::from)
}

/// The body of an event.
pub(super) fn body(db: &Connection, number: i64) -> rusqlite::Result<Bytes> {
    db.query_row("SELECT body FROM events WHERE number = ?1", [number], |row| row.get::<_, Vec<u8>>(0)).map(Bytes::from)
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
