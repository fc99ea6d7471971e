//! Statements on what people did: an action, and each event that it was done to.
//!
//! Events are kept for less long than it is known who did what to them, so they go by their keys here.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::row::storable;
use crate::inbox::{ActedOn, Action, ActionView, Deed, DeedView, EventKey};

/// Rows that are forgotten in one step.
const STEP: i64 = 500;

/// An event that something was done to.
#[derive(Clone)]
pub(super) struct Acted {
    pub(super) key: Vec<u8>,
    pub(super) id: String,
    /// The id of the event that this refused body became.
    pub(super) became: Option<String>,
}

/// Notes in a transaction what it does: to `events` of them, as a refused body and what becomes of it are one.
pub(super) async fn write(db: &ClientWrapper, action: &Action, to: &[Acted], events: usize) -> Result<(), Error> {
    let text = |text: &Option<String>| text.clone().map(storable);
    let id = action.id.as_bytes().as_slice();
    let statement = "\
        INSERT INTO actions (id, at, who, via, address, what, handler, filter, reason, events)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (id) DO UPDATE SET events = actions.events + excluded.events";
    let (who, events) = (storable(action.who.clone()), i64::try_from(events).unwrap_or(i64::MAX));
    let (address, handler) = (text(&action.address), text(&action.handler));
    let (filter, reason) = (text(&action.filter), text(&action.reason));
    let (via, what) = (action.via, action.what.as_str());
    db.execute(statement, &[&id, &action.at, &who, &via, &address, &what, &handler, &filter, &reason, &events]).await?;
    let statement = "\
        INSERT INTO acted (key, at, action, id, became)
        SELECT key, now(), $1, id, became FROM unnest($2::bytea[], $3::text[], $4::text[]) AS of (key, id, became)
        ON CONFLICT DO NOTHING";
    let keys: Vec<_> = to.iter().map(|acted| acted.key.as_slice()).collect();
    let ids: Vec<_> = to.iter().map(|acted| acted.id.as_str()).collect();
    let became: Vec<_> = to.iter().map(|acted| acted.became.as_deref()).collect();
    db.execute(statement, &[&id, &keys, &ids, &became]).await.map(drop)
}

/// What was done to those of these keys, in the order it was.
pub(super) async fn of(db: &ClientWrapper, keys: &[&[u8]]) -> Result<HashMap<Vec<u8>, Vec<ActionView>>, Error> {
    let statement = "\
        SELECT d.key, d.at, d.id, d.became, a.id, a.who, a.via, a.address, a.what, a.handler, a.filter, a.reason, a.events
        FROM acted d JOIN actions a ON a.id = d.action WHERE d.key = ANY ($1) ORDER BY d.key, d.at, a.at";
    let mut found: HashMap<Vec<u8>, Vec<ActionView>> = HashMap::new();
    for row in db.query(&db.prepare_cached(statement).await?, &[&keys]).await? {
        found.entry(row.get(0)).or_default().extend(view(&row));
    }
    Ok(found)
}

