//! The inbox in an embedded SQLite database: WAL, `synchronous=FULL`, one writer.
//!
//! `writer` commits whatever is waiting in one transaction and one sync, and `checkpoint` moves the log into the
//! database; `reader` reads beside them. `events`, `deliveries`, `attempts`, `notices` and `notes` are the statements, `changes`
//! and `views` what people do and look at (`archive`). `clock` and `mending` see to it that what waits does not wait
//! for ever. `open` makes sure that the database is there in the right version (`rehearsal` that it
//! can be made so), and `known` that it still is the same. `backup`, `examine` and `restore` are copies of it.

mod actions;
mod archive;
mod attempts;
mod backup;
mod changes;
mod checkpoint;
mod clock;
mod deliveries;
mod erasing;
mod events;
mod examine;
mod known;
mod listed;
mod mending;
mod notes;
mod notices;
mod open;
mod people;
mod reader;
mod reading;
mod rehearsal;
mod restore;
mod search;
mod sweep;
mod views;
mod writer;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};

use super::copy::{Copies, NoCopies};
use super::refused::Space;
use super::repeat::{self, Newest, Shelf, Taken};
use super::unreadable::Unreadable;
use super::{
    Archive, Attempt, Claim, Due, EventKey, FETCH, Finish, Inbox, InboxError, Incoming, Notice, Open, Purpose, Receipt,
    RefusedBody, SharedInbox, Standing, try_to_write,
};
use crate::config::Section;
use crate::event::Event;
use crate::model::Reference;
use crate::telemetry;
use clock::Clock;
use known::Known;
use reader::Readers;
use writer::Writer;

/// Checked settings: where the database is.
#[derive(Debug, Clone)]
struct Settings {
    path: PathBuf,
    refused_space: u64,
}

/// Reads `path` and `refused_space`.
pub(super) fn read(section: &Section) -> Option<Box<dyn Open>> {
    // What is wrong with it is said, and then nothing is opened.
    let refused_space = section.size("refused_space").unwrap_or(u64::MAX);
    let path = section.file("path")?;
    if path.as_os_str().is_empty() {
        section.error("path", "is empty. Give the file of the inbox, such as \"data/inbox.db\"");
        return None;
    }
    if path.as_os_str() == ":memory:" {
        let what = "is in memory, and gone with the process. Give the file of the inbox, such as \"data/inbox.db\"; if \
                    nothing is to be kept, set `store = \"none\"`";
        section.error("path", what);
        return None;
    }
    if path.is_dir() {
        let file = path.join("inbox.db");
        section.error("path", format!("is a folder. Give the file of the inbox, such as \"{}\"", file.display()));
        return None;
    }
    Some(Box::new(Settings { path, refused_space }))
}

#[async_trait::async_trait]
impl Open for Settings {
    fn describe(&self) -> String {
        format!("sqlite, {}", self.path.display())
    }

    fn beside(&self) -> PathBuf {
        self.path.parent().map(Path::to_owned).unwrap_or_default()
    }

    async fn open(&self, purpose: Purpose) -> anyhow::Result<SharedInbox> {
        let (path, space) = (self.path.clone(), Space::new(self.refused_space));
        let open = move || Sqlite::open(path.clone(), purpose, space).map_err(|error| named(error, &path));
        Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
    }

    fn copies(&self) -> Result<Box<dyn Copies>, NoCopies> {
        Ok(Box::new(backup::CopiesOf(self.path.clone())))
    }

    async fn rehearse(&self) -> anyhow::Result<String> {
        let path = self.path.clone();
        let rehearse = move || rehearsal::of(&path).map_err(|error| named(error, &path));
        match tokio::task::spawn_blocking(rehearse).await?? {
            Some(what) => Ok(what),
            None => try_to_write(self.open(Purpose::Tool).await?).await,
        }
    }
}

/// Why an inbox cannot be opened; in other words than the driver's, if it is none.
fn named(error: anyhow::Error, path: &Path) -> anyhow::Error {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code());
    if code != Some(ErrorCode::NotADatabase) {
        return error;
    }
    anyhow::anyhow!(
        "{} is no inbox: it is some other file, or it is damaged. Give another inbox.path; if it was the inbox, put a \
         backup in its place",
        path.display()
    )
}

