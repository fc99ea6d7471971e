//! The stores of events, for tests of promises that hold in each.

use rusqlite::Connection;

use super::postgres::{Postgres, ROLE};
use super::receiver::Receiver;

/// Where a receiver has its inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Sqlite,
    /// A new database of the shared server.
    Postgres,
}

impl Store {
    /// A receiver with these further lines of configuration; see [`Receiver::with`].
    pub fn with(self, configuration: &str) -> Receiver {
        let mut receiver = self.prepared(configuration);
        receiver.restart();
        receiver
    }

    /// One that is not started yet; see [`Receiver::prepared`].
    pub fn prepared(self, configuration: &str) -> Receiver {
        let receiver = Receiver::prepared(configuration);
        match self {
            Self::Sqlite => receiver,
            Self::Postgres => {
                let server = Postgres::shared();
                receiver.inbox_at(&server.url(&server.database()))
            }
        }
    }

    /// Does something to the inbox of a receiver.
    pub fn sql(self, receiver: &Receiver, statements: &str) {
        match self {
            Self::Sqlite => {
                Connection::open(receiver.path("data/inbox.db")).unwrap().execute_batch(statements).unwrap();
            }
            Self::Postgres => {
                let (_, database) = receiver.inbox_url().unwrap().rsplit_once('/').unwrap();
                let database = database.split_once('?').map_or(database, |(database, _)| database);
                let statements = format!("SET ROLE {ROLE}; SET search_path = tradecloud_inbox; {statements}");
                Postgres::shared().sql(database, &statements);
            }
        }
    }
}
