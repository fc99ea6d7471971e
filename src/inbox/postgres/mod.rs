//! The inbox in PostgreSQL, shared by any number of receivers.
//!
//! `writer` commits whatever is waiting in one transaction, and `batch` holds its statements (with `row`
//! and `ends`) and says how the order is kept across receivers. `claims` is what is due, `held` what this
//! process works on, `presence` who is at work and what becomes of the work of one that is not: a
//! receiver's claims end with its lease, and `presence` says why it is a lease and no lock of a session.
//! `changes` and `views` are what people do and look at (`archive`), `notes` are times that outlive a
//! restart. `clock` and `mend` see to it that what waits does not wait for ever. `open` makes sure that
//! the server is fit and the schema there in the right version, `rehearsal` that it can be made so.
//!
//! Nothing here waits without end. Getting a connection, each statement and each lock has its time, on
//! both sides of the connection; only a commit that waits for a standby is left to the server, since it
//! would count as done if it was cut short.

mod archive;
mod batch;
mod changes;
mod claims;
mod clock;
mod ends;
mod held;
mod mend;
mod notes;
mod open;
mod presence;
mod rehearsal;
mod row;
#[cfg(test)]
mod tests;
mod views;
mod writer;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::copy::{Copies, NoCopies};
use super::refused::Space;
use super::repeat::{self, Newest, Shelf, Taken};
use super::{
    Archive, Claim, Due, EventKey, Finish, Inbox, InboxError, Incoming, Open, Purpose, Receipt, RefusedBody,
    SharedInbox, Standing, try_to_write,
};
use crate::config::Section;
use crate::event::Event;
use crate::outgoing::postgres::{Database, Failure, Pool, within};
use crate::telemetry::events;
use clock::Clock;
use ends::End;
use held::Held;
use row::Row;
use writer::{Work, Writer};

/// The schema that all tables are in.
const SCHEMA: &str = "tradecloud_inbox";

/// How long anything may take. The server's own limits (see `open::SETUP`) are shorter or as long.
const LIMIT: Duration = Duration::from_secs(10);

/// Connections of one receiver, beside that of the writer and that of the heartbeat.
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
    pool: Pool,
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

/// The database no longer has the claim as ours.
fn taken_over() -> InboxError {
    InboxError::Failed("another receiver has taken over this order or shipment".to_owned())
}

