//! Erasing an event: its body and all that was said about it go, and it is still recognised when it comes again.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::acts::{self, Acted};
use super::batch;
use super::changes::discard_deliveries;
use super::listed::{RELIST, relist};
use super::record::{COLUMNS, Stored};
use crate::decode::{Body, Content};
use crate::inbox::State;
use crate::inbox::stored::number;
use crate::inbox::{Action, InboxError};
use crate::model::Format;

/// What is kept instead of a body.
pub(super) struct Erased {
    event: i64,
    checksum: i64,
    exact: Vec<u8>,
    alike: Vec<u8>,
}

/// The event with its body, if it is there.
pub(super) async fn read(db: &ClientWrapper, event: i64) -> Result<Option<Stored>, Error> {
    let statement =
        format!("SELECT {COLUMNS} FROM events e LEFT JOIN listed l ON l.event = e.number WHERE e.number = $1");
    Ok(db.query_opt(&statement, &[&event]).await?.map(|row| Stored::read(&row)))
}

/// What it is to be recognised by. A refused body needs nothing: its key is a digest. It may take a while.
pub(super) async fn digest(stored: Stored) -> Result<Erased, InboxError> {
    let digested = tokio::task::spawn_blocking(move || {
        let (event, checksum) = (stored.number, stored.checksum_of(&[]));
        let format = stored.format().and_then(Format::from_name);
        let content = format.map(|format| {
            Content::of(&Body { format, content_type: stored.content_type.clone(), bytes: stored.body.clone() })
        });
        let exact = content.map(|content| content.exact().to_vec()).unwrap_or_default();
        let alike = content.map(|content| content.alike().to_vec()).unwrap_or_default();
        Erased { event, checksum, exact, alike }
    });
    digested.await.map_err(|panic| InboxError::Failed(panic.to_string()))
}

/// Erases it, unless somebody has before; returns whether it did.
pub(super) async fn erase(db: &ClientWrapper, erased: &Erased, action: &Action) -> Result<bool, Error> {
    let Erased { event, checksum, exact, alike } = erased;
    let lane = db.query_opt("SELECT lane FROM events WHERE number = $1", &[event]).await?;
    let lane: Option<i64> = lane.and_then(|row| row.get(0));
    batch::begin(db, lane.into_iter().collect()).await?;
    let statement = "SELECT key, id FROM events e WHERE number = $1
                       AND NOT EXISTS (SELECT 1 FROM erased x WHERE x.event = e.number) FOR UPDATE OF e";
    let Some(row) = db.query_opt(statement, &[event]).await? else {
        batch::end(db).await?;
        return Ok(false);
    };
    let acted = Acted { key: row.get(0), id: row.get(1), became: None };
    // Somebody may have been quicker while the row was waited for.
    let statement = "INSERT INTO erased (event, at, exact, alike) VALUES ($1, now(), $2, $3) ON CONFLICT DO NOTHING";
    if db.execute(statement, &[event, exact, alike]).await? == 0 {
        batch::end(db).await?;
        return Ok(false);
    }
    let unfinished = [State::Pending, State::Fetching, State::Dead];
    let unfinished: Vec<i16> = unfinished.into_iter().filter_map(number).collect();
    discard_deliveries(db, &[*event], None, &unfinished).await?;
    let statements = [
        "UPDATE deliveries SET reason = NULL WHERE event = $1 AND reason IS NOT NULL",
        "UPDATE attempts SET reason = NULL, answer = NULL WHERE event = $1",
        "UPDATE refused SET size = 0 WHERE event = $1",
        "WITH emptied AS (
             UPDATE events SET body = '', reason = NULL, discarded = kind IS NULL WHERE number = $1
             RETURNING number, kind
         )
         INSERT INTO decided (event, at) SELECT number, now() FROM emptied WHERE kind IS NULL
         ON CONFLICT (event) DO UPDATE SET at = excluded.at",
    ];
    for statement in statements {
        db.execute(statement, &[event]).await?;
    }
    if lane.is_some() {
        relist(db, &db.prepare_cached(RELIST).await?, vec![*event]).await?;
    }
    let statement =
        "UPDATE listed SET checksum = $2, states = CASE kind WHEN '' THEN 8 ELSE states END WHERE event = $1";
    db.execute(statement, &[event, checksum]).await?;
    acts::write(db, action, &[acted], 1).await?;
    batch::end(db).await?;
    Ok(true)
}
