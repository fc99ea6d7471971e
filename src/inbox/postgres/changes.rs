//! Statements for what people do: deliver, set aside, accept. (`erase` is by itself.)
//!
//! Each is a transaction of its own that first takes the locks of the lanes it changes, as every other that changes one
//! (see [`super::batch`]), looks at every event again, and ends with what was done being noted (`acts`). However many
//! events it is about, it is a few statements.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::acts::{self, Acted};
use super::batch::{self, ADVANCE};
use super::listed::{self, RELIST};
use crate::inbox::archive::{can_be_made, is_asked_for};
use crate::inbox::stored::{number, state_by};
use crate::inbox::{Action, EventKey, State};

/// How many deliveries (or bodies) were changed of each event.
#[derive(Default)]
struct Changed(HashMap<i64, usize>);

impl Changed {
    fn add(&mut self, event: i64) {
        *self.0.entry(event).or_default() += 1;
    }

    fn of(&self, events: &[i64]) -> Vec<usize> {
        events.iter().map(|event| self.0.get(event).copied().unwrap_or_default()).collect()
    }
}

/// The lanes of those events. A refused body has none.
async fn lanes_of(db: &ClientWrapper, events: &[i64]) -> Result<Vec<i64>, Error> {
    let lanes = db.query("SELECT lane FROM events WHERE number = ANY ($1) AND lane IS NOT NULL", &[&events]).await?;
    Ok(lanes.iter().map(|row| row.get(0)).collect())
}

/// Has events delivered; see [`crate::inbox::Archive::deliver`]. Of one that was erased there is nothing to deliver.
pub(super) async fn deliver(
    db: &ClientWrapper,
    events: &[i64],
    handler: Option<&str>,
    only: &[State],
    action: &Action,
) -> Result<Vec<usize>, Error> {
    batch::begin(db, lanes_of(db, events).await?).await?;
    let asked = events;
    let events = &acts::not_done_to(db, events, action).await?[..];
    // Locked, or retention could remove them meanwhile.
    let statement = "SELECT number, lane, (SELECT n.state = 'fetched' FROM notices n WHERE n.event = e.number)
                     FROM events e WHERE number = ANY ($1) AND lane IS NOT NULL
                       AND NOT EXISTS (SELECT 1 FROM erased x WHERE x.event = e.number)
                     ORDER BY number FOR SHARE OF e";
    let rows = db.query(statement, &[&events]).await?;
    let there: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let fetched: HashMap<i64, Option<bool>> = rows.iter().map(|row| (row.get(0), row.get(2))).collect();
    let is_fetched = |event: i64| fetched.get(&event).copied().flatten();
    let numbers: Vec<i64> = there.iter().map(|(event, _)| *event).collect();
    let statement = "SELECT event, lane, handler, state FROM deliveries WHERE event = ANY ($1)";
    let found = db.query(statement, &[&numbers]).await?;
    let mut deliveries: Vec<(i64, i64, String, State)> =
        found.iter().map(|row| (row.get(0), row.get(1), row.get(2), state_by(row.get(2), row.get(3)))).collect();
    if let (Some(handler), true) = (handler, only.is_empty()) {
        let can: Vec<_> =
            there.iter().copied().filter(|(event, _)| can_be_made(handler, None, is_fetched(*event))).collect();
        let added = add(db, handler, &can, &deliveries).await?;
        deliveries.extend(added.into_iter().map(|(event, lane)| (event, lane, handler.to_owned(), State::Discarded)));
    }
    deliveries.retain(|(event, _, name, state)| {
        is_asked_for(name, *state, handler, only) && can_be_made(name, Some(*state), is_fetched(*event))
    });
    let (waiting, anew): (Vec<_>, Vec<_>) = deliveries.iter().partition(|(_, _, _, state)| state.is_to_be_made());
    let mut changed = Changed::default();
    hurry(db, &waiting, &mut changed).await?;
    again(db, &anew, &mut changed).await?;
    end(db, &changed, action).await?;
    Ok(changed.of(asked))
}

type Delivery = (i64, i64, String, State);

/// Adds deliveries by a handler that did not want the events, or was not there when they came. Set aside at first, before
/// their first round.
async fn add(
    db: &ClientWrapper,
    handler: &str,
    there: &[(i64, i64)],
    deliveries: &[Delivery],
) -> Result<Vec<(i64, i64)>, Error> {
    let has: Vec<i64> = deliveries.iter().filter(|(_, _, name, _)| name == handler).map(|(event, ..)| *event).collect();
    let added: Vec<(i64, i64)> = there.iter().filter(|(event, _)| !has.contains(event)).copied().collect();
    let (events, lanes): (Vec<i64>, Vec<i64>) = added.iter().copied().unzip();
    let statement = "INSERT INTO deliveries (event, handler, lane, state, since, changed, round)
                     SELECT event, $1, lane, 3, now(), now(), 0 FROM unnest($2::bigint[], $3::bigint[]) AS of (event, lane)";
    db.execute(statement, &[&handler, &events, &lanes]).await?;
    Ok(added)
}

