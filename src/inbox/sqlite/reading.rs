//! Reading what is there: for the references in bodies that nobody has looked for, and for damage.

use std::panic::catch_unwind;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::timestamp;
use crate::decode;
use crate::inbox::kept::Record;
use crate::inbox::{Unread, Verified};
use crate::model::Reference;

/// Events that are read in one step, and the bytes of bodies after which no further one is begun.
const STEP: usize = 100;
const BYTES: usize = 8 << 20;

/// What is counted of those that are not read yet.
const COUNTED: i64 = 10_000;

/// What a record is made of.
const RECORD: &str = "key, id, content_type, kind, format, event_name, message_id, subject, document, company,
                      companies, created, body";

/// What was found in an event: to be noted. Nothing in one that cannot be read.
pub(super) struct Found {
    pub(super) event: i64,
    pub(super) references: Vec<Reference>,
    pub(super) checksum: Option<i64>,
}

/// Reads the newest events that nobody has read for their references.
pub(super) fn next(db: &Connection) -> rusqlite::Result<Vec<Found>> {
    let unread: Vec<i64> = db
        .prepare_cached("SELECT event FROM listed WHERE refs IS NULL ORDER BY event DESC LIMIT ?1")?
        .query_map([STEP], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    for event in unread {
        if bytes > BYTES {
            break;
        }
        let one = db.prepare_cached(&format!("SELECT {RECORD}, path FROM events WHERE number = ?1"))?.query_row(
            [event],
            |row| {
                let checksum = checksum(row)?;
                let (content_type, body): (Option<String>, Vec<u8>) = (row.get(2)?, row.get(12)?);
                let path: String = row.get(13)?;
                bytes += body.len();
                let body = Bytes::from(body);
                // Nothing of what is in there may keep the others from being found.
                let read = catch_unwind(|| decode::references_of(&path, content_type.as_deref(), &body));
                Ok(Found { event, references: read.unwrap_or_default(), checksum: Some(checksum) })
            },
        );
        // `inbox verify` names one that is damaged.
        found.push(one.unwrap_or(Found { event, references: Vec::new(), checksum: None }));
    }
    Ok(found)
}

/// How far the references are read of what came before they were kept.
pub(super) fn unread(db: &Connection) -> rusqlite::Result<Option<Unread>> {
    // What has a checksum has come since, and is read in a moment.
    let newest: Option<i64> = db
        .query_row(
            "SELECT received FROM listed JOIN events ON number = event WHERE refs IS NULL AND checksum IS NULL
             ORDER BY event DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    let Some(newest) = newest else { return Ok(None) };
    let events = db.query_row(
        "SELECT count(*) FROM (SELECT 1 FROM listed WHERE refs IS NULL AND checksum IS NULL LIMIT ?1)",
        [COUNTED],
        |row| row.get(0),
    )?;
    Ok(Some(Unread { newest: timestamp(newest), events }))
}

/// Makes the checksum of an event anew.
pub(super) fn checksum_anew(db: &Connection, event: i64) -> rusqlite::Result<()> {
    let sum = db.query_row(&format!("SELECT {RECORD} FROM events WHERE number = ?1"), [event], checksum)?;
    db.execute("UPDATE listed SET checksum = ?2 WHERE event = ?1", params![event, sum]).map(drop)
}

/// Compares the events after that one with their checksums, some of them.
pub(super) fn verify(db: &Connection, after: i64) -> rusqlite::Result<Verified> {
    // Of both: a damaged page may have taken either.
    let listed = sequences(db, "SELECT event FROM listed WHERE event > ?1 ORDER BY event LIMIT ?2", after);
    let stored = sequences(db, "SELECT number FROM events WHERE number > ?1 ORDER BY number LIMIT ?2", after);
    let mut sequences = match (listed, stored) {
        (Ok(mut listed), Ok(stored)) => {
            listed.extend(stored);
            listed
        }
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => one,
        (Err(error), Err(_)) => return Err(error),
    };
    sequences.sort_unstable();
    sequences.dedup();
    sequences.truncate(STEP);
    let mut verified = Verified { events: sequences.len(), last: sequences.last().copied(), ..Verified::default() };
    for event in sequences {
        match is_whole(db, event) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => verified.damaged.push((event, "it is not what was stored".to_owned())),
            Ok(None) => verified.without += 1,
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                verified.damaged.push((event, "a part of it is missing".to_owned()));
            }
            Err(error) => verified.damaged.push((event, format!("it cannot be read: {error}"))),
        }
    }
    Ok(verified)
}

fn sequences(db: &Connection, sql: &str, after: i64) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(sql)?.query_map(params![after, STEP], |row| row.get(0))?.collect()
}

/// Whether an event is as it was stored; nothing if that cannot be known.
fn is_whole(db: &Connection, event: i64) -> rusqlite::Result<Option<bool>> {
    let kept: Option<i64> =
        db.prepare_cached("SELECT checksum FROM listed WHERE event = ?1")?.query_row([event], |row| row.get(0))?;
    let now =
        db.prepare_cached(&format!("SELECT {RECORD} FROM events WHERE number = ?1"))?.query_row([event], checksum)?;
    Ok(kept.map(|kept| kept == now))
}

fn checksum(row: &Row<'_>) -> rusqlite::Result<i64> {
    let text = |column: usize| row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from);
    Ok(Record {
        key: row.get_ref(0)?.as_blob()?,
        id: row.get_ref(1)?.as_str()?,
        content_type: text(2)?,
        kind: text(3)?,
        format: text(4)?,
        event_name: text(5)?,
        message_id: text(6)?,
        subject: text(7)?,
        document: text(8)?,
        company: text(9)?,
        companies: text(10)?,
        created: text(11)?,
        body: row.get_ref(12)?.as_blob()?,
    }
    .checksum())
}
