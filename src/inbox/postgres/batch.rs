//! One transaction that writes: events with their deliveries (`row`), and ends of attempts (`ends`).
//!
//! The order of a lane across receivers is the order in which they commit to it: a transaction first
//! takes the lock of every lane it touches (lowest first, so that two cannot wait for each other), then a
//! number for itself, and holds the locks until it is durable. So whoever gets the next number of a lane
//! sees all that came before, and nobody who looks for the first of a lane can miss one. After the locks,
//! events go in by their keys in order, for the same reason: a message that two receivers store at once
//! makes the second wait for the first, and never each for the other.

use std::collections::{BTreeMap, HashSet};

use deadpool_postgres::ClientWrapper;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Error, Statement};

use super::ends::{End, FINISH, FORGET, advance_ended, finish_attempts, forget_failures};
use super::row::Row;

/// What a batch holds at the most. Less than what the numbers of events leave room for.
pub(super) const MOST: usize = 256;

/// Begins a transaction. Each of its statements has to see what was committed before it, above all while a lock
/// was waited for.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Begins one that nobody waits for: not for a disk, and not for a standby that is away. Others may wait for
/// what it locks, but never for long.
pub(super) const BEGIN_LIGHTLY: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off";

/// What a transaction has done.
pub(super) struct Done {
    /// For each row whether it is new; for a refused body whether it is there.
    pub(super) stored: Vec<bool>,
    /// For each end whether its claim still was ours.
    pub(super) ended: Vec<bool>,
    /// When the last event of this receiver was received, as it is noted.
    pub(super) latest: Option<Timestamp>,
}

