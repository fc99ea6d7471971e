//! Which receiver does what only one of them may do at a time.
//!
//! A lead is a lease like that of a receiver (see [`super::presence`]), but by itself: who was taken for dead may only
//! have stalled, and still be at it for as long as he was told. So nobody else has it before that time is over, by the
//! database's clock; the receiver begins to count before it asks. It outlives a crash of the database, which is why it
//! waits for the disk, but it waits for no standby.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::batch;

/// One that ends later than any can was given by a clock that was set back since: it gets as long as any.
const SHORTEN: &str = "\
    UPDATE leads SET until = clock_timestamp() + $3::float8 * interval '1 second'
    WHERE what = $1 AND receiver <> $2 AND until > clock_timestamp() + ($3::float8 + 2) * interval '1 second'";

/// It ends by the clock at which the transaction began, which is before that of whoever looks after it.
const TAKE: &str = "\
    INSERT INTO leads AS l (what, receiver, until) VALUES ($1, $2, now() + $3::float8 * interval '1 second')
    ON CONFLICT (what) DO UPDATE SET receiver = excluded.receiver, until = excluded.until
    WHERE l.receiver = excluded.receiver OR l.until < now()";

/// Takes the lead, or keeps it; returns whether it is this receiver's for so long.
pub(super) async fn take(db: &ClientWrapper, what: &str, receiver: &str, time: Duration) -> Result<bool, Error> {
    let (shorten, take) = (db.prepare_cached(SHORTEN).await?, db.prepare_cached(TAKE).await?);
    let seconds = time.as_secs_f64();
    // Sent in this order, and all of it before the first answer is there.
    let ((), _, taken, ()) = tokio::try_join!(
        biased;
        db.batch_execute(batch::BEGIN_ALONE),
        async { db.execute(&shorten, &[&what, &receiver, &seconds]).await },
        async { db.execute(&take, &[&what, &receiver, &seconds]).await },
        db.batch_execute("COMMIT"),
    )?;
    Ok(taken > 0)
}

/// Gives back whatever the receiver leads.
pub(super) async fn give_back(db: &ClientWrapper, receiver: &str) -> Result<(), Error> {
    let statement = db.prepare_cached("DELETE FROM leads WHERE receiver = $1").await?;
    batch::lightly(db, &statement, &[&receiver]).await.map(drop)
}
