//! Statements on notices: what is still to be fetched, and what has come of it.
//!
//! A call for an id is counted on the notice of that id that waits, and stored only if none does. All notices of an id
//! are in one lane, so who has locked that finds the one of another receiver, or is found. That the fetch has not begun
//! is certain by a lock on the notice itself: who begins one waits for that, and comes after the call.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Statement};

use super::batch::{self, ADVANCE};
use super::changes;
use super::claims::key;
use super::listed::{RELIST, relist};
use super::row::{Row, storable};
use crate::inbox::notice::keeping;
use crate::inbox::{Claim, EventKey, FETCH, Incoming, Notice};
use crate::model::What;

/// A notice, as it is stored if none of its id waits.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) row: Row,
    what: &'static str,
    of: String,
}

impl Call {
    pub(super) fn new(notice: Notice) -> Self {
        let (what, of) = (notice.what.as_str(), storable(notice.of.clone()));
        Self { row: Row::event(notice.into_incoming()), what, of }
    }
}

/// What is to be done about calls.
#[derive(Default)]
pub(super) struct Calls<'c> {
    /// Those that are to be stored.
    pub(super) new: Vec<&'c Call>,
    /// Of each the key and id of the notice that counts it; `None` if it is to be stored.
    pub(super) waiting: Vec<Option<(EventKey, String)>>,
}

/// The first of the notices of an id whose fetch has not begun. One that is dead, or set aside, brings nothing.
const WAITING: &str = "\
    SELECT of.place, e.key, e.id
    FROM unnest($1::int[], $2::text[], $3::text[]) AS of (place, what, id),
         LATERAL (SELECT n.event FROM notices n
                  WHERE n.what = of.what AND n.id = of.id AND n.state = 'waiting'
                    AND (SELECT d.state FROM deliveries d WHERE d.event = n.event AND d.handler = '(fetch)') = 0
                  ORDER BY n.event LIMIT 1 FOR UPDATE OF n) AS waiting
    JOIN events e ON e.number = waiting.event";

/// Finds out which calls are counted on a notice that waits, or on one of them. Within a transaction that has locked
/// their lanes.
pub(super) async fn judge<'c>(db: &ClientWrapper, calls: &[&'c Call]) -> Result<Calls<'c>, Error> {
    let mut first: HashMap<(&str, &str), usize> = HashMap::new();
    for (place, call) in calls.iter().enumerate() {
        first.entry((call.what, &call.of)).or_insert(place);
    }
    let mut places: Vec<usize> = first.values().copied().collect();
    places.sort_unstable();
    let numbers: Vec<i32> = places.iter().map(|place| i32::try_from(*place).unwrap_or(i32::MAX)).collect();
    let whats: Vec<&str> = places.iter().map(|place| calls[*place].what).collect();
    let ids: Vec<&str> = places.iter().map(|place| calls[*place].of.as_str()).collect();
    let waiting = db.query(&db.prepare_cached(WAITING).await?, &[&numbers, &whats, &ids]).await?;
    let waiting: HashMap<usize, (EventKey, String)> = waiting
        .iter()
        .map(|row| (usize::try_from(row.get::<_, i32>(0)).unwrap_or_default(), (key(row, 1), row.get(2))))
        .collect();
    let mut judged = Calls::default();
    for (place, call) in calls.iter().enumerate() {
        let first = first.get(&(call.what, &*call.of)).copied().unwrap_or(place);
        let counted = match waiting.get(&first) {
            Some(found) => Some(found.clone()),
            None if first == place => None,
            None => Some((calls[first].row.key, calls[first].row.id.clone())),
        };
        if counted.is_none() {
            judged.new.push(call);
        }
        judged.waiting.push(counted);
    }
    Ok(judged)
}

/// Of the calls that were just stored. Nobody else writes of those events.
pub(super) const NOTICE: &str = "\
    INSERT INTO notices (event, what, id, state)
    SELECT e.number, of.what, of.id, 'waiting'
    FROM unnest($1::bytea[], $2::text[], $3::text[]) AS of (key, what, id) JOIN events e ON e.key = of.key";

pub(super) async fn note(db: &ClientWrapper, notice: &Statement, new: &[&Call]) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    let keys: Vec<&[u8]> = new.iter().map(|call| call.row.key.0.as_slice()).collect();
    let whats: Vec<&str> = new.iter().map(|call| call.what).collect();
    let ids: Vec<&str> = new.iter().map(|call| call.of.as_str()).collect();
    db.execute(notice, &[&keys, &whats, &ids]).await.map(drop)
}

