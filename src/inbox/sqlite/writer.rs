//! The one writer: whatever is waiting goes into one transaction and one sync.
//!
//! So the latency of one event is one sync, and many events share one. After any failure every
//! connection is closed and opened anew before the next transaction: what a failed sync has left
//! behind is not to be trusted (see `checkpoint`). Until that works, everything that comes fails at once, the senders
//! repeat it, and nothing is said to be safe that is not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::{self, Checkpoints};
use super::known::Known;
use super::open;
use super::reader::Readers;
use crate::inbox::{InboxError, Purpose};
use crate::telemetry::events;

/// What one transaction holds at the most: the first waits for the last.
const MOST_JOBS: usize = 512;
const MOST_BYTES: usize = 16 << 20;

/// Jobs that may wait. Their bodies are in the budget of all bodies.
const QUEUE: usize = 4096;

/// Pause between two attempts to open the database anew.
const REOPEN_PAUSE: Duration = Duration::from_millis(250);

/// How long the log hears nothing more of a failure that goes on.
const TELL_AGAIN: Duration = Duration::from_secs(600);

/// Tells the one who waits for a job how its transaction ended.
type Reply = Box<dyn FnOnce(Result<(), InboxError>) + Send>;

/// What is to be done, or not if there is no connection, and how to tell the one who waits for it.
type Task = Box<dyn FnOnce(Option<&Connection>) -> (rusqlite::Result<()>, Reply) + Send>;

/// Something to do within a transaction. If it is dropped, the one who waits learns of it.
struct Job {
    weight: usize,
    /// Whether it is to outlive a power cut. If not, it costs no sync.
    durable: bool,
    work: Task,
}

/// The way to the writer's thread.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the writer and the checkpointer.
    pub(super) fn start(known: Arc<Known>, readers: Readers) -> anyhow::Result<Self> {
        let (sender, jobs) = mpsc::channel(QUEUE);
        let checkpoints = Arc::new(Checkpoints::default());
        let checkpointer = {
            let checkpoints = Arc::clone(&checkpoints);
            thread::Builder::new().name("inbox-checkpoint".into()).spawn(move || checkpoints.run())?
        };
        let mut work = Work {
            database: None,
            last_failure: None,
            told: None,
            known,
            readers,
            checkpoints,
            checkpointer: checkpointer.thread().clone(),
        };
        let writer = thread::Builder::new().name("inbox-writer".into()).spawn(move || work.run(jobs))?;
        Ok(Self { jobs: Mutex::new(Some(sender)), threads: Mutex::new(vec![writer, checkpointer]) })
    }

    /// Does `work` in the next transaction; returns once that is on disk. `weight` is about how many
    /// bytes it writes. It is done even if the caller stops waiting.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        self.add(weight, true, work).await
    }

    /// The same for what need not outlive a power cut, only the process: nobody waits for the disk.
    pub(super) async fn jot<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        self.add(0, false, work).await
    }

    async fn add<T: Send + 'static>(
        &self,
        weight: usize,
        durable: bool,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(InboxError::Closed)?;
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move |db: Option<&Connection>| match db.map(work).transpose() {
            Ok(value) => {
                let tell = move |ended: Result<(), InboxError>| {
                    let value = ended.and_then(|()| value.ok_or_else(|| failed("it was not done")));
                    drop(sender.send(value));
                };
                (Ok(()), Box::new(tell) as Reply)
            }
            Err(error) => {
                let failure = failed(error.to_string());
                (Err(error), Box::new(move |_| drop(sender.send(Err(failure)))) as Reply)
            }
        });
        jobs.send(Job { weight, durable, work }).await.map_err(|_| InboxError::Closed)?;
        receiver.await.unwrap_or_else(|_| Err(failed("it was not done; see the log")))
    }

    /// Does what is waiting, moves the log into the database, and ends.
    pub(super) async fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok()));
        if !ended.await.unwrap_or(false) {
            events::inbox::thread_panicked();
        }
    }
}

/// The writer's thread.
struct Work {
    database: Option<Database>,
    last_failure: Option<Instant>,
    /// What the log was last told about a failure, and when.
    told: Option<(String, Instant)>,
    known: Arc<Known>,
    readers: Readers,
    checkpoints: Arc<Checkpoints>,
    checkpointer: Thread,
}

/// An open connection.
struct Database {
    connection: Connection,
    /// Whether a commit waits for the disk.
    durable: bool,
}

impl Database {
    /// Has the next commit wait for the disk, or not. The first that does takes along what those before it
    /// have left, because it syncs the log as a whole.
    fn make_durable(&mut self, durable: bool) -> rusqlite::Result<()> {
        if self.durable != durable {
            // Not known until it has worked.
            self.durable = false;
            let (mode, number) = if durable { ("FULL", 2) } else { ("NORMAL", 1) };
            self.connection.pragma_update(None, "synchronous", mode)?;
            let now: i64 = self.connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            if now != number {
                return Err(rusqlite::Error::InvalidQuery);
            }
            self.durable = durable;
        }
        Ok(())
    }
}

