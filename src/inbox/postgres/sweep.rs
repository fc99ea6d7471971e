//! Statements of retention: what has been kept for long enough is removed, with all that is known of it.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::Error;

use super::{batch, listed};
use crate::inbox::stored::SWEEP_STEP;
use crate::inbox::{Overdue, Swept};

/// Who sweeps holds this lock (of PostgreSQL, by number): two would get in each other's way.
const SWEEPING: i64 = 0x7472_6164_6563_6c73;

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
    for table in ["deliveries", "attempts", "refused", "decided", "erased", "notices"] {
        db.execute(&format!("DELETE FROM {table} WHERE event = ANY ($1)"), &[&gone]).await?;
    }
    db.execute("DELETE FROM unnamed WHERE newest = ANY ($1)", &[&gone]).await?;
    listed::forget(db, &gone).await?;
    Ok(gone.len())
}