pub(super) const COUNT: &str = "\
    UPDATE listed l SET repeats = l.repeats + of.times, repeated = now()
    FROM unnest($1::bytea[], $2::int[]) AS of (key, times) JOIN events e ON e.key = of.key WHERE l.event = e.number";

/// Counts the calls on the notices that wait.
pub(super) async fn count(
    db: &ClientWrapper,
    count: &Statement,
    waiting: &[Option<(EventKey, String)>],
) -> Result<(), Error> {
    let mut times: HashMap<&[u8], i32> = HashMap::new();
    for (key, _) in waiting.iter().flatten() {
        *times.entry(key.0.as_slice()).or_default() += 1;
    }
    if times.is_empty() {
        return Ok(());
    }
    let (keys, times): (Vec<&[u8]>, Vec<i32>) = times.into_iter().unzip();
    db.execute(count, &[&keys, &times]).await.map(drop)
}

/// What the notice of that key is about.
pub(super) async fn about(db: &ClientWrapper, key: EventKey) -> Result<Option<(What, String)>, Error> {
    let statement = "SELECT n.what, n.id FROM events e JOIN notices n ON n.event = e.number WHERE e.key = $1";
    let row = db.query_opt(&db.prepare_cached(statement).await?, &[&key.0.as_slice()]).await?;
    Ok(row.and_then(|row| Some((What::from_name(row.get(0))?, row.get(1)))))
}

/// Begins the fetch that a claim was made for; as [`super::claims::begin`]. Should the database forget that it has begun,
/// a call might count on what was fetched before it: so it waits for the disk.
pub(super) async fn begin(db: &ClientWrapper, claim: &Claim, token: i64, event: Option<i64>) -> Result<bool, Error> {
    let statement = "\
        WITH turn AS (
            UPDATE claims SET begun = $4 WHERE handler = $1 AND lane = $2 AND token = $3
              AND (SELECT d.due FROM deliveries d WHERE d.event = $5 AND d.handler = $1 AND d.state = 0
                     AND d.round = $6) IS NOT NULL
            RETURNING lane
        ), begun AS (
            UPDATE notices SET state = 'fetching'
            WHERE event = $5 AND state = 'waiting' AND (SELECT lane FROM turn) IS NOT NULL
        )
        SELECT lane FROM turn";
    let (statement, round) = (db.prepare_cached(statement).await?, i32::try_from(claim.round).unwrap_or(i32::MAX));
    let ((), turn, ()) = tokio::try_join!(
        biased;
        db.batch_execute(batch::BEGIN_ALONE),
        async { db.query(&statement, &[&claim.handler, &claim.lane, &token, &event, &claim.event, &round]).await },
        db.batch_execute("COMMIT"),
    )?;
    Ok(!turn.is_empty())
}

/// Gives the claim of a fetch back; as [`super::claims::release`].
pub(super) async fn release(db: &ClientWrapper, claim: &Claim, token: i64) -> Result<(), Error> {
    let statement = "\
        WITH released AS (
            DELETE FROM claims WHERE handler = $1 AND lane = $2 AND token = $3 RETURNING lane
        )
        UPDATE notices SET state = 'waiting'
        WHERE event = $4 AND state = 'fetching' AND (SELECT lane FROM released) IS NOT NULL";
    let statement = db.prepare_cached(statement).await?;
    batch::lightly(db, &statement, &[&claim.handler, &claim.lane, &token, &claim.event]).await.map(drop)
}

