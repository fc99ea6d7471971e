//! Statements for what people do (deliver, set aside, accept), and for retention.
//!
//! Each is a transaction of its own that first takes the lock of the lane it changes, as every other that
//! changes one (see [`super::batch`]).

use bytes::Bytes;
use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::Error;

use super::batch;
use super::claims::key;
use crate::inbox::archive::is_asked_for;
use crate::inbox::repeat::{Newest, Says, Taken};
use crate::inbox::stored::{SWEEP_STEP, state};
use crate::inbox::{EventKey, Overdue, State, Swept};
use crate::model::Format;

/// Who sweeps holds this lock (of PostgreSQL, by number): two would get in each other's way.
const SWEEPING: i64 = 0x7472_6164_6563_6c73;

/// The lane of an event; `None` for a refused body, or if there is no such event.
async fn lane_of(db: &ClientWrapper, event: i64) -> Result<Option<i64>, Error> {
    let row = db.query_opt("SELECT lane FROM events WHERE number = $1", &[&event]).await?;
    Ok(row.and_then(|row| row.get(0)))
}

/// Has an event delivered; see [`crate::inbox::Archive::deliver`].
pub(super) async fn deliver(
    db: &ClientWrapper,
    event: i64,
    handler: Option<&str>,
    only: Option<State>,
) -> Result<usize, Error> {
    let Some(lane) = lane_of(db, event).await? else { return Ok(0) };
    batch::begin(db, vec![lane]).await?;
    // Or retention could remove it meanwhile.
    let there = db.query_opt("SELECT 1 FROM events WHERE number = $1 FOR SHARE", &[&event]).await?;
    let statement = "SELECT handler, state FROM deliveries WHERE event = $1";
    let rows = db.query(statement, &[&event]).await?;
    let mut deliveries: Vec<(String, State)> = rows.iter().map(|row| (row.get(0), state(row.get(1)))).collect();
    if let (Some(handler), None, Some(_)) = (handler, only, there)
        && !deliveries.iter().any(|(name, _)| name == handler)
    {
        // A handler that did not want the event, or was not there when it came.
        let statement = "INSERT INTO deliveries (event, handler, lane, state, since, changed)
                         VALUES ($1, $2, $3, 3, now(), now())";
        db.execute(statement, &[&event, &handler, &lane]).await?;
        deliveries.push((handler.to_owned(), State::Discarded));
    }
    let mut changed = 0;
    for (name, state) in deliveries {
        if !is_asked_for(&name, state, handler, only) {
            continue;
        }
        changed += match state {
            // If it can never become due by itself (see `mend`), it is now.
            State::Pending => hurry(db, event, &name).await? + batch::advance(db, &name, lane).await?,
            _ => again(db, event, &name, lane).await?,
        };
    }
    batch::end(db).await?;
    Ok(usize::try_from(changed).unwrap_or_default())
}

/// Makes a delivery that waits for its next attempt due at once. Only the first of a lane has a due time.
async fn hurry(db: &ClientWrapper, event: i64, handler: &str) -> Result<u64, Error> {
    let statement =
        "UPDATE deliveries SET due = now(), changed = now() WHERE event = $1 AND handler = $2 AND due > now()";
    db.execute(statement, &[&event, &handler]).await
}

/// Begins a delivery anew. It takes its place in its lane by the order received.
async fn again(db: &ClientWrapper, event: i64, handler: &str, lane: i64) -> Result<u64, Error> {
    let statement = "UPDATE deliveries SET state = 0, attempts = 0, ends = 0, round = round + 1, since = now(),
                            changed = now(), due = NULL, status = NULL WHERE event = $1 AND handler = $2";
    let changed = db.execute(statement, &[&event, &handler]).await?;
    // A later one that was the first waits for this one from now on.
    let statement = "UPDATE deliveries SET due = NULL WHERE handler = $1 AND lane = $2 AND state = 0
                     AND event > $3 AND due IS NOT NULL";
    db.execute(statement, &[&handler, &lane, &event]).await?;
    batch::advance(db, handler, lane).await?;
    Ok(changed)
}

