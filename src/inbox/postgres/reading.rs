//! Reading again what is stored: for the references that nobody has looked for yet, and for what is damaged.
//!
//! Both go through the inbox in steps that fit in memory, and are far from the work: nobody waits for either.

use std::panic::{AssertUnwindSafe, catch_unwind};

use deadpool_postgres::ClientWrapper;
use tokio::task::spawn_blocking;
use tokio_postgres::error::DbError;
use tokio_postgres::{Error, Row};

use super::batch::BEGIN_LIGHTLY;
use super::record::{COLUMNS, Stored};
use super::row::{lookups, storable};
use crate::decode;
use crate::inbox::archive::LISTED_WRONG;
use crate::inbox::kept::refs_json;
use crate::inbox::{InboxError, Verified};

/// Who reads on holds this lock (of PostgreSQL, by number), for as long as it is connected: one is enough.
const READING: i64 = 0x7472_6164_6563_6c72;

/// Bytes of bodies that one step reads, after the first.
const MOST_BYTES: i64 = 8 << 20;

/// Events that are read in one step,
const READ_STEP: i64 = 100;
/// in one where each is read by itself,
const ONE_BY_ONE: i64 = 10;
/// and compared.
const VERIFY_STEP: i64 = 500;

/// What was found in an event.
pub(super) struct Found {
    event: i64,
    refs: String,
    lookups: Vec<i64>,
    checksum: i64,
}

/// Events to be looked into, and those that cannot be read, with why.
#[derive(Default)]
pub(super) struct Step {
    pub(super) stored: Vec<Stored>,
    pub(super) failed: Vec<(i64, String)>,
}

/// The newest events that nobody has read, but for those in `left`, to be followed by [`done`]; nothing if another
/// receiver is at it. One that cannot be read keeps nobody from the others.
pub(super) async fn unread(db: &ClientWrapper, left: &[i64]) -> Result<Option<Step>, Error> {
    if !db.query_one("SELECT pg_try_advisory_lock($1)", &[&READING]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let statement = format!(
        "SELECT {COLUMNS} FROM (
             SELECT step.event, sum(step.size) OVER (ORDER BY step.event DESC) - step.size AS before FROM (
                 SELECT u.event, octet_length(e.body) AS size
                 FROM ({UNREAD}) AS u JOIN events e ON e.number = u.event) AS step) AS step
         JOIN events e ON e.number = step.event JOIN listed l ON l.event = step.event
         WHERE step.before < $2 ORDER BY step.event DESC"
    );
    match db.query(&statement, &[&READ_STEP, &MOST_BYTES, &left]).await {
        Ok(rows) => Ok(Some(Step { stored: rows.iter().map(Stored::read).collect(), ..Step::default() })),
        Err(error) if error.as_db_error().is_some_and(is_damage) => one_by_one(db, left).await.map(Some),
        Err(error) => Err(error),
    }
}

/// The newest that are to be read.
const UNREAD: &str = "SELECT event FROM listed WHERE refs IS NULL AND event <> ALL ($3) ORDER BY event DESC LIMIT $1";

/// Whether something that is stored cannot be read, and not the database as a whole.
fn is_damage(error: &DbError) -> bool {
    // Data that is corrupted or no data of its type, a file that cannot be read, and what was not foreseen.
    ["XX", "22", "58"].iter().any(|class| error.code().code().starts_with(class))
}

/// The next of them, each read by itself.
async fn one_by_one(db: &ClientWrapper, left: &[i64]) -> Result<Step, Error> {
    let events = db.query(&UNREAD.replace("$3", "$2"), &[&ONE_BY_ONE, &left]).await?;
    let statement = format!("SELECT {COLUMNS} FROM events e JOIN listed l ON l.event = e.number WHERE e.number = $1");
    let statement = db.prepare(&statement).await?;
    let mut step = Step::default();
    for event in events.iter().map(|row| row.get::<_, i64>(0)) {
        match db.query_opt(&statement, &[&event]).await {
            Ok(row) => step.stored.extend(row.as_ref().map(Stored::read)),
            Err(error) => match error.as_db_error() {
                Some(said) if is_damage(said) => step.failed.push((event, said.message().to_owned())),
                _ => return Err(error),
            },
        }
    }
    Ok(step)
}

/// Reads the bodies, where nobody waits for it. One that cannot be read names nothing.
pub(super) async fn read(unread: Vec<Stored>) -> Result<Vec<Found>, InboxError> {
    let found = |stored: &Stored| {
        let read = || decode::references_of(&stored.path, stored.content_type.as_deref(), &stored.body);
        let references = catch_unwind(AssertUnwindSafe(read)).unwrap_or_default();
        Found {
            event: stored.number,
            refs: storable(refs_json(&references)),
            lookups: lookups(&references),
            checksum: stored.checksum_of(&stored.body),
        }
    };
    let read = spawn_blocking(move || unread.iter().map(found).collect());
    read.await.map_err(|panic| InboxError::Failed(panic.to_string()))
}

