//! The statements of a batch on attempts that have ended.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::{Error, Statement};

use super::batch::advance_lanes;
use super::listed::relist;
use super::row::storable;
use crate::inbox::stored::{ATTEMPTS_KEPT, Ended, FIRST_KEPT};
use crate::inbox::{Attempt, Claim, Finish};

/// The end of an attempt; or a claim that is given up, without one.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) claim: Claim,
    pub(super) token: i64,
    pub(super) finish: Finish,
    pub(super) attempt: Option<Attempt>,
}

impl End {
    /// How many attempts have been made.
    fn attempts(&self) -> i32 {
        let before = i32::try_from(self.claim.attempts).unwrap_or(i32::MAX);
        before.saturating_add(i32::from(self.attempt.is_some()))
    }

    fn round(&self) -> i32 {
        i32::try_from(self.claim.round).unwrap_or(i32::MAX)
    }
}

/// Only a claim that still is ours counts. Calls count again on a notice whose fetch has failed. Somebody may have
/// discarded the delivery meanwhile, or begun it anew; then that stands, and the attempt is noted all the same, in its
/// own round: but nothing that was said, if the event was erased. And an earlier event may be to be delivered again; then
/// this one waits for that.
pub(super) const FINISH: &str = "\
    WITH ours AS (
        DELETE FROM claims c
        USING unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::bigint[], $7::int[],
                     $8::int[], $9::text[], $10::int[], $11::bigint[], $12::bigint[], $13::text[], $14::int[], $15::text[])
              AS a (handler, lane, token, event, state, pause, status, attempts, reason, round, age, took, ending,
                    answered, answer)
        WHERE c.handler = a.handler AND c.lane = a.lane AND c.token = a.token RETURNING a.*
    ), ended AS (
        UPDATE deliveries d SET state = o.state, status = o.status, attempts = o.attempts, ends = 0, changed = now(),
               reason = CASE o.state WHEN 2 THEN o.reason END,
               due = CASE WHEN (SELECT e.event FROM deliveries e WHERE e.handler = o.handler AND e.lane = o.lane
                                AND e.state = 0 AND e.event < o.event LIMIT 1) IS NOT NULL
                          THEN NULL ELSE now() + o.pause * interval '1 microsecond' END
        FROM ours o WHERE d.event = o.event AND d.handler = o.handler AND d.state = 0 AND d.round = o.round
        RETURNING d.event, d.handler
    ), failed AS (
        UPDATE notices n SET state = 'waiting' FROM ours o
        WHERE n.event = o.event AND o.handler = '(fetch)' AND o.state <> 1 AND n.state = 'fetching'
    ), noted AS (
        INSERT INTO attempts (event, handler, round, attempt, begun, took, ending, status, answer, reason)
        SELECT o.event, o.handler, o.round, o.attempts, now() - o.age * interval '1 microsecond', o.took, o.ending,
               o.answered, CASE WHEN x.event IS NULL THEN o.answer END, CASE WHEN x.event IS NULL THEN o.reason END
        FROM ours o JOIN deliveries d ON d.event = o.event AND d.handler = o.handler
             LEFT JOIN erased x ON x.event = o.event
        WHERE o.age IS NOT NULL
    )
    SELECT o.event, o.token, e.event IS NOT NULL FROM ours o LEFT JOIN ended e USING (event, handler)";

/// What became of an attempt that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// The delivery is as it says.
    Yes,
    /// Somebody has discarded the delivery meanwhile, or begun it anew.
    Overtaken,
    /// The claim was not ours any more.
    Lost,
}

