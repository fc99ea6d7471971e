//! Statements on what outlives a restart by a name: times, and how far something that is polled has come.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::Error;

use super::row::storable;

/// Notes a time under a name.
pub(super) async fn write(db: &ClientWrapper, name: &str, at: Timestamp) -> Result<(), Error> {
    let statement = "INSERT INTO notes (name, at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET at = excluded.at";
    db.execute(&db.prepare_cached(statement).await?, &[&storable(name.to_owned()), &at]).await.map(drop)
}

/// The time that was noted under a name.
pub(super) async fn read(db: &ClientWrapper, name: &str) -> Result<Option<Timestamp>, Error> {
    let statement = db.prepare_cached("SELECT at FROM notes WHERE name = $1").await?;
    let row = db.query_opt(&statement, &[&storable(name.to_owned())]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Notes how far something has come.
pub(super) async fn move_cursor(db: &ClientWrapper, name: &str, value: &str) -> Result<(), Error> {
    let statement = "INSERT INTO cursors (name, value, at) VALUES ($1, $2, now())
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at";
    let (name, value) = (storable(name.to_owned()), storable(value.to_owned()));
    db.execute(&db.prepare_cached(statement).await?, &[&name, &value]).await.map(drop)
}

/// How far it had come.
pub(super) async fn cursor(db: &ClientWrapper, name: &str) -> Result<Option<String>, Error> {
    let statement = db.prepare_cached("SELECT value FROM cursors WHERE name = $1").await?;
    Ok(db.query_opt(&statement, &[&storable(name.to_owned())]).await?.map(|row| row.get(0)))
}
