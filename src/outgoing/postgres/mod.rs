//! Reaching PostgreSQL: what the inbox and the handler of that name have in common.
//!
//! [`Database`] is a checked URL. It gives a [`Pool`], and that gives connections that are bounded in
//! time: to connect, and (by [`within`]) for whatever is asked of them. A connection on which something
//! failed or was given up half-way is not used again.

#[cfg(test)]
#[path = "../../../tests/it/support/postgres.rs"]
#[expect(unreachable_pub, dead_code, reason = "shared with the tests from outside, which use the rest")]
pub(crate) mod server;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Object, PoolError, RecyclingMethod};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};

use crate::config::Section;
use crate::outgoing::{self, TrustedBy, in_words, on_loopback};

/// How long it may take until there is a connection: one that is free, or a new one with name, socket,
/// TLS, log-in and set-up.
const CONNECT: Duration = Duration::from_secs(5);

/// How long each host but the last may take to accept a connection before the next one is tried.
const NEXT_HOST: Duration = Duration::from_secs(2);

/// What is set on every connection before anything else: what a session would take over from its role, database
/// or server, and any statement of ours would do otherwise by. (The last two are not in every version.)
///
/// `default_transaction_read_only` is not among them. Who turns it on fences a database off, because it is being
/// moved or its disk is full; then nothing may be written there, and nothing is.
const PINNED: &str = "\
    SET statement_timeout = 0; SET lock_timeout = 0; \
    SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off; \
    SET standard_conforming_strings = on; \
    SELECT set_config(name, '0', false) FROM (VALUES ('idle_session_timeout'), ('transaction_timeout')) AS of (name) \
    WHERE current_setting(name, true) IS NOT NULL";

/// Whether a commit hangs on this server: for longer than one takes, and on a standby, or wherever else.
const HANGING: &str = "\
    SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity
                   WHERE datname = current_database() AND usename = session_user
                     AND query_start < now() - interval '2 seconds'
                     AND (wait_event = 'SyncRep' OR (state = 'active' AND query = 'COMMIT')))";

/// Where a database is and how to reach it. Shows no credentials.
#[derive(Clone)]
pub(crate) struct Database {
    config: tokio_postgres::Config,
    tls: tls::Tls,
}

impl Database {
    /// Reads `url` or `url_file` of a table; what is wrong is noted there.
    pub(crate) fn read(section: &Section) -> Option<Self> {
        let key = if section.has("url_file") { "url_file" } else { "url" };
        let url = section.secret("url")?;
        if let Some(root) = url::root_certificate(url.expose_secret()) {
            section.depends_on(key, &root);
        }
        match Self::parse(url.expose_secret()) {
            Ok(database) => {
                if let Some(warning) = database.warning() {
                    section.warning(key, warning);
                }
                Some(database)
            }
            Err(what) => {
                section.error(key, what);
                None
            }
        }
    }

    /// Reads a URL such as `postgresql://user:password@host:5432/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// What is wrong with it and what to do, as the rest of a sentence that begins with the key. It
    /// holds nothing of the URL that could be a secret.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        url::parse(url)
    }

    /// The host, port and database, for messages.
    pub(crate) fn place(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{host}:{port}/{database}")
    }

    /// What the operator should know of a connection that is not verified.
    fn warning(&self) -> Option<&'static str> {
        let far = |host: &Host| match host {
            Host::Tcp(name) => !on_loopback(name),
            #[cfg(unix)]
            Host::Unix(_) => false,
        };
        if !self.config.get_hosts().iter().any(far) {
            return None;
        }
        match (self.config.get_ssl_mode(), self.tls.verifies) {
            (SslMode::Require, true) => None,
            (SslMode::Require, false) => Some("encrypts, but does not check whom it talks to. Use sslmode=verify-full"),
            _ => Some("may send credentials and orders unencrypted. Use sslmode=verify-full"),
        }
    }

    /// A pool of up to `most` connections, which are made when they are needed. `setup` is run on each
    /// new one (several statements may be parted by semicolons), after what is set on all of them.
    pub(crate) fn pool(&self, most: usize, setup: &str) -> Pool {
        let setup: Arc<str> = format!("{PINNED}; {setup}").into();
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(self.config.clone(), self.tls.connector.clone(), config);
        let set_up = deadpool_postgres::Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let setup = Arc::clone(&setup);
            Box::pin(async move { client.batch_execute(&setup).await.map_err(deadpool_postgres::HookError::Backend) })
        });
        let pool = deadpool_postgres::Pool::builder(manager).max_size(most).post_create(set_up).build();
        let others = u32::try_from(self.config.get_hosts().len().saturating_sub(1)).unwrap_or(u32::MAX);
        Pool {
            limit: CONNECT + NEXT_HOST.saturating_mul(others),
            connections: pool.map_err(|error| Failure::Unreachable(error.to_string())).map(Arc::new),
            left: Arc::default(),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Database").field(&self.place()).finish()
    }
}

