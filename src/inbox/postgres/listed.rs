//! Statements on `listed`, where there is one narrow row for each event and refused body, and on `refs`, by which those
//! are found that name something.
//!
//! The states in a row are those of the event's deliveries. All deliveries of an event are in one lane, and who changes
//! one has locked that, so nobody else changes the states meanwhile: [`RELIST`] makes them anew, in the same
//! transaction.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Statement};

use super::batch;
use super::row::{Row, lookups, storable};
use crate::inbox::EventKey;
use crate::inbox::kept::{refs_json, refs_of};
use crate::model::Reference;

/// Of what is new in the batch, and is in `events` therefore. (500, because an index takes no longer text.)
pub(super) const LIST: &str = "\
    INSERT INTO listed (event, states, kind, event_name, hour, origin, address, credential, answer, checksum, refs)
    SELECT e.number, new.states, coalesce(e.kind, ''), left(coalesce(e.event_name, ''), 500),
           floor(extract(epoch FROM e.received) / 3600), new.origin, new.address, new.credential, new.answer,
           new.checksum, new.refs
    FROM (SELECT currval('batches') * 1024 + came.place AS number, came.*
          FROM unnest($1::int[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::text[])
               AS came (place, states, origin, address, credential, answer, checksum, refs)) AS new
    JOIN events e ON e.number = new.number";

pub(super) async fn list_rows(db: &ClientWrapper, list: &Statement, rows: &[&Row]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let places: Vec<i32> = (0_i32..).zip(rows).map(|(place, _)| place).collect();
    let text = |of: fn(&Row) -> Option<&str>| rows.iter().map(|row| of(row)).collect::<Vec<_>>();
    // A refused body was answered with its status, whatever is said of how it came.
    let answer = |row: &&Row| row.status.or(row.arrival.answer.map(i32::from));
    db.execute(
        list,
        &[
            &places,
            &rows.iter().map(|row| row.states()).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.arrival.origin).collect::<Vec<_>>(),
            &text(|row| row.arrival.address.as_deref()),
            &text(|row| row.arrival.credential.as_deref()),
            &rows.iter().map(answer).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.checksum()).collect::<Vec<_>>(),
            &text(|row| row.refs.as_deref()),
        ],
    )
    .await
    .map(drop)
}

/// Nothing else writes of an event that this batch has stored, so there is nothing to conflict with. Those of an event
/// come as one text, so that it is asked once for each whether it was stored.
pub(super) const REFER: &str = "\
    INSERT INTO refs (folded, event)
    SELECT of.folded, e.number
    FROM (SELECT currval('batches') * 1024 + place AS number, lookups
          FROM unnest($1::int[], $2::text[]) AS came (place, lookups)) AS new
    JOIN events e ON e.number = new.number, unnest(string_to_array(new.lookups, ',')::bigint[]) AS of (folded)";

pub(super) async fn refer_rows(db: &ClientWrapper, refer: &Statement, rows: &[&Row]) -> Result<(), Error> {
    let (mut places, mut lookups) = (Vec::new(), Vec::new());
    for (place, row) in (0_i32..).zip(rows).filter(|(_, row)| !row.lookups.is_empty()) {
        places.push(place);
        lookups.push(row.lookups.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    }
    if places.is_empty() {
        return Ok(());
    }
    db.execute(refer, &[&places, &lookups]).await.map(drop)
}

/// Nothing is written of an event whose states are what they were.
pub(super) const RELIST: &str = "\
    UPDATE listed l SET states = fresh.states
    FROM (SELECT of.event,
                 (SELECT coalesce(bit_or(1 << CASE WHEN d.state = 0 AND d.handler = '(fetch)' THEN 5 ELSE d.state END), 0)
                  FROM deliveries d WHERE d.event = of.event) AS states
          FROM unnest($1::bigint[]) AS of (event) OFFSET 0) AS fresh
    WHERE l.event = ANY ($1) AND l.event = fresh.event AND l.states <> fresh.states";

/// The states of events follow those of their deliveries.
pub(super) async fn relist(db: &ClientWrapper, relist: &Statement, mut events: Vec<i64>) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    events.sort_unstable();
    events.dedup();
    db.execute(relist, &[&events]).await.map(drop)
}

/// The same message came again.
pub(super) async fn count_again(db: &ClientWrapper, key: EventKey) -> Result<(), Error> {
    let statement = "UPDATE listed l SET repeats = l.repeats + 1, repeated = now()
                     FROM events e WHERE e.key = $1 AND l.event = e.number";
    let statement = db.prepare_cached(statement).await?;
    batch::lightly(db, &statement, &[&key.0.as_slice()]).await.map(drop)
}

/// An event was answered with that status.
pub(super) async fn answered(db: &ClientWrapper, key: EventKey, status: u16) -> Result<(), Error> {
    let statement = "UPDATE listed l SET answer = $2 FROM events e WHERE e.key = $1 AND l.event = e.number";
    let statement = db.prepare_cached(statement).await?;
    batch::lightly(db, &statement, &[&key.0.as_slice(), &i32::from(status)]).await.map(drop)
}

/// Notes the references of a refused body, unless it has been read for them.
pub(super) async fn refer(db: &ClientWrapper, key: EventKey, references: &[Reference]) -> Result<(), Error> {
    let statement = "\
        WITH found AS (
            UPDATE listed l SET refs = $2 FROM events e
            WHERE e.key = $1 AND l.event = e.number AND l.refs IS NULL RETURNING l.event
        )
        INSERT INTO refs (folded, event) SELECT of.folded, found.event
        FROM found, unnest($3::bigint[]) AS of (folded) ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(statement).await?;
    let (json, folds) = (storable(refs_json(references)), lookups(references));
    batch::lightly(db, &statement, &[&key.0.as_slice(), &json, &folds]).await.map(drop)
}

/// Removes the rows of events that are gone, within a transaction.
pub(super) async fn forget(db: &ClientWrapper, events: &[i64]) -> Result<(), Error> {
    let statement = "DELETE FROM listed WHERE event = ANY ($1) RETURNING event, refs";
    let (mut folds, mut of) = (Vec::new(), Vec::new());
    for row in db.query(statement, &[&events]).await? {
        let references = row.get::<_, Option<&str>>(1).map(refs_of).unwrap_or_default();
        for folded in lookups(&references) {
            folds.push(folded);
            of.push(row.get::<_, i64>(0));
        }
    }
    let statement = "DELETE FROM refs r USING unnest($1::bigint[], $2::bigint[]) AS of (folded, event)
                     WHERE r.folded = of.folded AND r.event = of.event";
    db.execute(statement, &[&folds, &of]).await.map(drop)
}
