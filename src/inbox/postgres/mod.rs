//! The inbox in PostgreSQL, shared by any number of receivers.
//!
//! `inbox` is what it does for the work. `writer` commits whatever is waiting in one transaction, and `batch` says how
//! the order is kept across receivers; its statements are in `arrivals` (with `row` and `listed`) and `ends`. `shelf` is
//! what is there already. `claims` is what is due, `held` what this process works on, `presence` who is at work and what
//! becomes of the work of one that is not: a receiver's claims end with its lease, and `presence` says why it is a lease
//! and no lock of a session. `leads` is who does what only one of them may do. `notices` is what is to be fetched.
//!
//! `archive` is what it does besides. What people look at is in `views`, `filter` and `class`, over connections of their own
//! (`people`), what they do in `changes` and `erase`, and that they did it in `acts`. `sweep` is retention, `reading`
//! (with `record`) goes through what is stored, `notes` are times that outlive a restart. `clock` and `mend` see to it
//! that what waits does not wait for ever. `open` makes sure that the server is fit and the schema there in the right
//! version, `rehearsal` that it can be made so.
//!
//! Nothing here waits without end. Getting a connection, each statement and each lock has its time, on
//! both sides of the connection; only a commit that waits for a standby is left to the server, since it
//! would count as done if it was cut short.

mod acts;
mod archive;
mod arrivals;
mod batch;
mod changes;
mod claims;
mod class;
mod clock;
mod ends;
mod erase;
mod filter;
mod held;
mod inbox;
mod leads;
mod listed;
mod mend;
mod notes;
mod notices;
mod open;
mod people;
mod presence;
mod reading;
mod record;
mod rehearsal;
mod row;
mod shelf;
mod sweep;
#[cfg(test)]
mod tests;
mod views;
mod writer;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_postgres::Error;

use super::copy::{Copies, NoCopies};
use super::refused::Space;
use super::unreadable::Unreadable;
use super::{Due, EventKey, InboxError, Open, Purpose, SharedInbox, try_to_write};
use crate::config::Section;
use crate::outgoing::postgres::{Database, Failure, Pool, within};
use clock::Clock;
use held::Held;
use writer::Writer;

/// The schema that all tables are in.
const SCHEMA: &str = "tradecloud_inbox";

/// How long anything may take. The server's own limits (see `open::SETUP`) are shorter or as long.
const LIMIT: Duration = Duration::from_secs(10);

/// Connections of one receiver, beside those of the writer, of the heartbeat and of people.
const CONNECTIONS: usize = 6;

/// How long a count of the refused bodies holds.
const COUNT_AGAIN: Duration = Duration::from_secs(30);

/// Checked settings: where the database is.
#[derive(Debug, Clone)]
struct Settings {
    database: Database,
    refused_space: u64,
}

/// Reads `url` or `url_file`, and `refused_space`.
pub(super) fn read(section: &Section) -> Option<Box<dyn Open>> {
    // What is wrong with it is said, and then nothing is opened.
    let refused_space = section.size("refused_space").unwrap_or(u64::MAX);
    Some(Box::new(Settings { database: Database::read(section)?, refused_space }))
}

#[async_trait::async_trait]
impl Open for Settings {
    fn describe(&self) -> String {
        format!("postgres, {}", self.database.place())
    }

    async fn open(&self, purpose: Purpose) -> anyhow::Result<SharedInbox> {
        let space = Space::new(self.refused_space);
        Ok(Arc::new(Postgres::open(&self.database, purpose, space).await?))
    }

    fn copies(&self) -> Result<Box<dyn Copies>, NoCopies> {
        Err(NoCopies::InPostgres { schema: SCHEMA })
    }

    async fn rehearse(&self) -> anyhow::Result<String> {
        let pool = self.database.pool(1, open::SETUP);
        match rehearsal::of(&pool, &self.database.place()).await? {
            Some(what) => Ok(what),
            None => try_to_write(self.open(Purpose::Tool).await?).await,
        }
    }
}

/// The open inbox.
struct Postgres {
    purpose: Purpose,
    /// See [`super::Archive::taken_over_from`].
    taken_over_from: Option<u32>,
    pool: Pool,
    /// What people read goes this way.
    people: Pool,
    writer: Writer,
    /// The name this receiver goes by among the others.
    receiver: String,
    held: Held,
    clock: Clock,
    heartbeat: Mutex<JoinSet<()>>,
    /// Where the next sweep goes on.
    swept_to: Mutex<i64>,
    /// Where the next look for lanes that stand still goes on.
    mended_to: Mutex<mend::Place>,
    refused_space: Space,
    unreadable: Unreadable,
    refused: Mutex<Option<Counted>>,
    /// The receiver was told to end.
    ending: AtomicBool,
}