/// Sets aside what of an event is not done.
pub(super) async fn discard(db: &ClientWrapper, event: i64) -> Result<usize, Error> {
    let Some(lane) = lane_of(db, event).await? else {
        let statement = "WITH discarded AS (UPDATE events SET discarded = true
                                            WHERE number = $1 AND kind IS NULL AND NOT discarded RETURNING number)
                         INSERT INTO decided (event, at) SELECT number, now() FROM discarded
                         ON CONFLICT (event) DO UPDATE SET at = excluded.at";
        return db.execute(statement, &[&event]).await.map(|bodies| usize::try_from(bodies).unwrap_or_default());
    };
    batch::begin(db, vec![lane]).await?;
    let statement = "UPDATE deliveries SET state = 3, due = NULL, changed = now()
                     WHERE event = $1 AND state IN (0, 2) RETURNING handler";
    let discarded = db.query(statement, &[&event]).await?;
    for row in &discarded {
        batch::advance(db, row.get(0), lane).await?;
    }
    batch::end(db).await?;
    Ok(discarded.len())
}

/// Takes a body off the list of refused ones, if the event that it is has that key and is there. That is kept
/// from now on.
pub(super) async fn replace_refused(db: &ClientWrapper, event: i64, by: EventKey) -> Result<(), Error> {
    let statement = "WITH removed AS (DELETE FROM events WHERE number = $1 AND kind IS NULL AND EXISTS (
                              SELECT 1 FROM events e WHERE e.key = $2 AND e.kind IS NOT NULL) RETURNING number),
                          uncounted AS (DELETE FROM refused r USING removed WHERE r.event = removed.number),
                          undecided AS (DELETE FROM decided d USING removed WHERE d.event = removed.number)
                     INSERT INTO decided (event, at)
                     SELECT number, now() FROM events WHERE key = $2 AND EXISTS (SELECT 1 FROM removed)
                     ON CONFLICT (event) DO UPDATE SET at = excluded.at";
    db.execute(statement, &[&event, &by.0.as_slice()]).await.map(drop)
}

/// What has a key.
pub(super) async fn taken(db: &ClientWrapper, key: EventKey) -> Result<Option<Taken>, Error> {
    let statement = "SELECT id, number, format, octet_length(body), content_type FROM events WHERE key = $1";
    let row = db.query_opt(&db.prepare_cached(statement).await?, &[&key.0.as_slice()]).await?;
    Ok(row.map(|row| {
        let format = row.get::<_, Option<&str>>(2).and_then(Format::from_name);
        let size = usize::try_from(row.get::<_, i32>(3)).unwrap_or_default();
        let kept = |format| Says::Kept { number: row.get(1), format, content_type: row.get(4), size };
        let says = format.map_or(Says::Refused, kept);
        Taken { id: row.get(0), says }
    }))
}

/// The newest event in a lane that an event without a `messageId` is in, if that is still there.
pub(super) async fn newest(db: &ClientWrapper, lane: i64) -> Result<Option<Newest>, Error> {
    let statement =
        "SELECT e.key, e.id, e.number FROM unnamed u JOIN events e ON e.number = u.newest WHERE u.lane = $1";
    let row = db.query_opt(&db.prepare_cached(statement).await?, &[&lane]).await?;
    Ok(row.map(|row| Newest { key: key(&row, 0), id: row.get(1), number: row.get(2) }))
}

/// The body of an event.
pub(super) async fn body(db: &ClientWrapper, event: i64) -> Result<Option<Bytes>, Error> {
    let row = db.query_opt("SELECT body FROM events WHERE number = $1", &[&event]).await?;
    Ok(row.map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))))
}

