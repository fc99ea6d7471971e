//! Statements on times that outlive a restart.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{micros, timestamp};

/// Notes a time under a name.
pub(super) fn write(db: &Connection, name: &str, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO notes (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = excluded.at")?
        .execute(params![name, micros(at)])
        .map(drop)
}

/// The time that was noted under a name.
pub(super) fn read(db: &Connection, name: &str) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached("SELECT at FROM notes WHERE name = ?1")?
        .query_row([name], |row| row.get(0).map(timestamp))
        .optional()
}
