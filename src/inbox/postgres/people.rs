//! The way on which people read: apart from the work, and not for long.
//!
//! They have connections of their own, so that nobody who looks through a large inbox holds up an event. What they ask
//! changes nothing, and the server ends it after a time.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::open::SETUP;
use crate::inbox::InboxError;
use crate::outgoing::postgres::{Database, Failure, Pool};

/// Connections of one receiver that people ask on.
const CONNECTIONS: usize = 2;

/// How long one question may take, with the time until there is a connection for it; [`InboxError::TooLong`] says so.
const PATIENCE: Duration = Duration::from_secs(2);

/// The code of a statement that the server has ended.
const QUERY_CANCELED: &str = "57014";

/// Connections that people ask on.
pub(super) fn pool(database: &Database) -> Pool {
    // One question is not to take several processors from those who deliver.
    let ours = "SET statement_timeout = '2s'; SET default_transaction_read_only = on; \
                SET max_parallel_workers_per_gather = 0";
    database.pool(CONNECTIONS, &format!("{SETUP}; {ours}"))
}

/// Waits for an answer for as long as people may.
pub(super) async fn answer<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, InboxError> {
    match timeout(PATIENCE, asked).await {
        Ok(Err(failure)) if failure.code() == Some(QUERY_CANCELED) => Err(InboxError::TooLong),
        Ok(answer) => Ok(answer?),
        Err(_) => Err(InboxError::TooLong),
    }
}

/// Asks something on one of those connections. If it fails, the connection is closed.
macro_rules! asked {
    ($inbox:expr, $db:ident => $question:expr) => {
        crate::inbox::postgres::people::answer(async {
            let connection = $inbox.people.get().await?;
            let $db = &*connection;
            let answer = $question.await.map_err(|error| crate::outgoing::postgres::Failure::from(&error))?;
            connection.give_back();
            Ok(answer)
        })
        .await
    };
}
pub(super) use asked;
