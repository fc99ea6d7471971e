//! Statements that look for lanes that stand still: whose first pending delivery has no due time. No way
//! through this program leads there; but nothing would ever lead out, nor would anybody hear of it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::deliveries;
use crate::inbox::Mended;

/// Lanes that are looked at in one go.
const STEP: usize = 10_000;

/// One handler's events of one order or shipment.
pub(super) type Lane = (String, i64);

/// Lanes that stand still, of the next that come after `from`, and how far that is: nothing if it was the end.
pub(super) fn look(db: &Connection, from: Option<Lane>) -> rusqlite::Result<(Vec<Lane>, Option<Lane>)> {
    // One step in the index per lane, however many deliveries it has.
    let mut next = db.prepare_cached(
        "SELECT handler, lane, due IS NULL FROM deliveries INDEXED BY deliveries_lane
         WHERE state = 0 AND (handler, lane) > (?1, ?2) ORDER BY handler, lane, event LIMIT 1",
    )?;
    let mut at = from.unwrap_or((String::new(), i64::MIN));
    let mut found = Vec::new();
    for _ in 0..STEP {
        let first = next.query_row(params![at.0, at.1], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)));
        let Some((lane, stands)) = first.optional()? else { return Ok((found, None)) };
        at = lane;
        if stands {
            found.push(at.clone());
        }
    }
    Ok((found, Some(at)))
}

/// Has those lanes go on that still stand; returns what is due now.
pub(super) fn set_right(db: &Connection, lanes: &[Lane], now: Timestamp) -> rusqlite::Result<Vec<Mended>> {
    let mut mended = Vec::new();
    for (handler, lane) in lanes {
        if deliveries::advance(db, handler, *lane, now)? {
            let event = db
                .query_row(
                    "SELECT id, document FROM events WHERE number = (SELECT min(event) FROM deliveries
                                                           WHERE handler = ?1 AND lane = ?2 AND state = 0)",
                    params![handler, lane],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            mended.extend(event.map(|(id, number)| Mended { id, number, handler: handler.clone() }));
        }
    }
    Ok(mended)
}