/// Those of the events to which that was not done before. Each is asked by itself, by its key.
pub(super) async fn not_done_to(db: &ClientWrapper, events: &[i64], action: &Action) -> Result<Vec<i64>, Error> {
    let statement = "\
        SELECT number FROM events e WHERE number = ANY ($1)
          AND (SELECT true FROM acted a WHERE a.key = e.key AND a.action = $2 LIMIT 1) IS NULL";
    let rows = db.query(&db.prepare_cached(statement).await?, &[&events, &action.id.as_bytes().as_slice()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

const COLUMNS: &str = "id, at, who, via, address, what, handler, filter, reason, events";

/// What people did before that, the newest first.
pub(super) async fn list(
    db: &ClientWrapper,
    before: Option<(Timestamp, Uuid)>,
    most: usize,
) -> Result<Vec<DeedView>, Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let order = "ORDER BY at DESC, id DESC LIMIT $1";
    let rows = match before {
        None => {
            db.query(&db.prepare_cached(&format!("SELECT {COLUMNS} FROM actions {order}")).await?, &[&most]).await?
        }
        Some((at, id)) => {
            let of_them = "WHERE at <= $2 AND (at < $2 OR id < $3)";
            let statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM actions {of_them} {order}")).await?;
            db.query(&statement, &[&most, &at, &id.as_bytes().as_slice()]).await?
        }
    };
    Ok(rows.iter().filter_map(deed).collect())
}

/// One of them.
pub(super) async fn one(db: &ClientWrapper, id: Uuid) -> Result<Option<DeedView>, Error> {
    let statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM actions WHERE id = $1")).await?;
    Ok(db.query_opt(&statement, &[&id.as_bytes().as_slice()]).await?.as_ref().and_then(deed))
}

/// The events that it was done to, in the order it was. Found by the time from which on it can have been done: an action
/// begins by the clock of whoever asked for it.
pub(super) async fn to(
    db: &ClientWrapper,
    id: Uuid,
    after: Option<ActedOn>,
    most: usize,
) -> Result<Vec<ActedOn>, Error> {
    let statement = "\
        SELECT d.at, d.key, e.number FROM acted d LEFT JOIN events e ON e.key = d.key
        WHERE d.at >= coalesce($2, (SELECT at - interval '1 hour' FROM actions WHERE id = $1))
          AND ($2::timestamptz IS NULL OR (d.at, d.key) > ($2, $3)) AND d.action = $1
        ORDER BY d.at, d.key LIMIT $4";
    let (at, key) = after.map(|after| (after.at, after.key.0.to_vec())).unzip();
    let (id, most) = (id.as_bytes().as_slice(), i64::try_from(most).unwrap_or(i64::MAX));
    let rows = db.query(&db.prepare_cached(statement).await?, &[&id, &at, &key, &most]).await?;
    let acted = rows.iter().filter_map(|row| {
        let key = row.get::<_, &[u8]>(1).try_into().ok()?;
        Some(ActedOn { at: row.get(0), key: EventKey(key), sequence: row.get(2) })
    });
    Ok(acted.collect())
}

fn deed(row: &Row) -> Option<DeedView> {
    Some(DeedView {
        id: Uuid::from_slice(row.get(0)).unwrap_or_default(),
        at: row.get(1),
        who: row.get(2),
        via: row.get(3),
        address: row.get(4),
        what: Deed::from_name(row.get(5))?,
        handler: row.get(6),
        filter: row.get(7),
        reason: row.get(8),
        events: row.get::<_, i64>(9).unsigned_abs(),
    })
}

/// Nothing of a deed that this program does not know.
fn view(row: &Row) -> Option<ActionView> {
    Some(ActionView {
        id: Uuid::from_slice(row.get(4)).unwrap_or_default(),
        at: row.get(1),
        who: row.get(5),
        via: row.get(6),
        address: row.get(7),
        what: Deed::from_name(row.get(8))?,
        handler: row.get(9),
        filter: row.get(10),
        reason: row.get(11),
        events: row.get::<_, i64>(12).unsigned_abs(),
        event: row.get(2),
        became: row.get(3),
    })
}

/// Forgets some of what was done before that time; returns to how many events.
pub(super) async fn forget(db: &ClientWrapper, before: Timestamp) -> Result<usize, Error> {
    let statement = "\
        DELETE FROM acted d USING (SELECT key, at, action FROM acted WHERE at < $1 ORDER BY at LIMIT $2) AS old
        WHERE d.key = old.key AND d.at = old.at AND d.action = old.action";
    let forgotten = db.execute(statement, &[&before, &STEP]).await?;
    // One that goes on for hours is still known of the events that it came to last.
    let statement = "\
        DELETE FROM actions a USING (SELECT id FROM actions WHERE at < $1::timestamptz - interval '1 day' ORDER BY at LIMIT $2) AS old
        WHERE a.id = old.id";
    db.execute(statement, &[&before, &STEP]).await?;
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}