/// The open database.
struct Sqlite {
    known: Arc<Known>,
    writer: Writer,
    readers: Readers,
    /// Lanes, by handler, that somebody works on, and whether an attempt was noted as begun. Kept here, not in
    /// the database: they end with the process. Lanes and not events: an attempt that was discarded meanwhile
    /// still goes on.
    claimed: Mutex<HashMap<(String, i64), bool>>,
    /// Where the next sweep goes on.
    swept_to: Mutex<i64>,
    /// Where the next look for lanes that stand still goes on.
    mended_to: Mutex<Option<mending::Lane>>,
    refused_space: Arc<Space>,
    unreadable: Unreadable,
    clock: Clock,
    /// The receiver was told to end.
    ending: AtomicBool,
}

impl Sqlite {
    fn open(path: PathBuf, purpose: Purpose, refused_space: Space) -> anyhow::Result<Self> {
        let known = Arc::new(Known::open(path, purpose)?);
        let readers = Readers::new(&known);
        let writer = Writer::start(Arc::clone(&known), readers.clone())?;
        Ok(Self {
            known,
            writer,
            readers,
            claimed: Mutex::default(),
            swept_to: Mutex::new(0),
            mended_to: Mutex::default(),
            refused_space: Arc::new(refused_space),
            unreadable: Unreadable::default(),
            clock: Clock::default(),
            ending: AtomicBool::new(false),
        })
    }

