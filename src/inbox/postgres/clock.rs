//! The database's clock, which somebody may set: what waits must not wait for hours because of that, nor be
//! given up.
//!
//! Set back, it leaves due times that are hours away. They are known by this: they were noted at a time that has
//! not come yet. Such deliveries are looked for when a receiver starts, when one notices the step, and now and then
//! (a transaction may have begun before the step and end long after it). Set forward, it lets everything look
//! older than it is; the step is noted, and left out of account when somebody asks how old a delivery is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::Error;

use super::{LIMIT, batch};
use crate::outgoing::postgres::{Failure, Pool, within};
use crate::telemetry::events;

/// Clocks are kept right in small steps all the time; those do not matter.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// How often to look for what waits by another clock.
const LOOK: Duration = Duration::from_secs(10);

/// Whoever notes a step holds this lock (of PostgreSQL, by number): every receiver notices it.
const NOTING: i64 = 0x7472_6164_6563_6c6a;

/// What the database's clock said at a moment between two of ours, which go on evenly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) asked: Instant,
    pub(super) answered: Instant,
    pub(super) said: Timestamp,
}

/// How the clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// Back.
    Back,
    /// From a time to another one.
    Forward { earlier: Timestamp, later: Timestamp },
}

/// What was known of the clock last.
#[derive(Clone, Default)]
pub(super) struct Clock {
    last: Arc<Mutex<Option<Reading>>>,
    was_set_back: Arc<Notify>,
}

impl Clock {
    /// How the clock was set since the last reading that was believed.
    pub(super) fn set(&self, now: &Reading) -> Option<Set> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.and_then(|last| compare(&last, now))
    }

    /// By how much the clock is ahead of what is noted of it: nobody has waited for that time.
    pub(super) fn ahead(&self, now: &Reading) -> SignedDuration {
        match self.set(now) {
            Some(Set::Forward { earlier, later }) => later.duration_since(earlier),
            Some(Set::Back) | None => SignedDuration::ZERO,
        }
    }

    /// Compares with this reading from now on.
    pub(super) fn believe(&self, now: Reading, set: Option<Set>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        if set == Some(Set::Back) {
            self.was_set_back.notify_one();
        }
    }
}

/// Whether the clock was set between two readings: more passed, or less, than can have.
fn compare(first: &Reading, second: &Reading) -> Option<Set> {
    let passed = second.said.duration_since(first.said);
    let at_least = second.asked.saturating_duration_since(first.answered);
    let at_most = second.answered.saturating_duration_since(first.asked);
    if passed < SignedDuration::try_from(at_least).ok()? - STEP {
        return Some(Set::Back);
    }
    let earlier = first.said.saturating_add(at_most).ok()?;
    (second.said.duration_since(earlier) > STEP).then_some(Set::Forward { earlier, later: second.said })
}

/// Has what waits follow the clock, for as long as it is let.
pub(super) async fn follow(pool: Pool, clock: Clock) {
    // Nobody knows how it was set while no receiver was at work.
    let mut all = true;
    loop {
        match look(&pool, all).await {
            Ok(0) => all = false,
            Ok(deliveries) => {
                all = false;
                events::inbox::database_clock_set_back(deliveries);
            }
            // The heartbeat says that the database is away.
            Err(failure) => tracing::debug!(%failure, "cannot look for deliveries that wait by another clock"),
        }
        all |= timeout(LOOK, clock.was_set_back.notified()).await.is_ok();
    }
}

/// Looks for deliveries that wait by another clock: at all that wait, or at those that do for longest; returns how
/// many of them are due now.
pub(super) async fn look(pool: &Pool, all: bool) -> Result<u64, Failure> {
    let connection = pool.get().await?;
    let db = &*connection;
    let (mut moved, mut handler) = (0, String::new());
    if all {
        within(LIMIT, forget_ahead(db)).await?;
    }
    while let Some(next) = within(LIMIT, handler_after(db, &handler)).await? {
        handler = next;
        let mut before = None;
        loop {
            let (furthest, of_page) = within(LIMIT, due_again(db, &handler, before)).await?;
            moved += of_page;
            before = furthest;
            // What waits by a clock that was hours ahead is the furthest away.
            if before.is_none() || (of_page == 0 && !all) {
                break;
            }
        }
    }
    connection.give_back();
    Ok(moved)
}

