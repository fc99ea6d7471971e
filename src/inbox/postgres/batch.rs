//! One transaction that writes: what has come (`arrivals`, with `row` and `listed`), what is to be fetched (`notices`), and
//! ends of attempts (`ends`).
//!
//! The order of a lane across receivers is the order in which they commit to it: a transaction first
//! takes the lock of every lane it touches (lowest first, so that two cannot wait for each other), then a
//! number for itself, and holds the locks until it is durable. So whoever gets the next number of a lane
//! sees all that came before, and nobody who looks for the first of a lane can miss one. After the locks,
//! events go in by their keys in order, for the same reason: a message that two receivers store at once
//! makes the second wait for the first, and never each for the other.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use super::arrivals::{DELIVER, REFUSE, STORE, add_deliveries, count_refused, store_rows};
use super::ends::{End, FINISH, FORGET, Stands, advance_ended, finish_attempts, forget_attempts, relist_ended};
use super::listed::{LIST, REFER, RELIST, list_rows, refer_rows};
use super::notices::{self, COUNT, Call, Calls, NOTICE};
use super::row::Row;
use crate::inbox::EventKey;

/// What a batch holds at the most. Less than what the numbers of events leave room for.
pub(super) const MOST: usize = 256;

/// Begins a transaction. Each of its statements has to see what was committed before it, above all while a lock
/// was waited for.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Begins one that nobody waits for: not for a disk, and not for a standby that is away. Others may wait for
/// what it locks, but never for long.
pub(super) const BEGIN_LIGHTLY: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off";

/// Begins one that outlives a crash of the database, and waits for no standby.
pub(super) const BEGIN_ALONE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = local";

/// What a transaction has done.
pub(super) struct Done {
    /// For each row whether it is new; for a refused body whether it is there.
    pub(super) stored: Vec<bool>,
    /// For each call the notice that counts it; `None` if it was stored.
    pub(super) called: Vec<Option<(EventKey, String)>>,
    /// For each end what became of it.
    pub(super) ended: Vec<Stands>,
    /// When the last event of this receiver was received, as it is noted.
    pub(super) latest: Option<Timestamp>,
}

/// Does all of it in one transaction. Durable on return. `latest` is as in [`Done`].
pub(super) async fn commit(
    db: &ClientWrapper,
    rows: &[&Row],
    calls: &[&Call],
    ends: &[&End],
    latest: Option<Timestamp>,
) -> Result<Done, Error> {
    let of_rows = rows.iter().copied().chain(calls.iter().map(|call| &call.row)).filter_map(|row| row.lane);
    let lanes: Vec<i64> = of_rows.chain(ends.iter().map(|end| end.claim.lane)).collect();
    // Which calls are to be stored is to be known first.
    let (mut lanes, mut judged) = (Some(lanes), Calls::default());
    if let Some(lanes) = lanes.take_if(|_| !calls.is_empty()) {
        begin(db, lanes).await?;
        judged = notices::judge(db, calls).await?;
    }
    let rows: Vec<&Row> = rows.iter().copied().chain(judged.new.iter().map(|call| &call.row)).collect();
    let rows = rows.as_slice();
    let [lock, store, list, refer, deliver, finish, forget, relist, advance, refuse, notice, count] = [
        db.prepare_cached(LOCK).await?,
        db.prepare_cached(STORE).await?,
        db.prepare_cached(LIST).await?,
        db.prepare_cached(REFER).await?,
        db.prepare_cached(DELIVER).await?,
        db.prepare_cached(FINISH).await?,
        db.prepare_cached(FORGET).await?,
        db.prepare_cached(RELIST).await?,
        db.prepare_cached(ADVANCE).await?,
        db.prepare_cached(REFUSE).await?,
        db.prepare_cached(NOTICE).await?,
        db.prepare_cached(COUNT).await?,
    ];
    // Sent in this order, and all of it before the first answer is there.
    let ((), (mut stored, latest), (), (), (), (), (), ended, (), (), (), refused, (), ()) = tokio::try_join!(
        biased;
        begin_on(db, &lock, lanes),
        store_rows(db, &store, rows, latest),
        list_rows(db, &list, rows),
        refer_rows(db, &refer, rows),
        add_deliveries(db, &deliver, rows),
        notices::note(db, &notice, &judged.new),
        notices::count(db, &count, &judged.waiting),
        finish_attempts(db, &finish, ends),
        forget_attempts(db, &forget, ends),
        relist_ended(db, &relist, ends),
        advance_ended(db, &advance, ends),
        count_refused(db, &refuse, rows),
        // A commit that waits for a standby must not be cut short: it would count as one.
        db.batch_execute("SET LOCAL statement_timeout = 0"),
        db.batch_execute("COMMIT"),
    )?;
    for (row, stored) in rows.iter().zip(&mut stored).filter(|(row, _)| row.is_refused()) {
        *stored = refused.contains(row.key.0.as_slice());
    }
    stored.truncate(rows.len() - judged.new.len());
    Ok(Done { stored, called: judged.waiting, ended, latest })
}

