//! Copies of an inbox: a backup, a look at whether one is whole, and the way back.
//!
//! A store that lies in files of its own implements [`Copies`]. One that does not says with [`NoCopies`] how it is backed
//! up instead.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Verified;

/// Why a store makes no copies of itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCopies {
    /// The receiver works without an inbox.
    #[error("there is nothing to copy (inbox.store = \"none\"): the events are where the handlers put them")]
    KeepsNothing,
    /// The server that it is in has the means.
    #[error(
        "the inbox is in PostgreSQL, and is backed up and restored with PostgreSQL's own programs. A backup, also \
         while receivers run: pg_dump --schema={schema} --format=custom --file=inbox.dump DATABASE. Back again, with \
         all receivers stopped: pg_restore --clean --if-exists --dbname=DATABASE inbox.dump"
    )]
    InPostgres {
        /// The schema that all of it is in.
        schema: &'static str,
    },
}

/// What is in a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Events, the refused bodies among them.
    pub events: u64,
    /// The last one: its sequence, and when it was received. `None` if there is no event.
    pub last: Option<(i64, Timestamp)>,
    /// What it takes on disk.
    pub bytes: u64,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub file: PathBuf,
    /// What is in it.
    pub content: Content,
    /// How it came there.
    pub how: How,
}

/// How a backup came where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// All of it was written.
    Copied,
    /// Nothing has changed since the earlier backup, which shares its file with this one.
    Linked,
    /// It was to be linked, but all of it was written, for that reason.
    NotLinked(String),
}

/// An inbox that was put in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The place.
    pub place: PathBuf,
    /// What is in it.
    pub content: Content,
}

/// What can be done with copies of a store. All but [`Copies::restore`] is done beside a receiver that may be running,
/// and holds up none of its work.
#[async_trait::async_trait]
pub trait Copies: Send + Sync {
    /// Writes a backup of one moment into `folder`, which is made if it is missing. It is there whole or not at all, and
    /// takes the place of nothing. If nothing was written since the backup in the folder `previous`, and that is whole, it is
    /// linked to that.
    ///
    /// # Errors
    /// If there is no inbox, if it cannot be read, or if the backup cannot be written.
    async fn back_up(&self, folder: &Path, previous: Option<&Path>) -> anyhow::Result<Backup>;

    /// What is wrong with the structure of the inbox, or of the backup in that folder: sentences, and none if it is
    /// sound.
    ///
    /// # Errors
    /// If it is not there, or is something else.
    async fn examine(&self, backup: Option<&Path>) -> anyhow::Result<Vec<String>>;

    /// What [`super::Archive::verify`] is for an inbox, for the backup in that folder.
    ///
    /// # Errors
    /// If it cannot be read. One of an earlier version has no checksums: what can be read of it is read.
    async fn verify(&self, backup: &Path, after: i64) -> anyhow::Result<Verified>;

    /// Puts the backup in that folder in the place of the inbox, where nothing of one may be. Whoever had the inbox open
    /// that was there before does not take it for that one.
    ///
    /// # Errors
    /// If something is there, if the backup is not sound, or if it cannot be written.
    async fn restore(&self, folder: &Path) -> anyhow::Result<Restored>;
}
