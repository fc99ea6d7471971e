//! What a batch says of what has come: events with their deliveries, and refused bodies.
//!
//! The statements are sent one behind the other, so that they cost no round trip of their own; a later one knows by the
//! number of the batch which events the first has stored. What else there is of each is in `listed`.

use std::collections::{BTreeMap, HashSet};

use deadpool_postgres::ClientWrapper;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Error, Statement};

use super::row::Row;

/// When an event was received never goes back, within its order or shipment and from one event of this receiver to
/// the next, whatever the clocks do: files are named after it. `$20` is that of this receiver's last one, if it is
/// known; else the last of all are asked. It is never more than a day ahead of the clock. Besides, the newest event of
/// each order or shipment is noted that has had one without a `messageId`.
pub(super) const STORE: &str = "\
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
                        subject, document, company, companies, created, lane, reason, status, discarded, body)
    SELECT batch.number + place, key, id, least(greatest(received, floor.at + (place + 1) * interval '1 microsecond'), received + interval '1 day'),
           path, content_type, kind, format, event_name, message_id, subject, document, company, companies, created, lane,
           reason, status, false, body
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

pub(super) async fn store_rows(
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

/// Of the events that are new: those that were there keep the deliveries they have. Who else is in a lane is asked as
/// a value, because the planner may answer `EXISTS` by reading every pending delivery there is, once for each batch.
pub(super) const DELIVER: &str = "\
    INSERT INTO deliveries (event, handler, lane, state, since, changed, due)
    SELECT number, handler, lane, 0, now(), now(),
           CASE WHEN row_number() OVER (PARTITION BY handler, lane ORDER BY number) = 1
                 AND (SELECT d.event FROM deliveries d
                      WHERE d.handler = new.handler AND d.lane = new.lane AND d.state = 0 LIMIT 1) IS NULL
                THEN now() END
    FROM (SELECT currval('batches') * 1024 + place AS number, handler, lane
          FROM unnest($1::int[], $2::text[], $3::bigint[]) AS wanted (place, handler, lane)) AS new
    WHERE EXISTS (SELECT 1 FROM events e WHERE e.number = new.number)";

pub(super) async fn add_deliveries(db: &ClientWrapper, deliver: &Statement, rows: &[&Row]) -> Result<(), Error> {
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

/// A refused body that was there already is counted, and if somebody had set it aside, it is refused again: but not if
/// it was erased, as there is nothing to decide about any more. Locked by their keys in order, as they are stored.
pub(super) const REFUSE: &str = "\
    WITH kept AS (
        SELECT e.number, e.key, new.copies, octet_length(e.body) AS size,
               new.copies - CASE WHEN e.number / 1024 = currval('batches') THEN 1 ELSE 0 END AS repeats,
               (SELECT x.event FROM erased x WHERE x.event = e.number) IS NOT NULL AS erased
        FROM unnest($1::bytea[], $2::int[]) AS new (key, copies) JOIN events e ON e.key = new.key
        WHERE e.kind IS NULL ORDER BY e.key FOR UPDATE OF e
    ), again AS (
        UPDATE events e SET discarded = false FROM kept
        WHERE e.number = kept.number AND e.discarded AND NOT kept.erased
    ), undecided AS (
        DELETE FROM decided d USING kept WHERE d.event = kept.number AND NOT kept.erased
    ), listed_so AS (
        UPDATE listed l SET states = CASE WHEN kept.erased THEN l.states ELSE 16 END,
                            repeats = l.repeats + kept.repeats, repeated = now()
        FROM kept WHERE l.event = kept.number AND kept.repeats > 0
    ), counted AS (
        INSERT INTO refused (event, copies, size) SELECT number, copies, size FROM kept ORDER BY key
        ON CONFLICT (event) DO UPDATE SET copies = refused.copies + excluded.copies
    )
    SELECT key FROM kept";

/// Returns the keys of those that are there: somebody may have made an event of one at the same moment.
pub(super) async fn count_refused(
    db: &ClientWrapper,
    refuse: &Statement,
    rows: &[&Row],
) -> Result<HashSet<Vec<u8>>, Error> {
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