/// Connections to one database, shared by whoever needs one.
#[derive(Clone)]
pub(crate) struct Pool {
    /// How long it may take to get one.
    limit: Duration,
    connections: Result<Arc<deadpool_postgres::Pool>, Failure>,
    /// A connection was closed while it was busy: the server may be at it still.
    left: Arc<AtomicBool>,
}

impl Pool {
    /// A connection of one's own, an idle one or a new one.
    ///
    /// # Errors
    /// If the database is not reached within a few seconds or does not let us in, or if all connections
    /// are in use for that long.
    pub(crate) async fn get(&self) -> Result<Connection, Failure> {
        // Around all of it: the pool's own limits leave out the set-up of a new connection.
        match timeout(self.limit, self.connections.as_ref().map_err(Clone::clone)?.get()).await {
            Ok(Ok(object)) => Ok(Connection { object: Some(object), left: Arc::clone(&self.left) }),
            Ok(Err(
                PoolError::Backend(error) | PoolError::PostCreateHook(deadpool_postgres::HookError::Backend(error)),
            )) => Err(Failure::from(&error)),
            Ok(Err(error)) => Err(Failure::Unreachable(error.to_string())),
            Err(_) => Err(Failure::late(self.limit)),
        }
    }

    /// The same, for work that ends in a commit which has to wait for a standby, if the server has one.
    ///
    /// While the standby is away, such a commit hangs. It must not be cut short, or it would count, and a
    /// server process stays with it when its connection is given up. So as long as one hangs, no other begins:
    /// there are never more of them than connections in the pool.
    ///
    /// # Errors
    /// As [`Pool::get`], and if commits hang.
    pub(crate) async fn get_to_commit(&self) -> Result<Connection, Failure> {
        let connection = self.get().await?;
        if self.left.swap(false, Ordering::Relaxed) {
            let hang: bool = within(CONNECT, connection.query_one(HANGING, &[])).await?.get(0);
            if hang {
                self.left.store(true, Ordering::Relaxed);
                connection.give_back();
                return Err(Failure::Unreachable(
                    "PostgreSQL does not end a commit. Is a standby of synchronous_standby_names away?".to_owned(),
                ));
            }
        }
        Ok(connection)
    }

    /// Closes every connection; later calls fail.
    pub(crate) fn close(&self) {
        if let Ok(pool) = &self.connections {
            pool.close();
        }
    }
}

/// A connection in use. It goes back to the pool only by [`Connection::give_back`]; dropped, it is
/// closed, since nobody knows what it is still busy with.
pub(crate) struct Connection {
    object: Option<Object>,
    /// See [`Pool`].
    left: Arc<AtomicBool>,
}

impl Connection {
    /// Everything asked of it was answered: somebody else may use it.
    pub(crate) fn give_back(mut self) {
        drop(self.object.take());
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    #[expect(clippy::expect_used, reason = "it is only taken out when the connection itself ends")]
    fn deref(&self) -> &ClientWrapper {
        self.object.as_deref().expect("in use")
    }
}

impl DerefMut for Connection {
    #[expect(clippy::expect_used, reason = "it is only taken out when the connection itself ends")]
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        self.object.as_deref_mut().expect("in use")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.left.store(true, Ordering::Relaxed);
            drop(Object::take(object));
        }
    }
}

/// Waits for `work` for no longer than `limit`. After a failure, drop the connection it was done on.
///
/// # Errors
/// As the database says, or [`Failure::Unreachable`] after the time. What was asked may have been done
/// all the same.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(|error| Failure::from(&error)),
        Err(_) => Err(Failure::late(limit)),
    }
}

/// Why something could not be done. Its text holds no credentials and no values of rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The database was not reached, did not answer in time, or the connection broke. What was asked
    /// may have been done.
    #[error("{0}")]
    Unreachable(String),
    /// The database answered with an error: nothing was done.
    #[error("PostgreSQL says: {message} ({code})")]
    Refused {
        /// Five letters or digits, of which the first two are the class:
        /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
        code: String,
        /// What it says.
        message: String,
    },
}

impl Failure {
    fn late(limit: Duration) -> Self {
        Self::Unreachable(format!("PostgreSQL did not answer within {limit:?}"))
    }

    /// The error's code, if the database answered with one.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unreachable(_) => None,
        }
    }
}

impl From<&tokio_postgres::Error> for Failure {
    fn from(error: &tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            // Not its detail, which may show values of the row.
            let message = said.message().lines().next().unwrap_or_default().to_owned();
            return Self::Refused { code: said.code().code().to_owned(), message };
        }
        if let Some(tls) = outgoing::failure(error) {
            return Self::Unreachable(format!("no TLS connection: {}", in_words(tls, TrustedBy::SslRootCert)));
        }
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            cause = inner.source();
        }
        Self::Unreachable(text)
    }
}
