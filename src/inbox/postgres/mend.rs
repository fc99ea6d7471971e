//! The net under the store: lanes that nothing would make due any more.
//!
//! No way through this program leads there: of the pending deliveries of a lane the first has a due time, at every
//! commit. But a database may have been written to by others, or have been set to what an earlier version of this
//! program was not made for; and a lane that stands still is silent.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::batch;
use crate::inbox::Mended;

/// A handler and a lane of it.
pub(super) type Place = (String, i64);

/// What comes before every other.
pub(super) const FIRST: Place = (String::new(), i64::MIN);

/// Lanes that one statement looks at; a lane costs it one step in the index, however many events wait in it.
const STEP: i64 = 2000;

const LOOK: &str = "\
    WITH RECURSIVE heads AS (
        (SELECT handler, lane, due FROM deliveries WHERE state = 0 AND (handler, lane) > ($1, $2)
         ORDER BY handler, lane, event LIMIT 1)
        UNION ALL
        SELECT next.* FROM heads, LATERAL (
            SELECT d.handler, d.lane, d.due FROM deliveries d
            WHERE d.state = 0 AND (d.handler, d.lane) > (heads.handler, heads.lane)
            ORDER BY d.handler, d.lane, d.event LIMIT 1) AS next
    ), step AS MATERIALIZED (SELECT * FROM heads LIMIT $3)
    SELECT handler, lane, stands, more FROM (
        SELECT handler, lane, due IS NULL AS stands, row_number() OVER () = $3 AS more FROM step) AS seen
    WHERE stands OR more";

/// Lanes after `from` that stand still, and from where on to look next: `None` at the end.
pub(super) async fn look(db: &ClientWrapper, from: &Place) -> Result<(Vec<Place>, Option<Place>), Error> {
    let rows = db.query(&db.prepare_cached(LOOK).await?, &[&from.0, &from.1, &STEP]).await?;
    let place = |row: &tokio_postgres::Row| (row.get(0), row.get(1));
    let more = rows.last().filter(|row| row.get(3)).map(place);
    Ok((rows.iter().filter(|row| row.get(2)).map(place).collect(), more))
}

/// Makes the first delivery of each of the lanes due, if it still is not; returns which they were.
pub(super) async fn mend(db: &ClientWrapper, lanes: &[Place]) -> Result<Vec<Mended>, Error> {
    batch::begin(db, lanes.iter().map(|(_, lane)| *lane).collect()).await?;
    let statement = format!(
        "WITH mended AS ({} RETURNING d.event, d.handler) \
         SELECT e.id, e.document, mended.handler FROM mended JOIN events e ON e.number = mended.event ORDER BY e.number",
        batch::ADVANCE
    );
    let handlers: Vec<_> = lanes.iter().map(|(handler, _)| handler.as_str()).collect();
    let lanes: Vec<_> = lanes.iter().map(|(_, lane)| *lane).collect();
    let mended = db.query(&statement, &[&handlers, &lanes]).await?;
    batch::end(db).await?;
    Ok(mended.iter().map(|row| Mended { id: row.get(0), number: row.get(1), handler: row.get(2) }).collect())
}
