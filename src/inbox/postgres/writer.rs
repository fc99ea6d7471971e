//! The one writer of a receiver: whatever is waiting goes into one transaction and one sync.
//!
//! A transaction is sent whole, its commit included, so that it costs one round trip. If the answer does
//! not come, nothing is said to be safe; a message that was stored all the same is a duplicate when its
//! sender repeats it. If the database refuses something, every job is tried by itself, so that one that
//! can never be stored does not hold up the others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::LIMIT;
use super::batch;
use super::ends::{End, Stands};
use super::notices::Call;
use super::row::Row;
use crate::inbox::{EventKey, InboxError};
use crate::outgoing::postgres::{Connection, Failure, Pool, within};
use crate::telemetry::events;

/// Bytes that one transaction holds at the most: the first waits for the last.
const MOST_BYTES: usize = 16 << 20;

/// Jobs that may wait. Their bodies are in the budget of all bodies.
const QUEUE: usize = 4096;

/// Pause between a failure and the next attempt.
const PAUSE: Duration = Duration::from_millis(250);

/// What is to be written.
#[derive(Debug)]
pub(super) enum Work {
    Store(Box<Row>),
    Notice(Box<Call>),
    Finish(Box<End>),
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is new; or the claim still was ours, and its delivery is over as it says.
    Yes,
    /// It is not.
    #[default]
    No,
    /// The claim still was ours, but its delivery had been discarded or begun anew.
    Overtaken,
    /// A notice that waits counts it, which goes by that key and id.
    Counted(EventKey, String),
}

struct Job {
    work: Work,
    /// Told when it is durable.
    reply: oneshot::Sender<Result<Answer, InboxError>>,
}

impl Job {
    fn weight(&self) -> usize {
        match &self.work {
            Work::Store(row) => row.weight(),
            Work::Notice(call) => call.row.weight(),
            Work::Finish(_) => 0,
        }
    }
}

/// The way to the writer's task.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the writer, with a connection of its own.
    pub(super) fn start(pool: Pool) -> Self {
        let (sender, jobs) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(pool, jobs));
        Self { jobs: Mutex::new(Some(sender)), task: Mutex::new(Some(task)) }
    }

    /// Does that in the next transaction; returns once it is durable, with whether an event is new. It is done even if the caller stops waiting.
    pub(super) async fn run(&self, work: Work) -> Result<bool, InboxError> {
        Ok(self.ask(work).await? == Answer::Yes)
    }

    /// The same, with all that there is to say.
    pub(super) async fn ask(&self, work: Work) -> Result<Answer, InboxError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(InboxError::Closed)?;
        let (reply, replied) = oneshot::channel();
        jobs.send(Job { work, reply }).await.map_err(|_| InboxError::Closed)?;
        replied.await.unwrap_or(Err(InboxError::Closed))
    }

    /// Does what is waiting, and ends.
    pub(super) async fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            events::inbox::writer_panicked();
        }
    }
}

/// The way to the database, and what is known from the last time.
#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    /// See [`batch::Done::latest`]. Not known after a failure, which may have come behind the commit.
    latest: Option<Timestamp>,
}

async fn run(pool: Pool, mut jobs: mpsc::Receiver<Job>) {
    let (mut line, mut held_over, mut failed) = (Line::default(), None, false);
    loop {
        let first = match held_over.take() {
            Some(job) => job,
            None => match jobs.recv().await {
                Some(job) => job,
                None => return,
            },
        };
        let mut bytes = first.weight();
        let mut batch = vec![first];
        while batch.len() < batch::MOST
            && let Ok(job) = jobs.try_recv()
        {
            if bytes + job.weight() > MOST_BYTES {
                held_over = Some(job);
                break;
            }
            bytes += job.weight();
            batch.push(job);
        }
        let works: Vec<&Work> = batch.iter().map(|job| &job.work).collect();
        let answers = write(&pool, &mut line, &works).await;
        let failure = answers.iter().find_map(|answer| answer.as_ref().err()).cloned();
        for (job, answer) in batch.into_iter().zip(answers) {
            // Who has left does not need to hear it.
            let _ = job.reply.send(answer.map_err(InboxError::from));
        }
        if let Some(failure) = failure {
            events::inbox::cannot_write_to_database(&failure);
            if jobs.is_closed() {
                // Nobody waits for a database that may not come back; to those who ask, we were closed.
                return;
            }
            sleep(PAUSE).await;
        } else if failed {
            events::inbox::writes_again();
        }
        failed = line.connection.is_none();
    }
}

/// Writes all of it, in one transaction if that can be; an answer for each.
async fn write(pool: &Pool, line: &mut Line, works: &[&Work]) -> Vec<Result<Answer, Failure>> {
    match transaction(pool, line, works).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(failure) if works.len() > 1 && is_of_one(&failure) => {
            let (begun, mut stopped, mut answers) = (Instant::now(), None, Vec::new());
            for work in works {
                let alone = match &stopped {
                    None => transaction(pool, line, &[work]).await,
                    Some(failure) => Err(Failure::clone(failure)),
                };
                // Those behind it have waited long enough, or would fare no better.
                stopped = alone.as_ref().err().filter(|why| !is_of_one(why) || begun.elapsed() > LIMIT).cloned();
                answers.push(alone.map(|answers| answers.into_iter().next().unwrap_or_default()));
            }
            answers
        }
        Err(failure) => vec![Err(failure); works.len()],
    }
}

async fn transaction(pool: &Pool, line: &mut Line, works: &[&Work]) -> Result<Vec<Answer>, Failure> {
    // A closed one has to go first, or the pool, which is for one, would wait for its place.
    let (open, latest) = (line.connection.take().filter(|db| !db.is_closed()), line.latest.take());
    let db = match open {
        Some(db) => db,
        None => pool.get_to_commit().await?,
    };
    let (mut rows, mut calls, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for work in works {
        match work {
            Work::Store(row) => rows.push(&**row),
            Work::Notice(call) => calls.push(&**call),
            Work::Finish(end) => ends.push(&**end),
        }
    }
    // All its statements are under way at once: too much for a stack.
    let done = within(LIMIT, Box::pin(batch::commit(&db, &rows, &calls, &ends, latest))).await?;
    *line = Line { connection: Some(db), latest: done.latest };
    let (mut stored, mut called, mut ended) =
        (done.stored.into_iter(), done.called.into_iter(), done.ended.into_iter());
    let plain = |is_so: Option<bool>| if is_so == Some(true) { Answer::Yes } else { Answer::No };
    let answer = |work: &&Work| match work {
        Work::Store(_) => plain(stored.next()),
        Work::Notice(_) => match called.next() {
            Some(Some((key, id))) => Answer::Counted(key, id),
            Some(None) => Answer::Yes,
            None => Answer::No,
        },
        Work::Finish(_) => match ended.next() {
            Some(Stands::Yes) => Answer::Yes,
            Some(Stands::Overtaken) => Answer::Overtaken,
            Some(Stands::Lost) | None => Answer::No,
        },
    };
    Ok(works.iter().map(answer).collect())
}

/// Whether it may be the fault of one job: not if the database was not reached, is full, ends, or can
/// only be read.
fn is_of_one(failure: &Failure) -> bool {
    let everybodys = ["25", "28", "3D", "3F", "53", "57", "58", "F0", "XX"];
    failure.code().is_some_and(|code| !everybodys.iter().any(|class| code.starts_with(class)))
}
