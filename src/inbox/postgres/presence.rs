//! Which receivers are at work, and what becomes of the work of one that is not.
//!
//! A claim belongs to a receiver, and a receiver has a lease: a row that it renews every second and that
//! runs out after five. Whoever sees one that has run out removes it, and its claims with it; the work is
//! then there for the next who looks. All times are the database's own.
//!
//! Leases rather than locks of a session, because a session also ends where the receiver lives on: the
//! database restarts, or a firewall forgets the connection; every attempt in flight would then be made
//! twice. For the same reason nobody is taken for dead by a receiver that was late itself: after an outage
//! of the database all leases have run out, and everyone has as long again to come back. And a session
//! outlives a machine that lost its power until TCP gives up, while a lease runs out in seconds.
//!
//! A receiver that stalls or is cut off for longer loses its claims while its handlers may still be at
//! work: another one tries the same event again, as after a crash. What the first one then says of it does
//! not count any more (see `FINISH` in `batch`), and it starts no attempt with a claim that is not its own
//! (see `claims::load`). Both are told to its log.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::Error;
use uuid::Uuid;

use super::Held;
use crate::postgres::{Pool, within};

/// How often a receiver says that it is at work.
const BEAT: Duration = Duration::from_secs(1);

/// One beat has to be over before the next but one is due.
const LIMIT: Duration = Duration::from_secs(2);

/// How long a lease is, in seconds.
const LEASE: f64 = 5.0;

/// A name that no other receiver has had.
pub(super) fn name() -> String {
    Uuid::new_v4().to_string()
}

/// Says every second that the receiver is at work, and looks after those that are not.
pub(super) async fn beat(pool: Pool, receiver: String, held: Held) {
    let mut times = interval(BEAT);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        match once(&pool, &receiver, &held).await {
            Ok(beat) => beat.tell(held.count()),
            Err(failure) => tracing::warn!(%failure, "cannot say in the inbox that this receiver is at work"),
        }
    }
}

/// What came to light in a beat.
pub(super) struct Beat {
    /// Receivers that were removed.
    gone: u64,
    /// The others had taken this one for dead.
    was_gone: bool,
}

impl Beat {
    fn tell(&self, attempts: usize) {
        if self.was_gone {
            tracing::warn!(
                attempts,
                "this receiver was not heard of for too long: others have taken over what it was at, and may deliver \
                 it a second time"
            );
        }
        if self.gone > 0 {
            tracing::warn!(self.gone, "another receiver does not answer any more; its work is taken over");
        }
    }
}

/// One beat.
pub(super) async fn once(pool: &Pool, receiver: &str, held: &Held) -> Result<Beat, crate::postgres::Failure> {
    let db = pool.get().await?;
    let dropped = held.dropped();
    let beat = within(LIMIT, renew(&db, receiver, &dropped)).await?;
    held.forget(&dropped);
    db.give_back();
    Ok(beat)
}

async fn renew(db: &ClientWrapper, receiver: &str, dropped: &[i64]) -> Result<Beat, Error> {
    // A beat that a crash of the database forgets costs nobody anything.
    db.batch_execute("BEGIN; SET LOCAL synchronous_commit = off").await?;
    let statement = "INSERT INTO receivers AS r (id, until, steady) \
                     VALUES ($1, now() + $2 * interval '1 second', now()) \
                     ON CONFLICT (id) DO UPDATE SET until = excluded.until, \
                         steady = CASE WHEN r.until < now() THEN now() ELSE r.steady END \
                     RETURNING xmax = 0";
    // A row that is written anew has no earlier version.
    let was_gone = db.query_one(&db.prepare_cached(statement).await?, &[&receiver, &LEASE]).await?.get(0);
    if !dropped.is_empty() {
        let statement = "DELETE FROM claims WHERE receiver = $1 AND token = ANY ($2)";
        db.execute(&db.prepare_cached(statement).await?, &[&receiver, &dropped]).await?;
    }
    let statement = "DELETE FROM receivers r WHERE r.until < now() AND EXISTS (\
                         SELECT 1 FROM receivers me WHERE me.id = $1 AND me.steady < now() - $2 * interval '1 second')";
    let gone = db.execute(&db.prepare_cached(statement).await?, &[&receiver, &LEASE]).await?;
    db.batch_execute("COMMIT").await?;
    Ok(Beat { gone, was_gone })
}

/// Ends the lease: whatever the receiver had claimed is free.
pub(super) async fn leave(db: &ClientWrapper, receiver: &str) -> Result<(), Error> {
    db.execute("DELETE FROM receivers WHERE id = $1", &[&receiver]).await.map(drop)
}
