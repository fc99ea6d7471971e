//! Statements that erase what an event says.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{actions, changes, micros, reading};
use crate::decode::{Body, Content};
use crate::inbox::{Action, EventKey};
use crate::model::Format;

/// What an event is known by once its body is gone.
pub(super) struct KnownBy {
    key: [u8; 16],
    exact: Vec<u8>,
    alike: Vec<u8>,
}

/// What an event is to be known by when it comes again; nothing if it is gone already. A refused body has its key.
pub(super) fn known_by(db: &Connection, event: i64) -> rusqlite::Result<Option<KnownBy>> {
    db.query_row(
        "SELECT key, format, content_type, body FROM events
         WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM erased WHERE event = number)",
        [event],
        |row| {
            let (format, content_type): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
            let bytes = Bytes::from(row.get::<_, Vec<u8>>(3)?);
            let content = format.as_deref().and_then(Format::from_name).map(|format| {
                let content = Content::of(&Body { format, content_type, bytes });
                (content.exact().to_vec(), content.alike().to_vec())
            });
            let (exact, alike) = content.unwrap_or_default();
            Ok(KnownBy { key: row.get(0)?, exact, alike })
        },
    )
    .optional()
}

/// Erases the body of an event, what was answered and why it failed, if it still is the one that goes by that key; see
/// [`crate::inbox::Archive::erase`].
pub(super) fn erase(
    db: &Connection,
    event: i64,
    known: &KnownBy,
    action: &Action,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let id: Option<String> = db
        .query_row(
            "SELECT id FROM events
             WHERE number = ?1 AND key = ?2 AND NOT EXISTS (SELECT 1 FROM erased WHERE event = number)",
            params![event, known.key],
            |row| row.get(0),
        )
        .optional()?;
    let Some(id) = id else { return Ok(false) };
    // Nothing of it is delivered any more, and a refused body is set aside and takes no space.
    changes::discard_one(db, event, None, &[], now)?;
    // How often it came is no secret.
    let copies: Option<i64> =
        db.query_row("DELETE FROM refused WHERE event = ?1 RETURNING copies", [event], |row| row.get(0)).optional()?;
    if let Some(copies) = copies {
        db.execute("INSERT INTO refused (event, copies, size) VALUES (?1, ?2, 0)", params![event, copies])?;
    }
    db.execute("UPDATE attempts SET answer = NULL, reason = NULL WHERE event = ?1", [event])?;
    db.execute("UPDATE deliveries SET reason = NULL WHERE event = ?1", [event])?;
    // What is freed is to be overwritten, not only given back.
    let secure: i64 = db.pragma_query_value(None, "secure_delete", |row| row.get(0))?;
    db.pragma_update(None, "secure_delete", true)?;
    let emptied = db.execute("UPDATE events SET body = zeroblob(0), reason = NULL WHERE number = ?1", [event]);
    db.pragma_update(None, "secure_delete", secure)?;
    emptied?;
    db.execute(
        "INSERT INTO erased (event, at, exact, alike) VALUES (?1, ?2, ?3, ?4)",
        params![event, micros(now), known.exact, known.alike],
    )?;
    reading::checksum_anew(db, event)?;
    actions::note(db, action, 1, now)?;
    actions::note_on(db, action, EventKey(known.key), &id, None, now)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use uuid::Uuid;

    use super::*;
    use crate::inbox::sqlite::{events, open};
    use crate::inbox::{Deed, Incoming, Purpose};
    use crate::model::{Envelope, Kind};

    /// What comes again is compared with what is there. An empty body would be another message, and that an event of its
    /// own: it is asked once more instead, and then known by what was kept of the erased one.
    #[test]
    fn what_was_erased_has_no_body_that_could_be_compared() {
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let (_lock, db, _) = open::prepare(&folder.path().join("inbox.db"), Purpose::Serve).unwrap();
        let envelope = Envelope {
            kind: Kind::Order,
            format: Format::Json,
            event_name: None,
            message_id: Some("message".to_owned()),
            subject: None,
            number: None,
            company_id: None,
            companies: Vec::new(),
            created: None,
        };
        let incoming = Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from_static(b"body"));
        assert!(events::store(&db, &incoming).unwrap());
        assert_eq!(events::body_to_compare(&db, 1).unwrap(), "body");
        let known = known_by(&db, 1).unwrap().unwrap();
        let action = Action {
            id: Uuid::new_v4(),
            at: Timestamp::now(),
            who: "anna".to_owned(),
            via: "cli",
            address: None,
            what: Deed::Erase,
            handler: None,
            filter: None,
            reason: None,
        };

        assert!(erase(&db, 1, &known, &action, Timestamp::now()).unwrap());

        assert!(events::body_to_compare(&db, 1).is_err());
    }
}
