//! The one writer: whatever is waiting goes into one transaction and one sync.
//!
//! So the latency of one event is one sync, and many events share one. After any failure the
//! connection is closed and opened anew before the next transaction: what a failed sync has left
//! behind is not to be trusted. Until that works, everything that comes fails at once, the senders
//! repeat it, and nothing is said to be safe that is not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::open;
use super::reader::Reopener;
use crate::inbox::InboxError;

/// What one transaction holds at the most: the first waits for the last.
const MOST_JOBS: usize = 512;
const MOST_BYTES: usize = 16 << 20;

/// Jobs that may wait. Their bodies are in the budget of all bodies.
const QUEUE: usize = 4096;

/// Pause between two attempts to open the database anew.
const REOPEN_PAUSE: Duration = Duration::from_millis(250);

/// How often the log is moved into the database, on a connection of its own, so that nobody waits.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(200);

/// Tells the one who waits for a job how its transaction ended.
type Reply = Box<dyn FnOnce(Result<(), InboxError>) + Send>;

/// What is to be done, and how to tell the one who waits for it.
type Task = Box<dyn FnOnce(&Connection) -> (rusqlite::Result<()>, Reply) + Send>;

/// Something to do within a transaction. If it is dropped undone, the one who waits learns of it.
struct Job {
    weight: usize,
    work: Task,
}

/// The way to the writer's thread.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the writer and the checkpointer on the database at `path`.
    pub(super) fn start(path: PathBuf, reopener: Reopener) -> anyhow::Result<Self> {
        let (sender, jobs) = mpsc::channel(QUEUE);
        let checkpoints = Arc::new(Checkpoints::default());
        let checkpointer = {
            let (path, checkpoints) = (path.clone(), Arc::clone(&checkpoints));
            thread::Builder::new().name("inbox-checkpoint".into()).spawn(move || checkpoints.run(&path))?
        };
        let mut work = Work {
            database: None,
            last_failure: None,
            path,
            reopener,
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
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(InboxError::Closed)?;
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move |db: &Connection| match work(db) {
            Ok(value) => {
                (Ok(()), Box::new(move |ended: Result<(), _>| drop(sender.send(ended.map(|()| value)))) as Reply)
            }
            Err(error) => {
                let failure = InboxError::Failed(error.to_string());
                (Err(error), Box::new(move |_| drop(sender.send(Err(failure)))) as Reply)
            }
        });
        jobs.send(Job { weight, work }).await.map_err(|_| InboxError::Closed)?;
        receiver.await.unwrap_or_else(|_| Err(InboxError::Failed("it could not be opened; see the log".to_owned())))
    }

    /// Does what is waiting, moves the log into the database, and ends.
    pub(super) async fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok()));
        if !ended.await.unwrap_or(false) {
            tracing::error!("a thread of the inbox ended in a panic");
        }
    }
}

/// The writer's thread.
struct Work {
    database: Option<Database>,
    last_failure: Option<Instant>,
    path: PathBuf,
    reopener: Reopener,
    checkpoints: Arc<Checkpoints>,
    checkpointer: Thread,
}

/// An open connection, and which file it is.
struct Database {
    connection: Connection,
    file: Option<FileId>,
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
        self.checkpoints.ended.store(true, Ordering::Release);
        self.checkpointer.unpark();
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let jobs = batch.len();
        let mut replies = Vec::with_capacity(jobs);
        // A panic must not leave a receiver that can never store anything again.
        let ended = catch_unwind(AssertUnwindSafe(|| self.transaction(batch, &mut replies)))
            .unwrap_or_else(|_| Err("a panic in the writer".to_owned()));
        let ended = ended.map_err(|reason| {
            tracing::error!(reason, jobs, "the inbox cannot write; everything that comes is answered 503 until it can");
            self.database = None;
            self.last_failure = Some(Instant::now());
            InboxError::Failed(reason)
        });
        for reply in replies {
            reply(ended.clone());
        }
        self.checkpoints.due.store(true, Ordering::Release);
        self.checkpointer.unpark();
    }

    fn transaction(&mut self, batch: Vec<Job>, replies: &mut Vec<Reply>) -> Result<(), String> {
        let database = self.database()?;
        let transaction = database
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| error.to_string())?;
        for job in batch {
            let (done, reply) = (job.work)(&transaction);
            replies.push(reply);
            done.map_err(|error| error.to_string())?;
        }
        transaction.commit().map_err(|error| error.to_string())
    }

    /// The open database. Opened anew after a failure, and if its file was moved or removed: a commit
    /// into a file that has no name any more would be gone with the process.
    fn database(&mut self) -> Result<&mut Database, String> {
        if let Some(database) = &self.database
            && database.file != FileId::of(&self.path)
        {
            tracing::error!(
                path = %self.path.display(),
                "the inbox was moved or removed; going on with a new one. What was to be delivered is in the old one"
            );
            // Its log has no name that leads to the moved file: what is only there has to go over now.
            if let Err(error) = database.connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())) {
                tracing::error!(%error, "the last events could not be written to the inbox that was moved");
            }
            self.database = None;
        }
        let database = match self.database.take() {
            Some(database) => database,
            None => self.reopen()?,
        };
        Ok(self.database.insert(database))
    }

    fn reopen(&mut self) -> Result<Database, String> {
        if let Some(failure) = self.last_failure {
            thread::sleep(REOPEN_PAUSE.saturating_sub(failure.elapsed()));
        }
        open::prepare(&self.path, crate::inbox::Purpose::Tool).map_err(|error| format!("{error:#}"))?;
        let connection = open::connect(&self.path).map_err(|error| error.to_string())?;
        // The log has its name since this connection, if it was the first.
        open::sync_names(&self.path).map_err(|error| format!("{error:#}"))?;
        let file = FileId::of(&self.path);
        self.reopener.reopen();
        if self.last_failure.take().is_some() {
            tracing::info!(path = %self.path.display(), "the inbox is open again");
        }
        Ok(Database { connection, file })
    }
}

/// Which file a path leads to.
#[derive(Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        path.metadata().ok().map(|metadata| Self(metadata.dev(), metadata.ino()))
    }

    /// An open file cannot be removed on Windows.
    #[cfg(not(unix))]
    fn of(_path: &Path) -> Option<Self> {
        None
    }
}

/// Moving the log into the database, beside the writer.
#[derive(Default)]
struct Checkpoints {
    due: AtomicBool,
    ended: AtomicBool,
}

impl Checkpoints {
    fn run(&self, path: &Path) {
        loop {
            thread::park();
            let ended = self.ended.load(Ordering::Acquire);
            if ended || self.due.swap(false, Ordering::AcqRel) {
                let moved = open::connect(path).and_then(|db| self.move_log(&db));
                if let Err(error) = moved {
                    // The log grows meanwhile, and the writer moves it itself from a certain size on.
                    tracing::warn!(%error, "the inbox's log could not be moved into the database");
                    thread::sleep(REOPEN_PAUSE);
                }
            }
            if ended {
                return;
            }
        }
    }

    /// Until nothing has been written for a while.
    fn move_log(&self, db: &Connection) -> rusqlite::Result<()> {
        loop {
            db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            if self.ended.load(Ordering::Acquire) {
                return Ok(());
            }
            thread::sleep(CHECKPOINT_PAUSE);
            if !self.due.swap(false, Ordering::AcqRel) {
                return Ok(());
            }
        }
    }
}
