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
//! Nothing here waits for somebody else. A commit that hangs because a standby is away holds the rows it has
//! changed, and whoever would wait for one of them would lose the lease, and all that wait for it theirs. So a lease
//! is renewed by itself, without waiting for a disk or a standby; what is locked is left for the next beat.
//!
//! A beat also removes the receiver's own claims that nobody knows any more (see [`super::held`]).
//!
//! A receiver that stalls or is cut off for longer loses its claims while its handlers may still be at
//! work: another one tries the same event again, as after a crash. What the first one then says of it does
//! not count any more (see `FINISH` in `batch`), and it starts no attempt with a claim that is not its own
//! (see `claims::load`). Both are told to its log.
//!
//! Each attempt that had begun counts as one that its process did not survive: nobody can know better of a receiver
//! that is silent. If it only stalled, whoever takes over notes an end soon, and with that the count begins anew; it
//! takes three silences in a row during the same event, without any end between them, for that to matter.

use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::Error;
use uuid::Uuid;

use super::clock::{self, Clock, Reading, Set};
use super::held::{Held, Owned};
use super::{batch, claims};
use crate::outgoing::postgres::{Failure, Pool, within};
use crate::telemetry::events;

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

/// Says every second that the receiver is at work, looks after those that are not, and after the clock.
pub(super) async fn beat(pool: Pool, receiver: String, held: Held, clock: Clock) {
    let mut times = interval(BEAT);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        match once(&pool, &receiver, &held, &clock).await {
            Ok(beat) => beat.tell(held.count()),
            Err(failure) => events::inbox::not_heard(&failure),
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
            events::inbox::taken_for_dead(attempts);
        }
        if self.gone > 0 {
            events::inbox::others_gone(self.gone);
        }
    }
}

/// One beat.
pub(super) async fn once(pool: &Pool, receiver: &str, held: &Held, clock: &Clock) -> Result<Beat, Failure> {
    let db = pool.get().await?;
    let asked = Instant::now();
    let seen = within(LIMIT, renew(&db, receiver)).await?;
    let now = Reading { asked, answered: Instant::now(), said: seen.time };
    let mut beat = Beat { gone: 0, was_gone: seen.was_gone };
    // The lease is renewed, whatever becomes of the rest.
    match within(LIMIT, look_after(&db, receiver, &held.strangers(seen.own), &seen.silent, clock, now)).await {
        Ok(gone) => {
            beat.gone = gone;
            db.give_back();
        }
        Err(failure) => events::inbox::nothing_taken_over(&failure),
    }
    Ok(beat)
}

/// What a beat is for beside the lease; returns how many receivers were removed.
async fn look_after(
    db: &ClientWrapper,
    receiver: &str,
    strangers: &[Owned],
    silent: &[String],
    clock: &Clock,
    now: Reading,
) -> Result<u64, Error> {
    let set = clock.set(&now);
    if let Some(Set::Forward { earlier, later }) = set {
        clock::note(db, earlier, later).await?;
    }
    // Only now: until it is noted, whoever claims has to notice it too.
    clock.believe(now, set);
    if strangers.is_empty() && silent.is_empty() {
        return Ok(0);
    }
    tidy(db, receiver, strangers, silent).await
}

/// What there is to be seen after a lease was renewed.
struct Seen {
    was_gone: bool,
    /// What the database's clock says.
    time: Timestamp,
    /// The claims of this receiver, as the database has them.
    own: Vec<Owned>,
    /// Receivers whose lease has run out, or would run for longer than a lease can.
    silent: Vec<String>,
}

const RENEW: &str = "\
    INSERT INTO receivers AS r (id, until, steady) VALUES ($1, now() + $2::float8 * interval '1 second', now())
    ON CONFLICT (id) DO UPDATE SET until = excluded.until,
        steady = CASE WHEN r.until < now() OR r.steady > now() THEN now() ELSE r.steady END
    RETURNING xmax = 0, clock_timestamp()";

const OWN: &str = "SELECT handler, lane, token FROM claims WHERE receiver = $1";

/// A lease that ends later than any can was given by a clock that was set back since.
const SILENT: &str = "\
    SELECT r.id FROM receivers r WHERE r.until > now() + ($2::float8 + 2) * interval '1 second'
        OR (r.until < now() AND EXISTS (
            SELECT 1 FROM receivers me WHERE me.id = $1 AND me.steady < now() - $2::float8 * interval '1 second'))";