impl Work {
    fn run(&mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut bytes = first.weight;
            let mut batch = vec![first];
            while batch.len() < MOST_JOBS && bytes < MOST_BYTES {
                let Ok(job) = jobs.try_recv() else { break };
                bytes += job.weight;
                batch.push(job);
            }
            self.commit(batch);
        }
        self.checkpoints.end();
        self.checkpointer.unpark();
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let mut replies = Vec::with_capacity(batch.len());
        // A panic must not leave a receiver that can never store anything again.
        let ended = catch_unwind(AssertUnwindSafe(|| self.transaction(batch, &mut replies)))
            .unwrap_or_else(|_| Err(failed("a panic in the writer")));
        if let Err(error) = &ended {
            self.tell(error);
            self.last_failure = Some(Instant::now());
            // One that is away has not failed, and what is only in its log may be for this connection to save.
            if !matches!(error, InboxError::Gone(_)) {
                self.checkpoints.distrust();
                self.database = None;
            }
        }
        for reply in replies {
            reply(ended.clone());
        }
        self.checkpoints.wrote();
        self.checkpointer.unpark();
    }

    /// Says to the log why nothing can be written: once, and now and then as long as it stays so.
    fn tell(&mut self, error: &InboxError) {
        let reason = error.to_string();
        if self.told.as_ref().is_some_and(|(told, at)| *told == reason && at.elapsed() < TELL_AGAIN) {
            return;
        }
        if matches!(error, InboxError::Gone(_)) {
            events::inbox::gone(&reason);
        } else {
            events::inbox::cannot_write(&reason);
        }
        self.told = Some((reason, Instant::now()));
    }

    fn transaction(&mut self, batch: Vec<Job>, replies: &mut Vec<Reply>) -> Result<(), InboxError> {
        let mut batch = batch.into_iter();
        let ended = self.attempt(&mut batch, replies);
        // Who waits for the rest is to hear why it is not done.
        replies.extend(batch.map(|job| (job.work)(None).1));
        ended
    }

    fn attempt(&mut self, batch: &mut std::vec::IntoIter<Job>, replies: &mut Vec<Reply>) -> Result<(), InboxError> {
        let durable = batch.as_slice().iter().any(|job| job.durable);
        let known = Arc::clone(&self.known);
        let database = self.database()?;
        database.make_durable(durable).map_err(failed)?;
        let before = database.connection.total_changes();
        let transaction =
            database.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for job in batch {
            let (done, reply) = (job.work)(Some(&transaction));
            replies.push(reply);
            done.map_err(failed)?;
        }
        // What a power cut may take is not counted: without it, the inbox is still the one we know.
        let counts = durable && transaction.total_changes() != before;
        let commits = counts.then(|| Known::count(&transaction)).transpose().map_err(failed)?;
        transaction.commit().map_err(failed)?;
        if let Some(commits) = commits {
            known.committed(commits);
        }
        Ok(())
    }

    /// The open database. Opened anew after a failure, and if the names lead to other files: what is written
    /// to one that has no name any more would be gone with the process.
    fn database(&mut self) -> Result<&mut Database, InboxError> {
        let (known, mut why) = (Arc::clone(&self.known), None);
        if self.database.is_some()
            && let Err(gone) = self.known.here()
        {
            self.leave(&gone)?;
            why = Some(gone);
        }
        if self.checkpoints.is_distrusted() {
            self.database = None;
        }
        let database = match self.database.take() {
            Some(database) => database,
            None => self.reopen().inspect_err(|error| {
                // Nobody is to be kept from what is not ours.
                if matches!(error, InboxError::Gone(_)) {
                    known.left();
                }
            })?,
        };
        if let Some(why) = why {
            events::inbox::touched(&why);
        }
        Ok(self.database.insert(database))
    }

    /// Closes everything, the lock included: the volume may be about to be taken off. The log may have stayed
    /// behind, or be gone: what is only there goes over to the database first.
    fn leave(&mut self, why: &InboxError) -> Result<(), InboxError> {
        drop(self.readers.close());
        if let Some(database) = &self.database {
            match checkpoint::empty_log(&database.connection, Duration::ZERO) {
                Ok(false) => {}
                // Somebody else reads. Nothing is stored meanwhile, and the next who comes tries again.
                Ok(true) => return Err(why.clone()),
                Err(error) => events::inbox::log_left_behind(&error),
            }
        }
        self.database = None;
        drop(self.checkpoints.close());
        self.known.left();
        Ok(())
    }

    fn reopen(&mut self) -> Result<Database, InboxError> {
        if let Some(failure) = self.last_failure {
            thread::sleep(REOPEN_PAUSE.saturating_sub(failure.elapsed()));
        }
        // Nobody else has it open from here on, so that SQLite learns anew from the log what is in it.
        let (moving, _reading) = (self.checkpoints.close(), self.readers.close());
        let path = self.known.path();
        self.known.find()?;
        let connection = open::connect(path, self.known.purpose()).map_err(failed)?;
        self.known.judge(&connection)?;
        // The log has its name since this connection, if it was the first.
        open::sync_names(path).map_err(|error| failed(format!("{error:#}")))?;
        if self.known.purpose() == Purpose::Serve {
            let failed_before = self.last_failure.is_some() || self.checkpoints.is_distrusted();
            checkpoint::start_over(&connection, failed_before).map_err(failed)?;
        }
        let other = open::connect(path, self.known.purpose()).map_err(failed)?;
        self.known.judge(&other)?;
        self.known.opened()?;
        self.checkpoints.trust(moving, other);
        if self.last_failure.take().is_some() {
            events::inbox::open_again(path);
        }
        self.told = None;
        Ok(Database { connection, durable: true })
    }
}

/// What failed, for those who wait for it.
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`, which gives the error away")]
pub(super) fn failed(error: impl ToString) -> InboxError {
    InboxError::Failed(error.to_string())
}