/// Begins a transaction on these lanes, unless one has begun.
async fn begin_on(db: &ClientWrapper, lock: &Statement, lanes: Option<Vec<i64>>) -> Result<(), Error> {
    let Some(lanes) = lanes else { return Ok(()) };
    tokio::try_join!(biased; db.batch_execute(BEGIN), lock_lanes(db, lock, lanes)).map(drop)
}

const LOCK: &str = "SELECT count(pg_advisory_xact_lock(lane)) FROM unnest($1::bigint[]) AS lane";

/// Keeps everybody else from the lanes until the transaction ends.
pub(super) async fn lock_lanes(db: &ClientWrapper, lock: &Statement, mut lanes: Vec<i64>) -> Result<(), Error> {
    if lanes.is_empty() {
        return Ok(());
    }
    lanes.sort_unstable();
    lanes.dedup();
    db.query_one(lock, &[&lanes]).await.map(drop)
}

/// Makes the first pending delivery of each lane due, if it is not yet. Its time begins now, however long
/// it has waited for those before it. That it has changed says by which clock it is due (see [`super::clock`]).
pub(super) const ADVANCE: &str = "\
    UPDATE deliveries d SET due = now(), changed = now(),
                            since = CASE d.attempts WHEN 0 THEN now() ELSE least(d.since, now()) END
    FROM unnest($1::text[], $2::bigint[]) AS of (handler, lane),
         LATERAL (SELECT p.event FROM deliveries p WHERE p.handler = of.handler AND p.lane = of.lane AND p.state = 0
                  ORDER BY p.event LIMIT 1) AS first
    WHERE d.event = first.event AND d.handler = of.handler AND d.due IS NULL";

pub(super) async fn advance_lanes(db: &ClientWrapper, advance: &Statement, of: &[(&str, i64)]) -> Result<u64, Error> {
    if of.is_empty() {
        return Ok(0);
    }
    let handlers: Vec<_> = of.iter().map(|(handler, _)| *handler).collect();
    let lanes: Vec<_> = of.iter().map(|(_, lane)| *lane).collect();
    db.execute(advance, &[&handlers, &lanes]).await
}

/// Begins a transaction on lanes by themselves: nobody else changes them until that is over.
pub(super) async fn begin(db: &ClientWrapper, lanes: Vec<i64>) -> Result<(), Error> {
    db.batch_execute(BEGIN).await?;
    let lock = db.prepare_cached(LOCK).await?;
    lock_lanes(db, &lock, lanes).await
}

/// Executes a statement in one round trip, without waiting for a disk or a standby.
pub(super) async fn lightly(
    db: &ClientWrapper,
    statement: &Statement,
    values: &[&(dyn ToSql + Sync)],
) -> Result<u64, Error> {
    let ((), rows, ()) = tokio::try_join!(
        biased;
        db.batch_execute(BEGIN_LIGHTLY),
        async { db.execute(statement, values).await },
        db.batch_execute("COMMIT"),
    )?;
    Ok(rows)
}

/// Ends a transaction for good; durable on return.
pub(super) async fn end(db: &ClientWrapper) -> Result<(), Error> {
    db.batch_execute("SET LOCAL statement_timeout = 0").await?;
    db.batch_execute("COMMIT").await
}