    /// Reads. If the inbox is away, the writer is told: it is the one who looks for it, and knows why.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let read = self.readers.work.run(work).await;
        self.look_for_it(read).await
    }

    /// The same for people: only for so long.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let read = self.readers.people.ask(work).await;
        self.look_for_it(read).await
    }

    async fn look_for_it<T>(&self, read: Result<T, InboxError>) -> Result<T, InboxError> {
        if matches!(read, Err(InboxError::Gone(_))) {
            self.writer.run(0, |_| Ok(())).await?;
        }
        read
    }

    /// Does what is to be done if the clock was set.
    async fn follow_clock(&self) -> Result<(), InboxError> {
        let Some(set) = self.clock.look() else { return Ok(()) };
        let moved = self.writer.run(0, move |db| clock::follow(db, set, Timestamp::now())).await;
        if let Ok(deliveries @ 1..) = moved {
            telemetry::events::inbox::clock_set(&format!("{set:?}"), deliveries);
        }
        moved.map(drop).inspect_err(|_| self.clock.forget())
    }

    fn claimed(&self) -> std::sync::MutexGuard<'_, HashMap<(String, i64), bool>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Inbox for Sqlite {
    async fn store(&self, incoming: Incoming) -> Result<Receipt, InboxError> {
        repeat::store(self, incoming).await
    }

    async fn refuse(&self, refused: RefusedBody) -> Result<Option<String>, InboxError> {
        let weight = refused.body.len();
        let (space, key) = (Arc::clone(&self.refused_space), refused.key());
        self.writer.run(weight, move |db| events::refuse(db, key, refused, &space)).await.map(Some)
    }

    async fn notice(&self, notice: Notice) -> Result<Receipt, InboxError> {
        let (what, of, incoming) = (notice.what, notice.of.clone(), notice.into_incoming());
        self.writer.run(0, move |db| notices::add(db, what, &of, &incoming)).await
    }

    async fn refer(&self, id: &str, references: Vec<Reference>) -> Result<(), InboxError> {
        let key = EventKey::of_id(id);
        self.writer.jot(move |db| listed::refer_by_key(db, key, &references)).await
    }

    async fn answered(&self, key: EventKey, status: u16) -> Result<(), InboxError> {
        self.writer.jot(move |db| listed::answered(db, key, status)).await
    }

    async fn standing(&self, key: EventKey) -> Result<Vec<Standing>, InboxError> {
        let standing = self.read(move |db| deliveries::standing(db, key)).await?;
        standing.ok_or_else(|| InboxError::Failed("there is no such event any more".to_owned()))
    }

    async fn hurry(&self, key: EventKey) -> Result<(), InboxError> {
        self.writer.run(0, move |db| deliveries::hurry(db, key, Timestamp::now())).await
    }

    async fn claim(&self, handler: &str, most: usize) -> Result<Due, InboxError> {
        self.follow_clock().await?;
        let taken: HashSet<i64> =
            self.claimed().keys().filter(|(by, _)| by == handler).map(|(_, lane)| *lane).collect();
        let name = handler.to_owned();
        let due = self.read(move |db| deliveries::due(db, &name, most, &taken, Timestamp::now())).await?;
        self.claimed().extend(due.claims.iter().map(|claim| (place(claim), false)));
        Ok(due)
    }

    async fn load(&self, claim: &Claim) -> Result<Event, InboxError> {
        let claim = claim.clone();
        self.read(move |db| events::load(db, &claim)).await
    }

    async fn begin(&self, claim: &Claim) -> Result<bool, InboxError> {
        let at = (!self.ending.load(Ordering::Acquire)).then(Timestamp::now);
        if at.is_some() {
            // Whether it is noted or not is not known if nobody waits for the answer any more.
            self.claimed().entry(place(claim)).and_modify(|begun| *begun = true);
        }
        let claim = claim.clone();
        self.writer.jot(move |db| attempts::begin(db, &claim, at)).await
    }

    async fn pause(&self, claim: &Claim) -> Result<(), InboxError> {
        let claim = claim.clone();
        self.writer.jot(move |db| attempts::take_back(db, &claim)).await
    }

    async fn finish(&self, claim: &Claim, finish: Finish, attempt: Option<Attempt>) -> Result<bool, InboxError> {
        let finished = claim.clone();
        let note =
            move |db: &Connection| deliveries::finish(db, &finished, &finish, attempt.as_ref(), Timestamp::now());
        let ended = self.writer.run(0, note).await?;
        self.claimed().remove(&place(claim));
        Ok(ended)
    }

    async fn release(&self, claim: &Claim) {
        let begun = self.claimed().get(&place(claim)).copied().unwrap_or_default();
        // That a fetch begins is noted in any case.
        if begun || claim.handler == FETCH {
            let claim = claim.clone();
            // If that fails, the worst is that an attempt counts as one that the process did not survive.
            if let Err(error) = self.writer.jot(move |db| attempts::take_back(db, &claim)).await {
                telemetry::events::inbox::attempt_not_taken_back(&error);
            }
        }
        self.claimed().remove(&place(claim));
    }

    fn archive(self: Arc<Self>) -> Option<Arc<dyn Archive>> {
        Some(self)
    }

    async fn probe(&self) -> Result<(), InboxError> {
        // Rewrites the version in place: the least that has to reach the disk. Whatever it is: a later program may be
        // about to take the inbox over.
        let rewrite = |db: &Connection| {
            let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            db.pragma_update(None, "user_version", version)
        };
        self.writer.run(0, rewrite).await
    }

    async fn ending(&self) {
        self.ending.store(true, Ordering::Release);
        // Whatever still goes on did not bring the process down.
        if let Err(error) = self.writer.jot(attempts::take_all_back).await {
            telemetry::events::inbox::end_not_noted(&error);
        }
    }

    async fn close(&self) {
        if self.known.purpose() == Purpose::Serve {
            self.ending().await;
        }
        self.writer.close().await;
    }
}

/// What is worked on one event at a time.
fn place(claim: &Claim) -> (String, i64) {
    (claim.handler.clone(), claim.lane)
}

impl Shelf for Sqlite {
    async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
        let weight = incoming.body.len();
        self.writer.run(weight, move |db| events::store(db, &incoming)).await
    }

    async fn taken(&self, key: EventKey) -> Result<Option<Taken>, InboxError> {
        self.readers.work.run(move |db| events::taken(db, key)).await
    }

    async fn body(&self, number: i64) -> Result<Bytes, InboxError> {
        self.read(move |db| events::body_to_compare(db, number)).await
    }

    async fn newest(&self, lane: i64) -> Result<Option<Newest>, InboxError> {
        self.readers.work.run(move |db| events::newest(db, lane)).await
    }

    async fn again(&self, incoming: Incoming) -> Result<(), InboxError> {
        // It is there, whether or not that is counted.
        if let Err(error) = self.writer.jot(move |db| listed::came_again(db, incoming.key, incoming.received)).await {
            tracing::debug!(%error, id = incoming.id, "cannot count that an event came again");
        }
        Ok(())
    }
}

/// A time as the database keeps it.
fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A time as the database has kept it.
fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
