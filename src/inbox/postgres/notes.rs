//! Statements on times that outlive a restart.

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
