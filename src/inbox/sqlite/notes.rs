//! Statements on what outlives a restart by a name: times, and how far something that is polled has come.

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

/// Notes how far something has come.
pub(super) fn move_cursor(db: &Connection, name: &str, value: &str, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO cursors (name, value, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at",
    )?
    .execute(params![name, value, micros(now)])
    .map(drop)
}

/// How far it had come.
pub(super) fn cursor(db: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT value FROM cursors WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()
}