/// The columns of deliveries.
fn columns<'d>(of: &[&'d Delivery]) -> (Vec<i64>, Vec<i64>, Vec<&'d str>) {
    let (events, lanes) = of.iter().map(|(event, lane, ..)| (*event, *lane)).unzip();
    (events, lanes, of.iter().map(|(_, _, handler, _)| handler.as_str()).collect())
}

/// What waits for its next attempt is due at once. Whether it waits is asked as a value: as a condition it would lead
/// PostgreSQL past everything that waits.
pub(super) const HURRY: &str = "\
    UPDATE deliveries d SET due = now(), changed = now()
    FROM unnest($1::bigint[], $2::text[]) AS of (event, handler)
    WHERE d.event = of.event AND d.handler = of.handler AND coalesce(d.due > now(), false) RETURNING d.event";

/// Makes deliveries due at once that wait for their next attempt. Only the first of a lane has a due time; if that can
/// never become due by itself (see `mend`), it is now.
async fn hurry(db: &ClientWrapper, waiting: &[&Delivery], changed: &mut Changed) -> Result<(), Error> {
    if waiting.is_empty() {
        return Ok(());
    }
    let (events, lanes, handlers) = columns(waiting);
    let hurried = db.query(HURRY, &[&events, &handlers]).await?;
    let mended = db.query(&format!("{ADVANCE} RETURNING d.event"), &[&handlers, &lanes]).await?;
    let of_them = mended.iter().filter(|row| events.contains(&row.get(0)));
    hurried.iter().chain(of_them).for_each(|row| changed.add(row.get(0)));
    Ok(())
}

/// A later delivery that was the first of its lane waits for those that were put before it. The later ones are found as
/// the lane's own, and looked at for whether they are due after that: asked for what is due, PostgreSQL would go by all
/// that is due to the handler, for every lane.
pub(super) const WAIT_AGAIN: &str = "\
    UPDATE deliveries d SET due = NULL
    FROM (SELECT DISTINCT handler, lane FROM unnest($1::text[], $2::bigint[]) AS of (handler, lane)) AS of,
         LATERAL (SELECT p.event, p.due FROM deliveries p
                  WHERE p.handler = of.handler AND p.lane = of.lane AND p.state = 0
                  ORDER BY p.event OFFSET 1) AS later
    WHERE d.event = later.event AND d.handler = of.handler AND later.due IS NOT NULL";

/// Begins deliveries anew. Each takes its place in its lane by the order received.
async fn again(db: &ClientWrapper, anew: &[&Delivery], changed: &mut Changed) -> Result<(), Error> {
    if anew.is_empty() {
        return Ok(());
    }
    let (events, lanes, handlers) = columns(anew);
    let statement = "\
        UPDATE deliveries d SET state = 0, attempts = 0, ends = 0, round = round + 1, since = now(), changed = now(),
                                due = NULL, status = NULL, reason = NULL
        FROM unnest($1::bigint[], $2::text[]) AS of (event, handler)
        WHERE d.event = of.event AND d.handler = of.handler RETURNING d.event";
    db.query(statement, &[&events, &handlers]).await?.iter().for_each(|row| changed.add(row.get(0)));
    db.execute(WAIT_AGAIN, &[&handlers, &lanes]).await?;
    db.execute(ADVANCE, &[&handlers, &lanes]).await.map(drop)
}

