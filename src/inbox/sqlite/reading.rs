//! Reading what is there: for the references in bodies that nobody has looked for, and for damage.

use std::panic::catch_unwind;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::timestamp;
use crate::decode;
use crate::inbox::archive::LISTED_WRONG;
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

/// What was found in an event: to be noted.
pub(super) struct Found {
    pub(super) event: i64,
    pub(super) references: Vec<Reference>,
    pub(super) checksum: i64,
}

/// What a step has come to.
#[derive(Default)]
pub(super) struct Step {
    pub(super) found: Vec<Found>,
    /// What could not be read, with why: a page is damaged, or the disk fails. Nothing is said of what is in there.
    pub(super) failed: Vec<(i64, String)>,
}

/// Reads the newest events that nobody has read for their references, but for those that are in `left`, in order.
pub(super) fn next(db: &Connection, left: &[i64]) -> rusqlite::Result<Step> {
    let mut statement = db.prepare_cached("SELECT event FROM listed WHERE refs IS NULL ORDER BY event DESC")?;
    let unread = statement.query_map([], |row| row.get(0))?;
    let is_left = |event: &i64| left.binary_search(event).is_ok();
    let unread = unread.filter(|event| !event.as_ref().is_ok_and(is_left)).take(STEP);
    let unread: Vec<i64> = unread.collect::<rusqlite::Result<_>>()?;
    let (mut step, mut bytes) = (Step::default(), 0);
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
                Ok(Found { event, references: read.unwrap_or_default(), checksum })
            },
        );
        match one {
            Ok(found) => step.found.push(found),
            // It was removed meanwhile.
            Err(rusqlite::Error::QueryReturnedNoRows) if !is_listed(db, event)? => {}
            Err(error) => step.failed.push((event, error.to_string())),
        }
    }
    Ok(step)
}

fn is_listed(db: &Connection, event: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM listed WHERE event = ?1")?.exists([event])
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

/// Compares the events after that one with their checksums, some of them, as they are at one moment: what somebody erases
/// meanwhile, or is removed after its time, is not damaged.
pub(super) fn verify(db: &Connection, after: i64) -> rusqlite::Result<Verified> {
    let _moment = db.unchecked_transaction()?;
    compare(db, after)
}

fn compare(db: &Connection, after: i64) -> rusqlite::Result<Verified> {
    // Of both: a damaged page may have taken either.
    let listed = sequences(db, "SELECT event FROM listed WHERE event > ?1 ORDER BY event LIMIT ?2", after);
    let sequences = with_stored(db, after, listed)?;
    let mut verified = Verified { events: sequences.len(), last: sequences.last().copied(), ..Verified::default() };
    for event in sequences {
        match is_whole(db, event).and_then(|whole| Ok((whole, is_listed_as_it_is(db, event)?))) {
            Ok((Some(true), true)) => {}
            Ok((Some(true) | None, false)) => verified.damaged.push((event, LISTED_WRONG.to_owned())),
            Ok((Some(false), _)) => verified.damaged.push((event, "it is not what was stored".to_owned())),
            Ok((None, true)) => verified.without += 1,
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                verified.damaged.push((event, "a part of it is missing".to_owned()));
            }
            Err(error) => verified.damaged.push((event, format!("it cannot be read: {error}"))),
        }
    }
    Ok(verified)
}

/// Those, and the next of the events themselves: as far as either can be read.
fn with_stored(db: &Connection, after: i64, others: rusqlite::Result<Vec<i64>>) -> rusqlite::Result<Vec<i64>> {
    let stored = sequences(db, "SELECT number FROM events WHERE number > ?1 ORDER BY number LIMIT ?2", after);
    let mut sequences = match (others, stored) {
        (Ok(mut others), Ok(stored)) => {
            others.extend(stored);
            others
        }
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => one,
        (Err(error), Err(_)) => return Err(error),
    };
    sequences.sort_unstable();
    sequences.dedup();
    sequences.truncate(STEP);
    Ok(sequences)
}

fn sequences(db: &Connection, sql: &str, after: i64) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(sql)?.query_map(params![after, STEP], |row| row.get(0))?.collect()
}

/// Whether an event is listed in the states that its deliveries are in, and one without deliveries as one that nobody
/// wants. All of it is read at one moment, as it may change.
fn is_listed_as_it_is(db: &Connection, event: i64) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT l.states = CASE WHEN e.kind IS NULL THEN CASE WHEN e.discarded THEN 8 ELSE 16 END
                ELSE coalesce((SELECT sum(DISTINCT 1 << CASE WHEN d.state = 0 AND d.handler = '(fetch)' THEN 5 ELSE d.state END)
                               FROM deliveries d WHERE d.event = e.number), 0) END
         FROM events e JOIN listed l ON l.event = e.number WHERE e.number = ?1",
    )?
    .query_row([event], |row| row.get(0))
}

/// Reads the events after that one in an inbox of an earlier version, which has no checksums: as far as can be told, they
/// are whole.
pub(super) fn verify_earlier(db: &Connection, after: i64, version: u32) -> rusqlite::Result<Verified> {
    // Where a page of events is damaged, their deliveries lead past it.
    let delivered = "SELECT DISTINCT event FROM deliveries WHERE event > ?1 ORDER BY event LIMIT ?2";
    let sequences = with_stored(db, after, sequences(db, delivered, after))?;
    let mut verified = Verified {
        events: sequences.len(),
        last: sequences.last().copied(),
        earlier: Some(version),
        ..Verified::default()
    };
    let mut read = db.prepare_cached("SELECT key, id, body FROM events WHERE number = ?1")?;
    for event in sequences {
        let is_read = read.query_row([event], |row| {
            row.get_ref(0)?.as_blob()?;
            row.get_ref(1)?.as_str()?;
            row.get_ref(2)?.as_blob()?;
            Ok(())
        });
        match is_read {
            Ok(()) => verified.without += 1,
            Err(error) => verified.damaged.push((event, format!("it cannot be read: {error}"))),
        }
    }
    Ok(verified)
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;
    use rusqlite::Connection;
    use tempfile::TempDir;

    use crate::inbox::sqlite::{events, open};
    use crate::inbox::{Incoming, Purpose};
    use crate::model::{Envelope, Format, Kind};

    /// A receiver removes what is old while somebody verifies, which takes its time.
    #[test]
    fn what_is_removed_while_it_is_compared_is_not_called_damaged() {
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let path = folder.path().join("inbox.db");
        let (_lock, writer, _) = open::prepare(&path, Purpose::Serve).unwrap();
        for removed_after in (0..600).step_by(20) {
            for number in 0..3 {
                let envelope = Envelope {
                    kind: Kind::Order,
                    format: Format::Json,
                    event_name: None,
                    message_id: Some(format!("{removed_after}-{number}")),
                    subject: None,
                    number: None,
                    company_id: None,
                    companies: Vec::new(),
                    created: None,
                };
                let body = Bytes::from_static(b"body");
                let incoming = Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, body);
                assert!(events::store(&writer, &incoming).unwrap());
            }
            let (mut db, other) = (open::connect_to_read(&path).unwrap(), Connection::open(&path).unwrap());
            let mut steps = 0;
            let removes = move || {
                steps += 1;
                if steps == removed_after {
                    other.execute_batch("BEGIN; DELETE FROM events; DELETE FROM listed; COMMIT").unwrap();
                }
                false
            };
            db.progress_handler(1, Some(removes)).unwrap();

            let verified = super::verify(&db, 0).unwrap();

            assert_eq!(verified.damaged, [], "removed after {removed_after} steps");
        }
    }
}