/// Does all of it in one transaction. Durable on return. `latest` is as in [`Done`].
pub(super) async fn commit(
    db: &ClientWrapper,
    rows: &[&Row],
    ends: &[&End],
    latest: Option<Timestamp>,
) -> Result<Done, Error> {
    let lanes = rows.iter().filter_map(|row| row.lane).chain(ends.iter().map(|end| end.claim.lane));
    let [lock, store, deliver, finish, forget, advance, refuse] = [
        db.prepare_cached(LOCK).await?,
        db.prepare_cached(STORE).await?,
        db.prepare_cached(DELIVER).await?,
        db.prepare_cached(FINISH).await?,
        db.prepare_cached(FORGET).await?,
        db.prepare_cached(ADVANCE).await?,
        db.prepare_cached(REFUSE).await?,
    ];
    // Sent in this order, and all of it before the first answer is there.
    let ((), (), (mut stored, latest), (), ended, (), (), refused, (), ()) = tokio::try_join!(
        biased;
        db.batch_execute(BEGIN),
        lock_lanes(db, &lock, lanes.collect()),
        store_rows(db, &store, rows, latest),
        add_deliveries(db, &deliver, rows),
        finish_attempts(db, &finish, ends),
        forget_failures(db, &forget, ends),
        advance_ended(db, &advance, ends),
        count_refused(db, &refuse, rows),
        // A commit that waits for a standby must not be cut short: it would count as one.
        db.batch_execute("SET LOCAL statement_timeout = 0"),
        db.batch_execute("COMMIT"),
    )?;
    for (row, stored) in rows.iter().zip(&mut stored).filter(|(row, _)| row.is_refused()) {
        *stored = refused.contains(row.key.0.as_slice());
    }
    Ok(Done { stored, ended, latest })
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

/// When an event was received never goes back, within its order or shipment and from one event of this receiver to
/// the next, whatever the clocks do: files are named after it. `$20` is that of this receiver's last one, if it is
/// known; else the last of all are asked. It is never more than a day ahead of the clock. Besides, the newest event of
/// each order or shipment is noted that has had one without a `messageId`.
const STORE: &str = "\
    WITH batch AS MATERIALIZED (SELECT nextval('batches') * 1024 AS number),
    floor AS MATERIALIZED (
        SELECT greatest(
            $20::timestamptz,
            (SELECT max(received) FROM (SELECT received FROM events WHERE $20::timestamptz IS NULL
                                        ORDER BY number DESC LIMIT 1024) AS newest),
            (SELECT max(newest.received)
             FROM unnest($16::bigint[]) AS of (lane),
                  LATERAL (SELECT e.received FROM events e WHERE e.lane = of.lane ORDER BY e.number DESC LIMIT 1)
                      AS newest)
        ) AS at),
    stored AS (
    INSERT INTO events (number, key, id, received, path, content_type, kind, format, event_name, message_id,
                        subject, document, company, companies, created, lane, reason, status, body)
    SELECT batch.number + place, key, id, least(greatest(received, floor.at + (place + 1) * interval '1 microsecond'), received + interval '1 day'),
           path, content_type, kind, format, event_name, message_id, subject, document, company, companies, created, lane,
           reason, status, body
    FROM batch, floor,
         unnest($1::int[], $2::bytea[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
                $16::bigint[], $17::text[], $18::int[], $19::bytea[])
         AS row (place, key, id, received, path, content_type, kind, format, event_name, message_id, subject,
                 document, company, companies, created, lane, reason, status, body)
    ON CONFLICT (key) DO NOTHING RETURNING number, lane, message_id, received
    ), newest AS (
        SELECT lane, max(number) AS number, bool_or(coalesce(message_id, '') = '') AS unnamed
        FROM stored WHERE lane IS NOT NULL GROUP BY lane
    ), noted AS (
        INSERT INTO unnamed (lane, newest) SELECT lane, number FROM newest WHERE unnamed
        ON CONFLICT (lane) DO UPDATE SET newest = excluded.newest
    ), moved AS (
        UPDATE unnamed u SET newest = n.number FROM newest n WHERE u.lane = n.lane AND NOT n.unnamed
    )
    SELECT (number % 1024)::int, received FROM stored";

async fn store_rows(
    db: &ClientWrapper,
    store: &Statement,
    rows: &[&Row],
    latest: Option<Timestamp>,
) -> Result<(Vec<bool>, Option<Timestamp>), Error> {
    let mut new = vec![false; rows.len()];
    if rows.is_empty() {
        return Ok((new, latest));
    }
    let received = one_after_the_other(rows);
    let mut places: Vec<usize> = (0..rows.len()).collect();
    places.sort_by_key(|place| (rows[*place].key.0, *place));
    let sorted = || places.iter().map(|place| rows[*place]);
    let text = |of: fn(&Row) -> Option<&str>| sorted().map(of).collect::<Vec<_>>();
    let stored = db
        .query(
            store,
            &[
                &places.iter().map(|place| i32::try_from(*place).unwrap_or(i32::MAX)).collect::<Vec<_>>(),
                &sorted().map(|row| row.key.0.as_slice()).collect::<Vec<_>>(),
                &sorted().map(|row| row.id.as_str()).collect::<Vec<_>>(),
                &places.iter().map(|place| received[*place]).collect::<Vec<_>>(),
                &sorted().map(|row| row.path.as_str()).collect::<Vec<_>>(),
                &text(|row| row.content_type.as_deref()),
                &text(|row| row.kind),
                &text(|row| row.format),
                &text(|row| row.event_name.as_deref()),
                &text(|row| row.message_id.as_deref()),
                &text(|row| row.subject.as_deref()),
                &text(|row| row.document.as_deref()),
                &text(|row| row.company.as_deref()),
                &text(|row| row.companies.as_deref()),
                &text(|row| row.created.as_deref()),
                &sorted().map(|row| row.lane).collect::<Vec<_>>(),
                &text(|row| row.reason.as_deref()),
                &sorted().map(|row| row.status).collect::<Vec<_>>(),
                &sorted().map(|row| row.body.as_ref()).collect::<Vec<_>>(),
                &latest,
            ],
        )
        .await?;
    // Not the latest there ever was: that may be of a clock that was wrong.
    let latest = stored.iter().map(|row| row.get(1)).max().or(latest);
    for row in stored {
        if let Some(new) = usize::try_from(row.get::<_, i32>(0)).ok().and_then(|place| new.get_mut(place)) {
            *new = true;
        }
    }
    Ok((new, latest))
}

/// When each of them was received, so that none is before or with the one that is stored before it.
fn one_after_the_other(rows: &[&Row]) -> Vec<Timestamp> {
    let mut latest = Timestamp::MIN;
    let next = |row: &&Row| {
        let least = latest.checked_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        latest = row.received.max(least);
        latest
    };
    rows.iter().map(next).collect()
}

/// Of the events that are new: those that were there keep the deliveries they have.
const DELIVER: &str = "\
    INSERT INTO deliveries (event, handler, lane, state, since, changed, due)
    SELECT number, handler, lane, 0, now(), now(),
           CASE WHEN row_number() OVER (PARTITION BY handler, lane ORDER BY number) = 1
                 AND NOT EXISTS (SELECT 1 FROM deliveries d
                                 WHERE d.handler = new.handler AND d.lane = new.lane AND d.state = 0)
                THEN now() END
    FROM (SELECT currval('batches') * 1024 + place AS number, handler, lane
          FROM unnest($1::int[], $2::text[], $3::bigint[]) AS wanted (place, handler, lane)) AS new
    WHERE EXISTS (SELECT 1 FROM events e WHERE e.number = new.number)";

async fn add_deliveries(db: &ClientWrapper, deliver: &Statement, rows: &[&Row]) -> Result<(), Error> {
    let (mut places, mut handlers, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    for (place, row) in (0_i32..).zip(rows) {
        for handler in &*row.handlers {
            places.push(place);
            handlers.push(handler.as_str());
            lanes.push(row.lane);
        }
    }
    if places.is_empty() {
        return Ok(());
    }
    db.execute(deliver, &[&places, &handlers, &lanes]).await.map(drop)
}

/// A refused body that was there already is counted, and if somebody had set it aside, it is refused again.
/// Locked by their keys in order, as they are stored.
const REFUSE: &str = "\
    WITH kept AS (
        SELECT e.number, e.key, new.copies, octet_length(e.body) AS size
        FROM unnest($1::bytea[], $2::int[]) AS new (key, copies) JOIN events e ON e.key = new.key
        WHERE e.kind IS NULL ORDER BY e.key FOR UPDATE OF e
    ), again AS (
        UPDATE events e SET discarded = false FROM kept WHERE e.number = kept.number AND e.discarded
    ), undecided AS (
        DELETE FROM decided d USING kept WHERE d.event = kept.number
    ), counted AS (
        INSERT INTO refused (event, copies, size) SELECT number, copies, size FROM kept ORDER BY key
        ON CONFLICT (event) DO UPDATE SET copies = refused.copies + excluded.copies
    )
    SELECT key FROM kept";

/// Returns the keys of those that are there: somebody may have made an event of one at the same moment.
async fn count_refused(db: &ClientWrapper, refuse: &Statement, rows: &[&Row]) -> Result<HashSet<Vec<u8>>, Error> {
    let mut copies: BTreeMap<&[u8], i32> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_refused()) {
        *copies.entry(&row.key.0).or_default() += 1;
    }
    if copies.is_empty() {
        return Ok(HashSet::new());
    }
    let (keys, copies): (Vec<_>, Vec<_>) = copies.into_iter().unzip();
    let kept = db.query(refuse, &[&keys, &copies]).await?;
    Ok(kept.iter().map(|row| row.get(0)).collect())
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

/// See [`ADVANCE`]. Returns how many deliveries that are.
pub(super) async fn advance(db: &ClientWrapper, handler: &str, lane: i64) -> Result<u64, Error> {
    let advance = db.prepare_cached(ADVANCE).await?;
    advance_lanes(db, &advance, &[(handler, lane)]).await
}

/// Ends a transaction for good; durable on return.
pub(super) async fn end(db: &ClientWrapper) -> Result<(), Error> {
    db.batch_execute("SET LOCAL statement_timeout = 0").await?;
    db.batch_execute("COMMIT").await
}