pub(super) async fn finish_attempts(
    db: &ClientWrapper,
    finish: &Statement,
    ends: &[&End],
) -> Result<Vec<Stands>, Error> {
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
    let attempts: Vec<Option<&Attempt>> = ends.iter().map(|end| end.attempt.as_ref()).collect();
    let took = |attempt: &Attempt| i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX);
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
                &ends.iter().map(|end| end.attempts()).collect::<Vec<_>>(),
                &reasons,
                &ends.iter().map(|end| end.round()).collect::<Vec<_>>(),
                &attempts.iter().map(|attempt| attempt.map(|made| age_of(made.begun))).collect::<Vec<_>>(),
                &attempts.iter().map(|attempt| attempt.map(took)).collect::<Vec<_>>(),
                &attempts.iter().map(|attempt| attempt.map(|made| made.ending.as_str())).collect::<Vec<_>>(),
                &attempts.iter().map(|attempt| attempt.and_then(|made| made.status.map(i32::from))).collect::<Vec<_>>(),
                &attempts
                    .iter()
                    .map(|attempt| attempt.and_then(|made| made.answer.clone()).map(storable))
                    .collect::<Vec<_>>(),
            ],
        )
        .await?;
    let ours: HashMap<(i64, i64), bool> = ours.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
    let stands = |end: &&End| match ours.get(&(end.claim.event, end.token)) {
        Some(true) => Stands::Yes,
        Some(false) => Stands::Overtaken,
        None => Stands::Lost,
    };
    Ok(ends.iter().map(stands).collect())
}

/// In microseconds from now on: the database has a clock of its own.
fn pause_until(at: Timestamp) -> i64 {
    i64::try_from(at.duration_since(Timestamp::now()).as_micros()).unwrap_or(i64::MAX)
}

/// The same for what has begun.
fn age_of(begun: Timestamp) -> i64 {
    i64::try_from(Timestamp::now().duration_since(begun).as_micros()).unwrap_or_default().max(0)
}

/// Of that round only: who begins a delivery anew destroys nothing of what came before. (5 is `FIRST_KEPT`.)
pub(super) const FORGET: &str = "\
    DELETE FROM attempts a
    USING unnest($1::bigint[], $2::text[], $3::int[], $4::int[]) AS of (event, handler, round, last)
    WHERE a.event = of.event AND a.handler = of.handler AND a.round = of.round AND a.attempt > 5 AND a.attempt <= of.last";

pub(super) async fn forget_attempts(db: &ClientWrapper, forget: &Statement, ends: &[&End]) -> Result<(), Error> {
    let kept = i32::try_from(ATTEMPTS_KEPT).unwrap_or(i32::MAX);
    let most = i32::try_from(FIRST_KEPT + ATTEMPTS_KEPT).unwrap_or(i32::MAX);
    let many: Vec<_> = ends.iter().filter(|end| end.attempt.is_some() && end.attempts() > most).collect();
    if many.is_empty() {
        return Ok(());
    }
    let events: Vec<_> = many.iter().map(|end| end.claim.event).collect();
    let handlers: Vec<_> = many.iter().map(|end| end.claim.handler.as_str()).collect();
    let rounds: Vec<_> = many.iter().map(|end| end.round()).collect();
    let last: Vec<_> = many.iter().map(|end| end.attempts() - kept).collect();
    db.execute(forget, &[&events, &handlers, &rounds, &last]).await.map(drop)
}

/// Those whose delivery is over.
fn over<'e>(ends: &'e [&End]) -> impl Iterator<Item = &'e Claim> {
    ends.iter().filter(|end| !matches!(end.finish, Finish::Retry { .. })).map(|end| &end.claim)
}

pub(super) async fn relist_ended(db: &ClientWrapper, statement: &Statement, ends: &[&End]) -> Result<(), Error> {
    relist(db, statement, over(ends).map(|claim| claim.event).collect()).await
}

pub(super) async fn advance_ended(db: &ClientWrapper, advance: &Statement, ends: &[&End]) -> Result<(), Error> {
    let lanes: Vec<_> = over(ends).map(|claim| (claim.handler.as_str(), claim.lane)).collect();
    advance_lanes(db, advance, &lanes).await.map(drop)
}
