//! What is there under a key, for who stores: is a message the one that is there, once more?
//!
//! That it came again is noted for people only. So nobody waits for it long, and if it cannot be noted, the message is
//! answered all the same.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;
use tokio_postgres::{Error, Row};

use super::claims::key;
use super::row::Row as Stored;
use super::writer::Work;
use super::{LIMIT, Postgres, listed, on_connection};
use crate::decode::Content;
use crate::inbox::repeat::{Newest, Says, Shelf, Taken};
use crate::inbox::{EventKey, InboxError, Incoming};
use crate::model::Format;
use crate::outgoing::postgres::within;

/// How long who brings an event waits for what is noted of it besides.
const BRIEFLY: Duration = Duration::from_secs(1);

impl Shelf for Postgres {
    async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
        self.writer.run(Work::Store(Box::new(Stored::event(incoming)))).await
    }

    async fn taken(&self, key: EventKey) -> Result<Option<Taken>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => taken(db, key)))
    }

    async fn body(&self, number: i64) -> Result<Bytes, InboxError> {
        on_connection!(self, LIMIT, db => body_to_compare(db, number)).ok_or_else(gone)
    }

    async fn newest(&self, lane: i64) -> Result<Option<Newest>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => newest(db, lane)))
    }

    async fn again(&self, incoming: Incoming) -> Result<(), InboxError> {
        let counted = async {
            on_connection!(self, BRIEFLY, db => listed::count_again(db, incoming.key));
            Ok(())
        };
        briefly("that a message came again", counted).await;
        Ok(())
    }
}

/// The same for a refused body that becomes an event: nobody has sent it again.
pub(super) struct Accepting<'a>(pub(super) &'a Postgres);

impl Shelf for Accepting<'_> {
    async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
        self.0.put(incoming).await
    }

    async fn taken(&self, key: EventKey) -> Result<Option<Taken>, InboxError> {
        self.0.taken(key).await
    }

    async fn body(&self, number: i64) -> Result<Bytes, InboxError> {
        Shelf::body(self.0, number).await
    }

    async fn newest(&self, lane: i64) -> Result<Option<Newest>, InboxError> {
        self.0.newest(lane).await
    }

    async fn again(&self, _: Incoming) -> Result<(), InboxError> {
        Ok(())
    }
}

/// Does something that nobody depends on, if it can be done soon.
pub(super) async fn briefly(what: &str, noted: impl Future<Output = Result<(), InboxError>>) {
    match timeout(BRIEFLY, noted).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "cannot note {what}"),
        Err(_) => tracing::debug!("cannot note {what} in time"),
    }
}

/// There was an event, and retention has removed it.
pub(super) fn gone() -> InboxError {
    InboxError::Failed("there is no such event any more".to_owned())
}

/// What has a key.
async fn taken(db: &ClientWrapper, key: EventKey) -> Result<Option<Taken>, Error> {
    let statement = "SELECT e.id, e.number, e.format, octet_length(e.body), e.content_type, x.exact, x.alike
                     FROM events e LEFT JOIN erased x ON x.event = e.number WHERE e.key = $1";
    let row = db.query_opt(&db.prepare_cached(statement).await?, &[&key.0.as_slice()]).await?;
    Ok(row.map(|row| {
        let format = row.get::<_, Option<&str>>(2).and_then(Format::from_name);
        let size = usize::try_from(row.get::<_, i32>(3)).unwrap_or_default();
        let says = format.map_or(Says::Refused, |format| match (digest(&row, 5), digest(&row, 6)) {
            (Some(exact), Some(alike)) => Says::Remembered(Content::kept(format, exact, alike)),
            _ => Says::Kept { number: row.get(1), format, content_type: row.get(4), size },
        });
        Taken { id: row.get(0), says }
    }))
}

/// Of an erased event. Written by `erase`, so it has that length.
fn digest(row: &Row, column: usize) -> Option<[u8; 32]> {
    row.get::<_, Option<&[u8]>>(column)?.try_into().ok()
}

/// The newest event in a lane that an event without a `messageId` is in, if that is still there.
async fn newest(db: &ClientWrapper, lane: i64) -> Result<Option<Newest>, Error> {
    let statement =
        "SELECT e.key, e.id, e.number FROM unnamed u JOIN events e ON e.number = u.newest WHERE u.lane = $1";
    let row = db.query_opt(&db.prepare_cached(statement).await?, &[&lane]).await?;
    Ok(row.map(|row| Newest { key: key(&row, 0), id: row.get(1), number: row.get(2) }))
}

/// The same, to compare it with another one: not if it was erased meanwhile.
async fn body_to_compare(db: &ClientWrapper, event: i64) -> Result<Option<Bytes>, Error> {
    let statement = "SELECT body FROM events e WHERE number = $1
                       AND NOT EXISTS (SELECT 1 FROM erased x WHERE x.event = e.number)";
    let row = db.query_opt(statement, &[&event]).await?;
    Ok(row.map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))))
}

/// The body of an event.
pub(super) async fn body(db: &ClientWrapper, event: i64) -> Result<Option<Bytes>, Error> {
    let row = db.query_opt("SELECT body FROM events WHERE number = $1", &[&event]).await?;
    Ok(row.map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))))
}
