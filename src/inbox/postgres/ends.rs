//! The statements of a batch on attempts that have ended.

use std::collections::HashSet;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::{Error, Statement};

use super::batch::advance_lanes;
use super::row::storable;
use crate::inbox::stored::{Ended, FAILURES_KEPT};
use crate::inbox::{Claim, Finish};

/// The end of an attempt.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) claim: Claim,
    pub(super) token: i64,
    pub(super) finish: Finish,
    pub(super) took: Duration,
}

/// Only a claim that still is ours counts. Somebody may have discarded the delivery meanwhile; then that
/// stands. And an earlier event may be to be delivered again; then this one waits for that.
pub(super) const FINISH: &str = "\
    WITH ours AS (
        DELETE FROM claims c
        USING unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::bigint[], $7::int[],
                     $8::int[], $9::bigint[], $10::text[])
              AS a (handler, lane, token, event, state, pause, status, attempt, took, reason)
        WHERE c.handler = a.handler AND c.lane = a.lane AND c.token = a.token RETURNING a.*
    ), ended AS (
        UPDATE deliveries d SET state = o.state, status = o.status, attempts = o.attempt, ends = 0, changed = now(),
               due = CASE WHEN EXISTS (SELECT 1 FROM deliveries e WHERE e.handler = o.handler AND e.lane = o.lane
                                       AND e.state = 0 AND e.event < o.event)
                          THEN NULL ELSE now() + o.pause * interval '1 microsecond' END
        FROM ours o WHERE d.event = o.event AND d.handler = o.handler AND d.state = 0 RETURNING o.*
    ), noted AS (
        INSERT INTO failures (event, handler, attempt, at, took, reason)
        SELECT event, handler, attempt, now(), took, reason FROM ended WHERE reason IS NOT NULL
        ON CONFLICT (event, handler, attempt)
        DO UPDATE SET at = excluded.at, took = excluded.took, reason = excluded.reason
    )
    SELECT event, token FROM ours";

pub(super) async fn finish_attempts(db: &ClientWrapper, finish: &Statement, ends: &[&End]) -> Result<Vec<bool>, Error> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let (mut outcomes, mut pauses, mut statuses, mut reasons) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for end in ends {
        let Ended { state, again, status, reason } = Ended::by(&end.finish);
        outcomes.push(state);
        pauses.push(again.map(pause_until));
        statuses.push(status.map(i32::from));
        reasons.push(reason.map(str::to_owned).map(storable));
    }
    let ours = db
        .query(
            finish,
            &[
                &ends.iter().map(|end| end.claim.handler.as_str()).collect::<Vec<_>>(),
                &ends.iter().map(|end| end.claim.lane).collect::<Vec<_>>(),
                &ends.iter().map(|end| end.token).collect::<Vec<_>>(),
                &ends.iter().map(|end| end.claim.event).collect::<Vec<_>>(),
                &outcomes,
                &pauses,
                &statuses,
                &ends
                    .iter()
                    .map(|end| i32::try_from(end.claim.attempts).unwrap_or(i32::MAX).saturating_add(1))
                    .collect::<Vec<_>>(),
                &ends.iter().map(|end| i64::try_from(end.took.as_millis()).unwrap_or(i64::MAX)).collect::<Vec<_>>(),
                &reasons,
            ],
        )
        .await?;
    let ours: HashSet<(i64, i64)> = ours.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(ends.iter().map(|end| ours.contains(&(end.claim.event, end.token))).collect())
}

/// In microseconds from now on: the database has a clock of its own.
fn pause_until(at: Timestamp) -> i64 {
    i64::try_from(at.duration_since(Timestamp::now()).as_micros()).unwrap_or(i64::MAX)
}

/// By time, not by attempt: those count from 1 again when an event is delivered again.
pub(super) const FORGET: &str = "\
    DELETE FROM failures f USING unnest($1::bigint[], $2::text[]) AS of (event, handler)
    WHERE f.event = of.event AND f.handler = of.handler
      AND f.at < (SELECT g.at FROM failures g WHERE g.event = of.event AND g.handler = of.handler
                  ORDER BY g.at DESC LIMIT 1 OFFSET $3)";

pub(super) async fn forget_failures(db: &ClientWrapper, forget: &Statement, ends: &[&End]) -> Result<(), Error> {
    let many: Vec<_> = ends.iter().filter(|end| i64::from(end.claim.attempts) >= FAILURES_KEPT).collect();
    if many.is_empty() {
        return Ok(());
    }
    let events: Vec<_> = many.iter().map(|end| end.claim.event).collect();
    let handlers: Vec<_> = many.iter().map(|end| end.claim.handler.as_str()).collect();
    db.execute(forget, &[&events, &handlers, &(FAILURES_KEPT - 1)]).await.map(drop)
}

pub(super) async fn advance_ended(db: &ClientWrapper, advance: &Statement, ends: &[&End]) -> Result<(), Error> {
    let over = ends.iter().filter(|end| !matches!(end.finish, Finish::Retry { .. }));
    let lanes: Vec<_> = over.map(|end| (end.claim.handler.as_str(), end.claim.lane)).collect();
    advance_lanes(db, advance, &lanes).await.map(drop)
}