/// Notes what was found, of the events that are still there. One that somebody writes to at this moment is left for the
/// next time. A checksum that is there is that of what was stored, or of what was left when it was erased.
pub(super) async fn note(db: &ClientWrapper, found: &[Found]) -> Result<(), Error> {
    let events: Vec<i64> = found.iter().map(|found| found.event).collect();
    let refs: Vec<&str> = found.iter().map(|found| found.refs.as_str()).collect();
    let checksums: Vec<i64> = found.iter().map(|found| found.checksum).collect();
    db.batch_execute(BEGIN_LIGHTLY).await?;
    let statement = "\
        WITH free AS MATERIALIZED (
            SELECT event FROM listed WHERE event = ANY ($1) AND refs IS NULL ORDER BY event FOR UPDATE SKIP LOCKED
        )
        UPDATE listed l SET refs = of.refs, checksum = coalesce(l.checksum, of.checksum)
        FROM free, unnest($1::bigint[], $2::text[], $3::bigint[]) AS of (event, refs, checksum)
        WHERE l.event = free.event AND of.event = free.event RETURNING l.event";
    let noted = db.query(statement, &[&events, &refs, &checksums]).await?;
    let noted: Vec<i64> = noted.iter().map(|row| row.get(0)).collect();
    let (mut folds, mut of) = (Vec::<i64>::new(), Vec::new());
    for found in found.iter().filter(|found| noted.contains(&found.event)) {
        folds.extend(&found.lookups);
        of.extend(found.lookups.iter().map(|_| found.event));
    }
    let statement = "INSERT INTO refs (folded, event) SELECT * FROM unnest($1::bigint[], $2::bigint[])
                     ON CONFLICT DO NOTHING";
    db.execute(statement, &[&folds, &of]).await?;
    db.batch_execute("COMMIT").await
}

/// Others may read on.
pub(super) async fn done(db: &ClientWrapper) -> Result<(), Error> {
    db.query_one("SELECT pg_advisory_unlock($1)", &[&READING]).await.map(drop)
}

/// Compares the next events with their checksums; see [`crate::inbox::Archive::verify`].
pub(super) async fn verify(db: &ClientWrapper, after: i64) -> Result<Verified, Error> {
    let step = "SELECT number FROM (
                    SELECT number, sum(size) OVER (ORDER BY number) - size AS before FROM (
                        SELECT number, octet_length(body) AS size FROM events WHERE number > $1
                        ORDER BY number LIMIT $2) AS step) AS step
                WHERE before < $3 ORDER BY number";
    let events = db.query(step, &[&after, &VERIFY_STEP, &MOST_BYTES]).await?;
    let events: Vec<i64> = events.iter().map(|row| row.get(0)).collect();
    let mut verified = Verified { last: events.last().copied(), ..Verified::default() };
    let statement = format!(
        "SELECT {COLUMNS}, {LISTED_RIGHT} FROM events e LEFT JOIN listed l ON l.event = e.number
                 WHERE e.number = ANY ($1)"
    );
    let statement = db.prepare(&statement).await?;
    match db.query(&statement, &[&events]).await {
        Ok(rows) => rows.iter().for_each(|row| look(row, &mut verified)),
        // What cannot even be read is found one by one.
        Err(error) if error.as_db_error().is_some() => {
            for event in &events {
                match db.query_opt(&statement, &[&[*event].as_slice()]).await {
                    Ok(row) => row.iter().for_each(|row| look(row, &mut verified)),
                    Err(error) => {
                        let Some(said) = error.as_db_error() else { return Err(error) };
                        verified.events += 1;
                        verified.damaged.push((*event, format!("cannot be read: {}", said.message())));
                    }
                }
            }
        }
        Err(error) => return Err(error),
    }
    verified.damaged.sort();
    Ok(verified)
}

/// Whether an event is listed in the states that its deliveries are in, and one without deliveries as one that nobody
/// wants. Behind [`COLUMNS`].
const LISTED_RIGHT: &str = "\
    l.states = CASE WHEN e.kind IS NULL THEN CASE WHEN e.discarded THEN 8 ELSE 16 END
               ELSE coalesce((SELECT bit_or(1 << CASE WHEN d.state = 0 AND d.handler = '(fetch)' THEN 5 ELSE d.state END)
                              FROM deliveries d WHERE d.event = e.number), 0) END";

/// Its place in a row.
const LISTED_AT: usize = 17;

fn look(row: &Row, verified: &mut Verified) {
    let stored = Stored::read(row);
    verified.events += 1;
    if !stored.is_listed {
        verified.damaged.push((stored.number, "is not listed".to_owned()));
        return;
    }
    match stored.checksum {
        Some(checksum) if checksum != stored.checksum_of(&stored.body) => {
            verified.damaged.push((stored.number, "differs from what was stored".to_owned()));
        }
        _ if row.get::<_, Option<bool>>(LISTED_AT) == Some(false) => {
            verified.damaged.push((stored.number, LISTED_WRONG.to_owned()));
        }
        None => verified.without += 1,
        Some(_) => {}
    }
}