/// How many bytes the refused bodies take.
pub(super) async fn refused_bytes(db: &ClientWrapper) -> Result<u64, Error> {
    let row = db.query_one("SELECT coalesce(sum(size), 0)::bigint FROM refused", &[]).await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

/// Writes, durably.
pub(super) async fn probe(db: &ClientWrapper) -> Result<(), Error> {
    db.execute(&db.prepare_cached("UPDATE version SET probed = now()").await?, &[]).await.map(drop)
}

/// What no handler wanted, among the events.
const UNWANTED: &str = "kind IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = number)";

/// Since when an event is kept that has no deliveries to say so.
const KEPT_SINCE: &str = "coalesce((SELECT d.at FROM decided d WHERE d.event = number), received)";

/// Removes events from `from` on that have been kept for long enough; returns how far it came.
pub(super) async fn sweep(db: &ClientWrapper, from: i64, overdue: Overdue) -> Result<(Swept, i64), Error> {
    const NOTHING: (Swept, i64) = (Swept { removed: 0, soon: 0, complete: true }, 0);
    let step = "SELECT number, received FROM (SELECT number, received FROM events WHERE number > $1
                                              ORDER BY number LIMIT $2) AS step ORDER BY number DESC LIMIT 1";
    let Some(last) = db.query_opt(step, &[&from, &SWEEP_STEP]).await? else { return Ok(NOTHING) };
    let (to, received): (i64, Timestamp) = (last.get(0), last.get(1));
    db.batch_execute(batch::BEGIN).await?;
    if !db.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&SWEEPING]).await?.get::<_, bool>(0) {
        db.batch_execute("ROLLBACK").await?;
        return Ok(NOTHING);
    }
    let removed = remove(db, from, to, overdue).await?;
    let mut soon = 0_i64;
    if overdue.unwanted.is_some() {
        let statement = format!(
            "SELECT count(*) FROM events WHERE number > $1 AND number <= $2 AND {UNWANTED} AND {KEPT_SINCE} < $3"
        );
        soon = db.query_one(&statement, &[&from, &to, &overdue.soon]).await?.get::<_, i64>(0);
    }
    batch::end(db).await?;
    // Nobody looks at all of a large inbox to find nothing.
    let complete = overdue.ends_at(received);
    Ok((Swept { removed, soon: usize::try_from(soon).unwrap_or_default(), complete }, if complete { 0 } else { to }))
}

async fn remove(db: &ClientWrapper, from: i64, to: i64, overdue: Overdue) -> Result<usize, Error> {
    // Locked first and judged after that: somebody may just have one delivered again.
    let old = "SELECT number FROM events WHERE number > $1 AND number <= $2 AND received < $3
                 AND (kind IS NOT NULL OR discarded) ORDER BY number FOR UPDATE";
    let latest = overdue.unwanted.map_or(overdue.finished, |unwanted| unwanted.max(overdue.finished));
    let old: Vec<i64> = db.query(old, &[&from, &to, &latest]).await?.iter().map(|row| row.get(0)).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let statement = format!(
        "DELETE FROM events WHERE number = ANY ($1) AND CASE
             WHEN {UNWANTED} THEN {KEPT_SINCE} < $3
             WHEN kind IS NULL THEN discarded AND {KEPT_SINCE} < $2
             ELSE received < $2 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = number
                                                AND (d.state IN (0, 2) OR d.changed >= $2)) END RETURNING number"
    );
    let gone = db.query(&statement, &[&old, &overdue.finished, &overdue.unwanted]).await?;
    let gone: Vec<i64> = gone.iter().map(|row| row.get(0)).collect();
    for table in ["deliveries", "failures", "refused", "decided"] {
        db.execute(&format!("DELETE FROM {table} WHERE event = ANY ($1)"), &[&gone]).await?;
    }
    db.execute("DELETE FROM unnamed WHERE newest = ANY ($1)", &[&gone]).await?;
    Ok(gone.len())
}
