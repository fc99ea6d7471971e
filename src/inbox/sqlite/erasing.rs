//! Statements that erase what an event says.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{actions, deliveries, listed, micros, reading};
use crate::decode::{Body, Content};
use crate::inbox::{Action, EventKey};
use crate::model::Format;

/// Erases the body of an event, what was answered and why it failed; see [`crate::inbox::Archive::erase`].
pub(super) fn erase(db: &Connection, event: i64, action: &Action, now: Timestamp) -> rusqlite::Result<bool> {
    let found = db
        .query_row(
            "SELECT key, id, format, content_type, body FROM events
             WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM erased WHERE event = number)",
            [event],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .optional()?;
    let Some(found) = found else { return Ok(false) };
    let (key, id, format, content_type, body): ([u8; 16], String, Option<String>, Option<String>, Vec<u8>) = found;
    // It is to be known again, and what is not delivered yet cannot be any more.
    let digests = format.as_deref().and_then(Format::from_name).map(|format| {
        let content = Content::of(&Body { format, content_type, bytes: Bytes::from(body) });
        (content.exact().to_vec(), content.alike().to_vec())
    });
    let (exact, alike) = digests.unwrap_or_default();
    discard(db, event, now)?;
    db.execute("UPDATE attempts SET answer = NULL, reason = NULL WHERE event = ?1", [event])?;
    db.execute("UPDATE deliveries SET reason = NULL WHERE event = ?1", [event])?;
    // What is freed is to be overwritten, not only given back.
    let secure: i64 = db.pragma_query_value(None, "secure_delete", |row| row.get(0))?;
    db.pragma_update(None, "secure_delete", true)?;
    let emptied = db.execute(
        "UPDATE events SET body = zeroblob(0), reason = CASE WHEN reason IS NULL THEN NULL ELSE '' END
         WHERE number = ?1",
        [event],
    );
    db.pragma_update(None, "secure_delete", secure)?;
    emptied?;
    db.execute(
        "INSERT INTO erased (event, at, exact, alike) VALUES (?1, ?2, ?3, ?4)",
        params![event, micros(now), exact, alike],
    )?;
    reading::checksum_anew(db, event)?;
    actions::note(db, action, 1, now)?;
    actions::note_on(db, action, EventKey(key), &id, None, now)?;
    Ok(true)
}

/// Nothing of it is delivered any more, and a refused body is set aside.
fn discard(db: &Connection, event: i64, now: Timestamp) -> rusqlite::Result<()> {
    let lanes: Vec<(String, i64)> = db
        .prepare(
            "UPDATE deliveries SET state = 3, due = NULL, begun = NULL, changed = ?2
             WHERE event = ?1 AND state IN (0, 2) RETURNING handler, lane",
        )?
        .query_map(params![event, micros(now)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (handler, lane) in &lanes {
        deliveries::advance(db, handler, *lane, now)?;
    }
    let aside = db.execute("UPDATE events SET discarded = 1 WHERE number = ?1 AND kind IS NULL", [event])?;
    if aside > 0 {
        db.execute("INSERT OR REPLACE INTO decided (event, at) VALUES (?1, ?2)", params![event, micros(now)])?;
        db.execute("DELETE FROM refused WHERE event = ?1", [event])?;
        db.execute("INSERT INTO refused (event, size) VALUES (?1, 0)", [event])?;
        listed::set_aside(db, event, true)?;
    }
    Ok(())
}