/// Where the notice of a key is: its event and lane.
pub(super) async fn place(db: &ClientWrapper, key: EventKey) -> Result<Option<(i64, i64)>, Error> {
    let statement = "SELECT e.number, e.lane FROM events e JOIN notices n ON n.event = e.number WHERE e.key = $1";
    let row = db.query_opt(&db.prepare_cached(statement).await?, &[&key.0.as_slice()]).await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// What became of what was fetched.
pub(super) enum Fetched {
    /// It is in the place of its notice.
    Here,
    /// There is no such notice any more, or it was set aside.
    Gone,
    /// Another receiver fetches it by now.
    TakenOver,
}

/// Puts what was fetched in the place of the notice that is there; see [`crate::inbox::Archive::fetched`]. With `token`,
/// only as long as the claim still is ours: if not, calls count on what whoever has it by now will fetch.
pub(super) async fn fetched(
    db: &ClientWrapper,
    (event, lane): (i64, i64),
    token: Option<i64>,
    incoming: &Incoming,
) -> Result<Fetched, Error> {
    batch::begin(db, vec![lane]).await?;
    if let Some(token) = token {
        // Held until the end: who takes it over leaves alone what is locked.
        let ours = "SELECT lane FROM claims WHERE handler = $1 AND lane = $2 AND token = $3 FOR SHARE";
        if db.query_opt(ours, &[&FETCH, &lane, &token]).await?.is_none() {
            db.batch_execute("ROLLBACK").await?;
            return Ok(Fetched::TakenOver);
        }
    }
    let statement = "\
        SELECT e.id, e.message_id, n.what, n.id, n.state = 'fetched'
        FROM events e JOIN notices n ON n.event = e.number
        WHERE e.number = $1 AND e.key = $2
          AND (SELECT x.event FROM erased x WHERE x.event = e.number) IS NULL
          AND (SELECT d.event FROM deliveries d WHERE d.event = e.number AND d.state <> 3 LIMIT 1) IS NOT NULL
        FOR UPDATE OF e, n";
    let Some(noticed) = db.query_opt(statement, &[&event, &incoming.key.0.as_slice()]).await? else {
        db.batch_execute("ROLLBACK").await?;
        return Ok(Fetched::Gone);
    };
    if !noticed.get::<_, bool>(4) {
        // It goes by what it went by before.
        let mut stored = Incoming { id: noticed.get(0), ..incoming.clone() };
        stored.envelope.message_id = noticed.get(1);
        stored.references = keeping(stored.references, noticed.get(2), noticed.get(3));
        put(db, event, &Row::event(stored)).await?;
    }
    deliver(db, event, lane, &incoming.handlers).await?;
    relist(db, &db.prepare_cached(RELIST).await?, vec![event]).await?;
    batch::end(db).await?;
    Ok(Fetched::Here)
}

async fn put(db: &ClientWrapper, event: i64, row: &Row) -> Result<(), Error> {
    let statement = "UPDATE events SET content_type = $2, kind = $3, format = $4, event_name = $5, subject = $6,
                            document = $7, company = $8, companies = $9, created = $10, body = $11 WHERE number = $1";
    let Row { content_type, kind, format, event_name, subject, document, company, companies, created, .. } = row;
    let body = row.body.as_ref();
    db.execute(
        statement,
        &[&event, content_type, kind, format, event_name, subject, document, company, companies, created, &body],
    )
    .await?;
    let statement = "UPDATE listed SET kind = $2, event_name = left(coalesce($3, ''), 500), checksum = $4, refs = $5
                     WHERE event = $1";
    db.execute(statement, &[&event, kind, event_name, &row.checksum(), &row.refs]).await?;
    let statement = "INSERT INTO refs (folded, event) SELECT of.folded, $1 FROM unnest($2::bigint[]) AS of (folded)
                     ON CONFLICT DO NOTHING";
    db.execute(statement, &[&event, &row.lookups]).await?;
    db.execute("UPDATE notices SET state = 'fetched' WHERE event = $1", &[&event]).await.map(drop)
}

/// Adds the deliveries that there are not yet. Each takes its place in its lane by the order received.
async fn deliver(db: &ClientWrapper, event: i64, lane: i64, handlers: &[String]) -> Result<(), Error> {
    let statement = "INSERT INTO deliveries (event, handler, lane, state, since, changed)
                     SELECT $1, of.handler, $2, 0, now(), now() FROM unnest($3::text[]) AS of (handler)
                     ON CONFLICT DO NOTHING RETURNING handler";
    let added = db.query(statement, &[&event, &lane, &handlers]).await?;
    let handlers: Vec<&str> = added.iter().map(|row| row.get(0)).collect();
    let lanes = vec![lane; handlers.len()];
    if handlers.is_empty() {
        return Ok(());
    }
    db.execute(changes::WAIT_AGAIN, &[&handlers, &lanes]).await?;
    db.execute(ADVANCE, &[&handlers, &lanes]).await.map(drop)
}