/// Sets aside what of the events is not done; see [`crate::inbox::Archive::discard`].
pub(super) async fn discard(
    db: &ClientWrapper,
    events: &[i64],
    handler: Option<&str>,
    only: &[State],
    action: &Action,
) -> Result<Vec<usize>, Error> {
    batch::begin(db, lanes_of(db, events).await?).await?;
    let asked = events;
    let events = &acts::not_done_to(db, events, action).await?[..];
    let is_asked = |state: &State| only.is_empty() || only.contains(state);
    let mut changed = Changed::default();
    if handler.is_none() && is_asked(&State::Refused) {
        // By their keys in order, as they are refused.
        let statement = "\
            WITH kept AS MATERIALIZED (
                SELECT number FROM events WHERE number = ANY ($1) AND kind IS NULL AND NOT discarded
                ORDER BY key FOR UPDATE
            ), discarded AS (
                UPDATE events e SET discarded = true FROM kept WHERE e.number = kept.number
            ), listed_so AS (
                UPDATE listed l SET states = 8 FROM kept WHERE l.event = kept.number
            ), noted AS (
                INSERT INTO decided (event, at) SELECT number, now() FROM kept
                ON CONFLICT (event) DO UPDATE SET at = excluded.at
            )
            SELECT number FROM kept";
        db.query(statement, &[&events]).await?.iter().for_each(|row| changed.add(row.get(0)));
    }
    let open = [State::Pending, State::Fetching, State::Dead];
    let states: Vec<i16> = open.into_iter().filter(|state| is_asked(state)).filter_map(number).collect();
    for event in discard_deliveries(db, events, handler, &states).await? {
        changed.add(event);
    }
    end(db, &changed, action).await?;
    Ok(changed.of(asked))
}

/// Sets deliveries aside that are in those states, within a transaction: those of one handler, or all. Returns the event
/// of each.
pub(super) async fn discard_deliveries(
    db: &ClientWrapper,
    events: &[i64],
    handler: Option<&str>,
    states: &[i16],
) -> Result<Vec<i64>, Error> {
    let statement = "UPDATE deliveries SET state = 3, due = NULL, reason = NULL, changed = now()
                     WHERE event = ANY ($1) AND handler = coalesce($3::text, handler)
                       AND CASE WHEN state = 0 AND handler = '(fetch)' THEN 5 ELSE state END = ANY ($2::smallint[])
                     RETURNING event, handler, lane";
    let discarded = db.query(statement, &[&events, &states, &handler]).await?;
    let lanes: Vec<(&str, i64)> = discarded.iter().map(|row| (row.get(1), row.get(2))).collect();
    let advance = db.prepare_cached(ADVANCE).await?;
    batch::advance_lanes(db, &advance, &lanes).await?;
    Ok(discarded.iter().map(|row| row.get(0)).collect())
}

/// Ends the transaction: what is listed follows what was changed, and it is noted who did it.
async fn end(db: &ClientWrapper, changed: &Changed, action: &Action) -> Result<(), Error> {
    let events: Vec<i64> = changed.0.keys().copied().collect();
    if !events.is_empty() {
        let statement = "SELECT number, key, id, lane FROM events WHERE number = ANY ($1)";
        let rows = db.query(statement, &[&events]).await?;
        let with_lane = rows.iter().filter(|row| row.get::<_, Option<i64>>(3).is_some());
        listed::relist(db, &db.prepare_cached(RELIST).await?, with_lane.map(|row| row.get(0)).collect()).await?;
        let acted: Vec<Acted> =
            rows.iter().map(|row| Acted { key: row.get(1), id: row.get(2), became: None }).collect();
        acts::write(db, action, &acted, events.len()).await?;
    }
    batch::end(db).await
}

/// Takes a body off the list of refused ones, if the event that it is has that key and is there. That is kept
/// from now on.
pub(super) async fn replace_refused(
    db: &ClientWrapper,
    event: i64,
    by: EventKey,
    action: &Action,
) -> Result<(), Error> {
    batch::begin(db, Vec::new()).await?;
    let statement = "\
        WITH removed AS (
            DELETE FROM events WHERE number = $1 AND kind IS NULL
              AND EXISTS (SELECT 1 FROM events e WHERE e.key = $2 AND e.kind IS NOT NULL) RETURNING number, key, id
        ), uncounted AS (
            DELETE FROM refused r USING removed WHERE r.event = removed.number
        ), undecided AS (
            DELETE FROM decided d USING removed WHERE d.event = removed.number
        ), noted AS (
            INSERT INTO decided (event, at)
            SELECT number, now() FROM events WHERE key = $2 AND EXISTS (SELECT 1 FROM removed)
            ON CONFLICT (event) DO UPDATE SET at = excluded.at
        )
        SELECT removed.key, removed.id, e.id FROM removed JOIN events e ON e.key = $2";
    if let Some(row) = db.query_opt(statement, &[&event, &by.0.as_slice()]).await? {
        listed::forget(db, &[event]).await?;
        let became: String = row.get(2);
        let refused = Acted { key: row.get(0), id: row.get(1), became: Some(became) };
        let made = Acted { key: by.0.to_vec(), ..refused.clone() };
        acts::write(db, action, &[refused, made], 1).await?;
    }
    batch::end(db).await
}