/// Notes that the clock was set forward, unless another receiver has.
pub(super) async fn note(db: &ClientWrapper, earlier: Timestamp, later: Timestamp) -> Result<(), Error> {
    db.batch_execute(batch::BEGIN_LIGHTLY).await?;
    db.query_one("SELECT pg_advisory_xact_lock($1)", &[&NOTING]).await?;
    let statement = "INSERT INTO jumps (earlier, later) SELECT $1, $2
                     WHERE NOT EXISTS (SELECT 1 FROM jumps j WHERE j.later > $1 AND j.earlier < $2)";
    let noted = db.execute(statement, &[&earlier, &later]).await?;
    db.batch_execute("COMMIT").await?;
    if noted > 0 {
        events::inbox::database_clock_set_forward(earlier, later);
    }
    Ok(())
}

/// A step to a time that has not come yet was taken back.
async fn forget_ahead(db: &ClientWrapper) -> Result<(), Error> {
    db.batch_execute(batch::BEGIN_LIGHTLY).await?;
    db.execute("DELETE FROM jumps WHERE later > now()", &[]).await?;
    db.batch_execute("COMMIT").await
}

/// Forgets the steps that nothing waits any more that was there before them: whatever is made to wait begins anew.
pub(super) async fn forget_past(db: &ClientWrapper) -> Result<(), Error> {
    // Most databases have none, and then nobody looks at the deliveries. The hour is for transactions under way.
    let statement = "DELETE FROM jumps WHERE later < (SELECT least(min(since), now() - interval '1 hour')
                                                      FROM deliveries WHERE state = 0)";
    db.batch_execute(batch::BEGIN_LIGHTLY).await?;
    db.execute(statement, &[]).await?;
    db.batch_execute("COMMIT").await
}

/// The next handler that has something due.
async fn handler_after(db: &ClientWrapper, handler: &str) -> Result<Option<String>, Error> {
    let statement = "SELECT handler FROM deliveries WHERE due IS NOT NULL AND handler > $1 ORDER BY handler LIMIT 1";
    Ok(db.query_opt(&db.prepare_cached(statement).await?, &[&handler]).await?.map(|row| row.get(0)))
}

/// Of those that are due the furthest from now, makes those due that were noted by another clock.
const DUE_AGAIN: &str = "\
    WITH page AS MATERIALIZED (
        SELECT event, due, changed FROM deliveries
        WHERE handler = $1 AND due IS NOT NULL AND due > now() AND due < coalesce($2::timestamptz, 'infinity')
        ORDER BY due DESC FETCH FIRST 1000 ROWS WITH TIES
    ), late AS MATERIALIZED (
        SELECT d.event FROM page JOIN deliveries d ON d.event = page.event AND d.handler = $1
        WHERE page.changed > now() + interval '2 seconds' FOR UPDATE OF d SKIP LOCKED
    ), moved AS (
        UPDATE deliveries d SET due = now(), since = least(d.since, now()), changed = now()
        FROM late WHERE d.event = late.event AND d.handler = $1 AND d.state = 0 AND d.due > now() RETURNING 1
    )
    SELECT min(due), (SELECT count(*) FROM moved) FROM page";

/// See [`DUE_AGAIN`]. Returns the due time before which to go on, if there may be more, and how many are due now.
async fn due_again(
    db: &ClientWrapper,
    handler: &str,
    before: Option<Timestamp>,
) -> Result<(Option<Timestamp>, u64), Error> {
    let statement = db.prepare_cached(DUE_AGAIN).await?;
    let ((), row, ()) = tokio::try_join!(
        biased;
        db.batch_execute(batch::BEGIN_LIGHTLY),
        async { db.query_one(&statement, &[&handler, &before]).await },
        db.batch_execute("COMMIT"),
    )?;
    Ok((row.get(0), u64::try_from(row.get::<_, i64>(1)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reading at so many seconds, which took one, of a clock that says that it is so late.
    fn reading(begun: Instant, at: u64, said: i64) -> Reading {
        let asked = begun + Duration::from_secs(at);
        Reading { asked, answered: asked + Duration::from_secs(1), said: Timestamp::from_second(said).unwrap() }
    }

    #[test]
    fn a_clock_that_goes_on_evenly_was_not_set_however_long_an_answer_takes() {
        let begun = Instant::now();
        for (at, said) in [(1, 1_001), (1, 1_002), (10, 1_009), (10, 1_011), (100_000, 101_000)] {
            assert_eq!(compare(&reading(begun, 0, 1_000), &reading(begun, at, said)), None, "{at} {said}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_and_by_how_much() {
        let begun = Instant::now();
        let second = |second| Timestamp::from_second(second).unwrap();
        let first = reading(begun, 0, 100_000);

        let back = compare(&first, &reading(begun, 10, 96_410));
        let forward = compare(&first, &reading(begun, 10, 103_610));

        assert_eq!(back, Some(Set::Back));
        assert_eq!(forward, Some(Set::Forward { earlier: second(100_011), later: second(103_610) }));
    }
}
