//! Statements on notices: what is still to be fetched, and what has come of it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{changes, events, listed};
use crate::inbox::notice::keeping;
use crate::inbox::{Claim, EventKey, FETCH, Finish, Incoming, Receipt};
use crate::model::What;

/// The first of the notices of an id whose fetch has not begun. One that is dead, or set aside, brings nothing.
const WAITING: &str = "\
    SELECT e.key, e.id FROM notices n INDEXED BY notices_waiting JOIN events e ON e.number = n.event
    WHERE n.what = ?1 AND n.id = ?2 AND n.state = 'waiting'
      AND EXISTS (SELECT 1 FROM deliveries d WHERE d.event = n.event AND d.handler = '(fetch)' AND d.state = 0)
    ORDER BY n.event LIMIT 1";

/// Stores a notice of that id, unless one waits already: then that counts it.
pub(super) fn add(db: &Connection, what: What, of: &str, incoming: &Incoming) -> rusqlite::Result<Receipt> {
    let waiting: Option<([u8; 16], String)> =
        db.prepare_cached(WAITING)?.query_row([what.as_str(), of], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((key, id)) = waiting {
        listed::came_again(db, EventKey(key), incoming.received)?;
        return Ok(Receipt { key: EventKey(key), id, repeated: true, beside: None });
    }
    if !events::store(db, incoming)? {
        // Its id is random: that it is taken says that the inbox is not in order.
        return Err(rusqlite::Error::StatementChangedRows(0));
    }
    db.prepare_cached(
        "INSERT INTO notices (event, what, id, state) SELECT number, ?2, ?3, 'waiting' FROM events WHERE key = ?1",
    )?
    .execute(params![incoming.key.0, what.as_str(), of])?;
    Ok(Receipt::stored(incoming))
}

/// What the notice of that key is about.
pub(super) fn about(db: &Connection, key: EventKey) -> rusqlite::Result<Option<(What, String)>> {
    let found: Option<(String, String)> = db
        .prepare_cached("SELECT n.what, n.id FROM events e JOIN notices n ON n.event = e.number WHERE e.key = ?1")?
        .query_row([key.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.and_then(|(what, of)| Some((What::from_name(&what)?, of))))
}

/// Whether an event that is a notice was fetched; nothing of one that is none.
pub(super) fn was_fetched(db: &Connection, event: i64) -> rusqlite::Result<Option<bool>> {
    db.prepare_cached("SELECT state = 'fetched' FROM notices WHERE event = ?1")?
        .query_row([event], |row| row.get(0))
        .optional()
}

/// Notes that the fetch of a claim begins, if it is one.
pub(super) fn begin(db: &Connection, claim: &Claim) -> rusqlite::Result<()> {
    set(db, claim, "waiting", "fetching")
}

/// Notes that it has not come to an end, or has failed: calls count on the next attempt.
pub(super) fn take_back(db: &Connection, claim: &Claim) -> rusqlite::Result<()> {
    set(db, claim, "fetching", "waiting")
}

/// Notes how an attempt ended. One that has brought nothing new is over as it is.
pub(super) fn finish(db: &Connection, claim: &Claim, finish: &Finish) -> rusqlite::Result<()> {
    if *finish == Finish::Done { Ok(()) } else { take_back(db, claim) }
}

/// By its key too: the inbox may be another file than it was claimed from.
fn set(db: &Connection, claim: &Claim, from: &str, to: &str) -> rusqlite::Result<()> {
    if claim.handler != FETCH {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE notices SET state = ?3 WHERE event = ?1 AND state = ?2
           AND EXISTS (SELECT 1 FROM events WHERE number = ?1 AND key = ?4)",
    )?
    .execute(params![claim.event, from, to, claim.key.0])
    .map(drop)
}

/// A notice, as far as it matters for what was fetched for it.
struct Noticed {
    event: i64,
    lane: i64,
    id: String,
    message_id: Option<String>,
    what: String,
    of: String,
    fetched: bool,
}

/// Puts what was fetched in the place of its notice; see [`crate::inbox::Archive::fetched`].
pub(super) fn fetched(db: &Connection, incoming: &Incoming, now: Timestamp) -> rusqlite::Result<bool> {
    let noticed = db
        .prepare_cached(
            "SELECT e.number, d.lane, e.id, e.message_id, n.what, n.id, n.state = 'fetched'
             FROM events e JOIN notices n ON n.event = e.number
                  JOIN deliveries d ON d.event = e.number AND d.handler = '(fetch)'
             WHERE e.key = ?1 AND NOT EXISTS (SELECT 1 FROM erased WHERE event = e.number)
               AND EXISTS (SELECT 1 FROM deliveries o WHERE o.event = e.number AND o.state <> 3)",
        )?
        .query_row([incoming.key.0], |row| {
            Ok(Noticed {
                event: row.get(0)?,
                lane: row.get(1)?,
                id: row.get(2)?,
                message_id: row.get(3)?,
                what: row.get(4)?,
                of: row.get(5)?,
                fetched: row.get(6)?,
            })
        })
        .optional()?;
    let Some(noticed) = noticed else { return Ok(false) };
    let (event, lane) = (noticed.event, noticed.lane);
    if !noticed.fetched {
        put(db, noticed, incoming)?;
    }
    for handler in &*incoming.handlers {
        changes::add(db, event, handler, lane, now)?;
    }
    Ok(true)
}

fn put(db: &Connection, noticed: Noticed, incoming: &Incoming) -> rusqlite::Result<()> {
    let event = noticed.event;
    // It goes by what it went by before.
    let mut stored = Incoming { id: noticed.id, ..incoming.clone() };
    stored.envelope.message_id = noticed.message_id;
    stored.references = keeping(stored.references, &noticed.what, noticed.of);
    let checksum = events::replace(db, event, &stored)?;
    listed::replace(db, event, &stored, checksum)?;
    db.prepare_cached("UPDATE notices SET state = 'fetched' WHERE event = ?1")?.execute([event]).map(drop)
}
