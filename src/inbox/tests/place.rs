//! Where an inbox of the tests is: each kind of store, new and empty.

use std::rc::Rc;
use std::sync::Arc;

use config::{File, FileFormat};
use tempfile::TempDir;

use crate::config::Section;
use crate::inbox::{Archive, Purpose, STORES};
use crate::outgoing::postgres::server::Postgres;

/// A place for one inbox.
#[async_trait::async_trait(?Send)]
pub(super) trait Place {
    /// Opens it.
    async fn open(&self) -> Arc<dyn Archive>;

    /// Opens it after the process that had it open has died, and others have noticed.
    async fn open_after_a_crash(&self) -> Arc<dyn Archive> {
        self.open().await
    }
}

/// A file.
pub(super) struct InSqlite(TempDir);

impl InSqlite {
    pub(super) fn new() -> Self {
        // Where there is one, a disk in memory: thousands of commits are not here to test the disk.
        Self(TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap())
    }
}

#[async_trait::async_trait(?Send)]
impl Place for InSqlite {
    async fn open(&self) -> Arc<dyn Archive> {
        let path = self.0.path().join("inbox.db");
        let settings = format!("path = '{}'", path.display());
        if !path.exists() {
            // Only a receiver makes one.
            open("sqlite", &settings, Purpose::Serve).await.close().await;
        }
        open("sqlite", &settings, Purpose::Tool).await
    }
}

/// A database of the shared server.
pub(super) struct InPostgres(String);

impl InPostgres {
    pub(super) fn new() -> Self {
        Self(Postgres::shared().database())
    }

    /// Something done to the tables by others.
    pub(super) fn sql(&self, statement: &str) -> String {
        Postgres::shared().sql(&self.0, &format!("SET search_path = tradecloud_inbox; {statement}"))
    }
}

#[async_trait::async_trait(?Send)]
impl Place for InPostgres {
    async fn open(&self) -> Arc<dyn Archive> {
        open("postgres", &format!("url = '{}'", Postgres::shared().url(&self.0)), Purpose::Serve).await
    }

    async fn open_after_a_crash(&self) -> Arc<dyn Archive> {
        Postgres::shared().sql(&self.0, "DELETE FROM tradecloud_inbox.receivers");
        self.open().await
    }
}

/// Opens a store by its settings.
pub(crate) async fn open(store: &str, settings: &str, purpose: Purpose) -> Arc<dyn Archive> {
    try_open(store, settings, purpose).await.unwrap()
}

/// The same for one that may not be to be had.
pub(super) async fn try_open(store: &str, settings: &str, purpose: Purpose) -> anyhow::Result<Arc<dyn Archive>> {
    let (_, read) = STORES.iter().find(|(name, _)| *name == store).unwrap();
    let source = File::from_str(settings, FileFormat::Toml);
    let values = ::config::Config::builder().add_source(source).build().unwrap().try_deserialize().unwrap();
    let section = Section::new("inbox", values, Rc::default());
    Ok(read(&section).unwrap().open(purpose).await?.archive().unwrap())
}