impl Postgres {
    async fn open(database: &Database, purpose: Purpose, refused_space: Space) -> anyhow::Result<Self> {
        let pool = |most| database.pool(most, open::SETUP);
        let (shared, own) = (pool(CONNECTIONS), pool(1));
        open::prepare(&shared, purpose, &database.place()).await?;
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
            pool: shared,
            writer,
            receiver,
            held,
            clock,
            heartbeat,
            swept_to,
            mended_to,
            refused_space,
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
        let bytes = on_connection!(self, LIMIT, db => changes::refused_bytes(db));
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

impl From<Failure> for InboxError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

#[async_trait::async_trait]
impl Inbox for Postgres {
    async fn store(&self, incoming: Incoming) -> Result<Receipt, InboxError> {
        repeat::store(self, incoming).await
    }

    async fn refuse(&self, refused: RefusedBody) -> Result<Option<String>, InboxError> {
        let key = refused.key();
        let id = key.1.clone();
        let refused = self.refused_space.fit(refused, self.refused_bytes().await?);
        self.refused_more(key.0, refused.body.len());
        if !self.writer.run(Work::Store(Box::new(Row::refused(key, refused)))).await? {
            return Err(InboxError::Failed("an equal body was just made an event of".to_owned()));
        }
        Ok(Some(id))
    }

    async fn standing(&self, key: EventKey) -> Result<Vec<Standing>, InboxError> {
        let standing = on_connection!(self, LIMIT, db => claims::standing(db, key));
        standing.ok_or_else(|| InboxError::Failed("there is no such event any more".to_owned()))
    }

    async fn hurry(&self, key: EventKey) -> Result<(), InboxError> {
        durably!(self, LIMIT, db => claims::hurry(db, key));
        Ok(())
    }

    async fn claim(&self, handler: &str, most: usize) -> Result<Due, InboxError> {
        self.claim_due(handler, most, &[], None).await
    }

    async fn load(&self, claim: &Claim) -> Result<Event, InboxError> {
        let token = self.held.token(claim).unwrap_or_default();
        let event = on_connection!(self, LIMIT, db => claims::load(db, claim, token));
        event.ok_or_else(taken_over)
    }

    async fn begin(&self, claim: &Claim) -> Result<bool, InboxError> {
        let token = self.held.token(claim).unwrap_or_default();
        let event = (!self.ending.load(Ordering::Acquire)).then_some(claim.event);
        let turn = on_connection!(self, LIMIT, db => claims::begin(db, claim, token, event));
        turn.ok_or_else(taken_over)
    }

    async fn finish(&self, claim: &Claim, finish: Finish, took: Duration) -> Result<(), InboxError> {
        let Some(token) = self.held.token(claim) else { return Ok(()) };
        let end = End { claim: claim.clone(), token, finish, took };
        match self.writer.run(Work::Finish(Box::new(end))).await {
            Ok(true) => {}
            Ok(false) if self.held.has_perhaps_ended(claim) => {}
            Ok(false) => events::delivery::taken_over(claim.about(), &claim.handler),
            Err(error) => {
                self.held.perhaps_ended(claim);
                return Err(error);
            }
        }
        self.held.remove(claim);
        Ok(())
    }

    async fn release(&self, claim: &Claim) {
        let Some(token) = self.held.remove(claim) else { return };
        let released: Result<(), InboxError> = async {
            on_connection!(self, LIMIT, db => claims::release(db, &claim.handler, claim.lane, token));
            Ok(())
        }
        .await;
        if let Err(error) = released {
            // Nobody here knows it any more: the heartbeat removes it.
            tracing::debug!(%error, id = claim.id, number = claim.number, "cannot give a claim back at once");
        }
    }

    fn archive(self: Arc<Self>) -> Option<Arc<dyn Archive>> {
        Some(self)
    }

    async fn probe(&self) -> Result<(), InboxError> {
        durably!(self, LIMIT, db => changes::probe(db));
        Ok(())
    }

    async fn ending(&self) {
        self.ending.store(true, Ordering::Release);
        let taken_back: Result<(), InboxError> = async {
            on_connection!(self, LIMIT, db => claims::take_all_back(db, &self.receiver));
            Ok(())
        }
        .await;
        if let Err(error) = taken_back {
            events::inbox::end_not_noted(&error);
        }
    }

    async fn close(&self) {
        self.writer.close().await;
        let mut heartbeat = std::mem::take(&mut *self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner));
        if !heartbeat.is_empty() {
            // It must not come after the farewell.
            heartbeat.shutdown().await;
            let left: Result<(), Failure> = async {
                on_connection!(self, LIMIT, db => presence::leave(db, &self.receiver));
                Ok(())
            }
            .await;
            if let Err(failure) = left {
                events::inbox::farewell_failed(&failure);
            }
        }
        self.pool.close();
    }
}

impl Shelf for Postgres {
    async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
        self.writer.run(Work::Store(Box::new(Row::event(incoming)))).await
    }

    async fn taken(&self, key: EventKey) -> Result<Option<Taken>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => changes::taken(db, key)))
    }

    async fn body(&self, number: i64) -> Result<Bytes, InboxError> {
        Archive::body(self, number).await
    }

    async fn newest(&self, lane: i64) -> Result<Option<Newest>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => changes::newest(db, lane)))
    }

    async fn again(&self, _: Incoming) -> Result<(), InboxError> {
        Ok(())
    }
}