async fn renew(db: &ClientWrapper, receiver: &str) -> Result<Seen, Error> {
    let renew = db.prepare_cached(RENEW).await?;
    let (own, silent) = (db.prepare_cached(OWN).await?, db.prepare_cached(SILENT).await?);
    // Sent in this order, and all of it before the first answer is there. A beat that a crash of the database
    // forgets costs nobody anything.
    let ((), renewed, (), own, silent) = tokio::try_join!(
        biased;
        db.batch_execute(batch::BEGIN_LIGHTLY),
        async { db.query_one(&renew, &[&receiver, &LEASE]).await },
        db.batch_execute("COMMIT"),
        async { db.query(&own, &[&receiver]).await },
        async { db.query(&silent, &[&receiver, &LEASE]).await },
    )?;
    let owned = |row: &tokio_postgres::Row| Owned { handler: row.get(0), lane: row.get(1), token: row.get(2) };
    Ok(Seen {
        // A row that is written anew has no earlier version.
        was_gone: renewed.get(0),
        time: renewed.get(1),
        own: own.iter().map(owned).collect(),
        silent: silent.iter().map(|row| row.get(0)).collect(),
    })
}

/// How many receivers are there.
pub(super) async fn count(db: &ClientWrapper) -> Result<usize, Error> {
    let count: i64 = db.query_one("SELECT count(*) FROM receivers WHERE until > now()", &[]).await?.get(0);
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Gives a receiver whose lease a clock made too long one as long as any.
const SHORTEN: &str = "\
    UPDATE receivers r SET until = now() + $2::float8 * interval '1 second'
    FROM (SELECT id FROM receivers WHERE id = ANY ($1) AND until > now() + ($2::float8 + 2) * interval '1 second'
          FOR UPDATE SKIP LOCKED) AS late
    WHERE r.id = late.id";

/// Who is just claiming is not silent.
const RUN_OUT: &str = "SELECT id FROM receivers WHERE id = ANY ($1) AND until < now() FOR UPDATE SKIP LOCKED";

/// Ends claims whose attempt had begun, and counts that.
const COUNT: &str = "\
    WITH begun AS MATERIALIZED (
        SELECT c.handler, c.lane, d.event FROM claims c
        JOIN deliveries d ON d.event = c.begun AND d.handler = c.handler
        WHERE c.receiver = ANY ($1) FOR UPDATE OF c, d SKIP LOCKED
    ), counted AS (
        UPDATE deliveries d SET ends = d.ends + 1
        FROM begun b WHERE d.event = b.event AND d.handler = b.handler AND d.state = 0
    )
    DELETE FROM claims c USING begun b WHERE c.handler = b.handler AND c.lane = b.lane";

const END: &str = "\
    WITH over AS MATERIALIZED (
        SELECT c.handler, c.lane FROM claims c
        WHERE c.receiver = ANY ($1)
          AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = c.begun AND d.handler = c.handler)
        FOR UPDATE OF c SKIP LOCKED
    )
    DELETE FROM claims c USING over o WHERE c.handler = o.handler AND c.lane = o.lane";

/// One whose last transaction hangs has claims until that is over.
const REMOVE: &str = "\
    DELETE FROM receivers r WHERE r.id = ANY ($1) AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.receiver = r.id)";

/// Removes claims that nobody knows, and receivers that are silent; returns how many of those.
async fn tidy(db: &ClientWrapper, receiver: &str, strangers: &[Owned], silent: &[String]) -> Result<u64, Error> {
    db.batch_execute(batch::BEGIN_LIGHTLY).await?;
    if !strangers.is_empty() {
        let removed = claims::remove(db, receiver, strangers).await?;
        if removed > 0 {
            events::inbox::strange_claims_removed(removed);
        }
    }
    let mut gone = 0;
    if !silent.is_empty() {
        db.execute(SHORTEN, &[&silent, &LEASE]).await?;
        let over: Vec<String> = db.query(RUN_OUT, &[&silent]).await?.iter().map(|row| row.get(0)).collect();
        if !over.is_empty() {
            db.execute(COUNT, &[&over]).await?;
            db.execute(END, &[&over]).await?;
            gone = db.execute(REMOVE, &[&over]).await?;
        }
    }
    db.batch_execute("COMMIT").await?;
    Ok(gone)
}

/// Ends the lease: whatever the receiver had claimed is free. No attempt counts as one that it did not survive.
pub(super) async fn leave(db: &ClientWrapper, receiver: &str) -> Result<(), Error> {
    let free = "WITH free AS MATERIALIZED (SELECT handler, lane FROM claims WHERE receiver = $1 FOR UPDATE SKIP LOCKED)
                DELETE FROM claims c USING free f WHERE c.handler = f.handler AND c.lane = f.lane";
    // By itself, so that these do not wait for one that is locked.
    db.batch_execute(batch::BEGIN_LIGHTLY).await?;
    db.execute(free, &[&receiver]).await?;
    db.batch_execute("COMMIT").await?;
    db.batch_execute(batch::BEGIN_LIGHTLY).await?;
    db.execute("DELETE FROM receivers WHERE id = $1", &[&receiver]).await?;
    db.batch_execute("COMMIT").await
}