/// What the refused bodies take.
struct Counted {
    at: Instant,
    bytes: u64,
    /// What has come since then, so that equal ones are added once.
    since: HashSet<EventKey>,
}

/// Does something on a connection of the pool, within a time. If it fails, the connection is closed, and
/// with it a transaction that was begun.
macro_rules! on_connection {
    ($inbox:expr, $limit:expr, $db:ident => $work:expr) => {
        on_connection!(get of $inbox, $limit, $db => $work)
    };
    ($get:ident of $inbox:expr, $limit:expr, $db:ident => $work:expr) => {{
        let connection = $inbox.pool.$get().await?;
        let $db = &*connection;
        let value = within($limit, $work).await?;
        connection.give_back();
        value
    }};
}

/// The same for what has to be durable.
macro_rules! durably {
    ($inbox:expr, $limit:expr, $db:ident => $work:expr) => {
        on_connection!(get_to_commit of $inbox, $limit, $db => $work)
    };
}
use {durably, on_connection};

impl Postgres {
    async fn open(database: &Database, purpose: Purpose, refused_space: Space) -> anyhow::Result<Self> {
        let pool = |most| database.pool(most, open::SETUP);
        let (shared, own, people) = (pool(CONNECTIONS), pool(1), people::pool(database));
        let taken_over_from = open::prepare(&shared, &people, purpose, &database.place()).await?;
        let (receiver, held, clock) = (presence::name(), Held::default(), Clock::default());
        let mut heartbeat = JoinSet::new();
        if purpose == Purpose::Serve {
            // There before it claims anything.
            presence::once(&own, &receiver, &held, &clock).await?;
            heartbeat.spawn(presence::beat(own, receiver.clone(), held.clone(), clock.clone()));
            heartbeat.spawn(clock::follow(shared.clone(), clock.clone()));
        }
        let writer = Writer::start(pool(1));
        let (heartbeat, swept_to, mended_to) = (Mutex::new(heartbeat), Mutex::new(0), Mutex::new(mend::FIRST));
        Ok(Self {
            purpose,
            taken_over_from,
            pool: shared,
            people,
            writer,
            receiver,
            held,
            clock,
            heartbeat,
            swept_to,
            mended_to,
            refused_space,
            unreadable: Unreadable::default(),
            refused: Mutex::default(),
            ending: AtomicBool::new(false),
        })
    }

    /// Claims what is due until then, of lanes that are not among `except`.
    async fn claim_due(
        &self,
        handler: &str,
        most: usize,
        except: &[i64],
        until: Option<Timestamp>,
    ) -> Result<Due, InboxError> {
        let (making, mut busy) = (self.held.making(), self.held.lanes(handler));
        busy.extend(except);
        let by = claims::Claimant { receiver: &self.receiver, token: making.token(), busy, until };
        // If it is given up, it may be made all the same: the heartbeat sees that nobody knows it.
        let due = on_connection!(self, LIMIT, db => claims::claim(db, handler, most, &by, &self.clock));
        making.made(&due);
        Ok(due)
    }

    /// What the refused bodies take: counted now and then, since others refuse too, and people decide.
    async fn refused_bytes(&self) -> Result<u64, InboxError> {
        if let Some(counted) = self.refused().as_ref().filter(|counted| counted.at.elapsed() < COUNT_AGAIN) {
            return Ok(counted.bytes);
        }
        let bytes = on_connection!(self, LIMIT, db => refused_bytes(db));
        *self.refused() = Some(Counted { at: Instant::now(), bytes, since: HashSet::new() });
        Ok(bytes)
    }

    fn refused_more(&self, key: EventKey, size: usize) {
        if let Some(counted) = &mut *self.refused()
            && counted.since.insert(key)
        {
            counted.bytes = counted.bytes.saturating_add(size as u64);
        }
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, Option<Counted>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes the refused bodies take.
async fn refused_bytes(db: &ClientWrapper) -> Result<u64, Error> {
    let row = db.query_one("SELECT coalesce(sum(size), 0)::bigint FROM refused", &[]).await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

impl From<Failure> for InboxError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}
