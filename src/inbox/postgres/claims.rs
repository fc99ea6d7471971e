//! Statements on deliveries: what is due, who works on it, how far it is.

use std::time::Instant;

use deadpool_postgres::ClientWrapper;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Error, Row};

use super::batch;
use super::clock::{Clock, Reading};
use super::held::Owned;
use super::notices;
use crate::event::{Answers, Event, WEBHOOK};
use crate::inbox::stored::{HURRIED, envelope, state};
use crate::inbox::{Claim, Due, EventKey, FETCH, Standing};
use crate::model::Format;

/// Longer than anything waits, in microseconds: a hundred years.
const EVER: i64 = 100 * 365 * 86_400 * 1_000_000;

/// Of the oldest that are due, those that nobody works on and nobody else is just claiming.
const CLAIM: &str = "\
    INSERT INTO claims (handler, lane, receiver, token)
    SELECT handler, lane, $4, $5 FROM (
        SELECT d.handler, d.lane FROM deliveries d
        WHERE d.handler = $1 AND d.due IS NOT NULL AND d.due <= now() + $6::bigint * interval '1 microsecond'
          AND d.lane <> ALL ($3)
          AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.handler = d.handler AND c.lane = d.lane)
        ORDER BY d.due LIMIT $2 FOR UPDATE OF d SKIP LOCKED) AS free
    ON CONFLICT DO NOTHING";

/// What the claims are for, as it is now that they are ours: while they were made, the delivery may have
/// been finished by who had them before.
const CLAIMED: &str = "\
    WITH heads AS (
        SELECT first.event, e.key, e.id, first.attempts,
               (extract(epoch FROM now() - first.since
                                   - coalesce((SELECT sum(j.later - j.earlier) FROM jumps j
                                               WHERE j.later > first.since AND j.later <= now()), interval '0'))
                * 1000000)::bigint AS age, octet_length(e.body) AS size, c.lane,
               e.format, first.round, first.ends, e.document, e.event_name
        FROM claims c, LATERAL (SELECT d.event, d.attempts, d.since, d.due, d.round, d.ends FROM deliveries d
                                WHERE d.handler = c.handler AND d.lane = c.lane AND d.state = 0
                                ORDER BY d.event LIMIT 1) AS first
        JOIN events e ON e.number = first.event
        WHERE c.handler = $1 AND c.token = $2 AND first.due <= now() + $3::bigint * interval '1 microsecond'
    ), others AS (
        DELETE FROM claims c WHERE c.handler = $1 AND c.token = $2
           AND NOT EXISTS (SELECT 1 FROM heads h WHERE h.lane = c.lane)
    )
    SELECT * FROM heads ORDER BY event";

/// When the next is due that nobody works on, in microseconds from now.
const NEXT: &str = "\
    SELECT (extract(epoch FROM d.due - now()) * 1000000)::bigint FROM deliveries d
    WHERE d.handler = $1 AND d.due IS NOT NULL AND d.lane <> ALL ($2)
      AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.handler = d.handler AND c.lane = d.lane)
    ORDER BY d.due LIMIT 1";

/// Who claims.
pub(super) struct Claimant<'a> {
    pub(super) receiver: &'a str,
    pub(super) token: i64,
    /// Lanes where it is still at work, whatever the database says; and those it does not want.
    pub(super) busy: Vec<i64>,
    /// Whether what is due at or before that time is to be claimed; `None`: what is due now.
    pub(super) until: Option<Timestamp>,
}

/// Claims up to `most` deliveries of `handler` that are due. That outlives a crash of the database, after which others
/// would start what is worked on here, but it waits for no standby: one that is away would let nobody work, and a claim
/// that is made long after it was given up is nobody's.
pub(super) async fn claim(
    db: &ClientWrapper,
    handler: &str,
    most: usize,
    by: &Claimant<'_>,
    clock: &Clock,
) -> Result<Due, Error> {
    let claim = db.prepare_cached(CLAIM).await?;
    let claimed = db.prepare_cached(CLAIMED).await?;
    let next = db.prepare_cached(NEXT).await?;
    let time = db.prepare_cached("SELECT clock_timestamp()").await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let until = by.until.map_or(0, |until| {
        let wait = until.duration_since(Timestamp::now()).as_micros();
        i64::try_from(wait).unwrap_or(EVER).clamp(0, EVER)
    });
    let asked = Instant::now();
    // Sent in this order, and all of it before the first answer is there.
    let ((), _, heads, next, said, ()) = tokio::try_join!(
        biased;
        db.batch_execute(batch::BEGIN_ALONE),
        async { db.execute(&claim, &[&handler, &most, &by.busy, &by.receiver, &by.token, &until]).await },
        async { db.query(&claimed, &[&handler, &by.token, &until]).await },
        async { db.query_opt(&next, &[&handler, &by.busy]).await },
        async { db.query_one(&time, &[]).await },
        db.batch_execute("COMMIT"),
    )?;
    let ahead = clock.ahead(&Reading { asked, answered: Instant::now(), said: said.get(0) });
    let now = Timestamp::now();
    Ok(Due {
        claims: heads.iter().map(|head| read_claim(handler, head, now, ahead)).collect(),
        next: next.map(|row| now.saturating_add(SignedDuration::from_micros(row.get(0))).unwrap_or(now)),
    })
}

/// The database has a clock of its own, which may be `ahead` of how much time has passed; the claim's times are by
/// ours, on which it is `now`.
fn read_claim(handler: &str, row: &Row, now: Timestamp, ahead: SignedDuration) -> Claim {
    let age = (SignedDuration::from_micros(row.get(4)) - ahead).max(SignedDuration::ZERO);
    Claim {
        event: row.get(0),
        key: key(row, 1),
        id: row.get(2),
        number: row.get(10),
        event_name: row.get(11),
        handler: handler.to_owned(),
        attempts: u32::try_from(row.get::<_, i32>(3)).unwrap_or_default(),
        since: now.saturating_sub(age).unwrap_or(now),
        size: usize::try_from(row.get::<_, i32>(5)).unwrap_or_default(),
        lane: row.get(6),
        format: Format::from_name(row.get(7)).unwrap_or(Format::Json),
        round: u32::try_from(row.get::<_, i32>(8)).unwrap_or(1),
        ends: u32::try_from(row.get::<_, i32>(9)).unwrap_or_default(),
    }
}

pub(super) fn key(row: &Row, column: usize) -> EventKey {
    let bytes: &[u8] = row.get(column);
    // Written by `store`, so it has that length.
    EventKey(bytes.try_into().unwrap_or_default())
}

const LOAD: &str = "\
    SELECT kind, format, event_name, message_id, subject, document, company, companies, created, id, received,
           content_type, body, (SELECT l.origin FROM listed l WHERE l.event = $1)
    FROM events e WHERE number = $1 AND kind IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM erased x WHERE x.event = $1)
      AND EXISTS (SELECT 1 FROM claims c WHERE c.handler = $2 AND c.lane = $3 AND c.token = $4)";

/// The event of a claim; `None` if the claim is no longer ours.
pub(super) async fn load(db: &ClientWrapper, claim: &Claim, token: i64) -> Result<Option<Event>, Error> {
    let statement = db.prepare_cached(LOAD).await?;
    let row = db.query_opt(&statement, &[&claim.event, &claim.handler, &claim.lane, &token]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Event {
        envelope: envelope(|column| row.try_get(column))?,
        id: row.get(9),
        received: row.get(10),
        attempt: claim.attempts + 1,
        round: claim.round,
        content_type: row.get(11),
        body: bytes::Bytes::from(row.get::<_, Vec<u8>>(12)),
        origin: row.get::<_, Option<String>>(13).map_or(WEBHOOK.into(), Into::into),
        documents: None,
        answers: Answers::default(),
    }))
}

/// Gives a claim back.
pub(super) async fn release(db: &ClientWrapper, claim: &Claim, token: i64) -> Result<(), Error> {
    if claim.handler == FETCH {
        return notices::release(db, claim, token).await;
    }
    let statement = "DELETE FROM claims WHERE handler = $1 AND lane = $2 AND token = $3";
    batch::lightly(db, &db.prepare_cached(statement).await?, &[&claim.handler, &claim.lane, &token]).await.map(drop)
}

/// Takes back that the attempt that a claim was made for has begun.
pub(super) async fn pause(db: &ClientWrapper, claim: &Claim, token: i64) -> Result<(), Error> {
    let statement = "UPDATE claims SET begun = NULL WHERE handler = $1 AND lane = $2 AND token = $3";
    batch::lightly(db, &db.prepare_cached(statement).await?, &[&claim.handler, &claim.lane, &token]).await.map(drop)
}

/// Takes back that attempts of a receiver have begun.
pub(super) async fn take_all_back(db: &ClientWrapper, receiver: &str) -> Result<(), Error> {
    let statement = "UPDATE claims SET begun = NULL WHERE receiver = $1 AND begun IS NOT NULL";
    batch::lightly(db, &db.prepare_cached(statement).await?, &[&receiver]).await.map(drop)
}

/// Notes that the attempt that a claim was made for begins, if `event` says so; returns whether it is still its turn in the round that it
/// was claimed in,
/// or nothing if the claim is not ours any more. Only the first of a lane has a time when it is due.
pub(super) async fn begin(
    db: &ClientWrapper,
    claim: &Claim,
    token: i64,
    event: Option<i64>,
) -> Result<Option<bool>, Error> {
    let statement = "\
        UPDATE claims SET begun = $4 WHERE handler = $1 AND lane = $2 AND token = $3
          AND EXISTS (SELECT 1 FROM deliveries WHERE event = $5 AND handler = $1 AND state = 0 AND due IS NOT NULL
                        AND round = $6)";
    let begun = if claim.handler == FETCH {
        notices::begin(db, claim, token, event).await?
    } else {
        let (statement, round) = (db.prepare_cached(statement).await?, i32::try_from(claim.round).unwrap_or(i32::MAX));
        batch::lightly(db, &statement, &[&claim.handler, &claim.lane, &token, &event, &claim.event, &round]).await? > 0
    };
    if begun {
        return Ok(Some(true));
    }
    let statement = "SELECT 1 FROM claims WHERE handler = $1 AND lane = $2 AND token = $3";
    let ours = db.query_opt(&db.prepare_cached(statement).await?, &[&claim.handler, &claim.lane, &token]).await?;
    Ok(ours.map(|_| false))
}

/// Removes claims of `receiver`, within a transaction, but for those that somebody holds.
pub(super) async fn remove(db: &ClientWrapper, receiver: &str, claims: &[Owned]) -> Result<u64, Error> {
    let statement = "\
        WITH free AS MATERIALIZED (
            SELECT c.handler, c.lane FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS of (handler, lane, token)
            JOIN claims c ON c.handler = of.handler AND c.lane = of.lane AND c.token = of.token
            WHERE c.receiver = $1 FOR UPDATE OF c SKIP LOCKED
        )
        DELETE FROM claims c USING free f WHERE c.handler = f.handler AND c.lane = f.lane";
    let handlers: Vec<_> = claims.iter().map(|claim| claim.handler.as_str()).collect();
    let lanes: Vec<_> = claims.iter().map(|claim| claim.lane).collect();
    let tokens: Vec<_> = claims.iter().map(|claim| claim.token).collect();
    db.execute(statement, &[&receiver, &handlers, &lanes, &tokens]).await
}

/// How far an event has come with each handler; `None` if there is no such event.
pub(super) async fn standing(db: &ClientWrapper, key: EventKey) -> Result<Option<Vec<Standing>>, Error> {
    let statement = "\
        SELECT d.state, d.status, d.reason, d.handler FROM events e
        LEFT JOIN deliveries d ON d.event = e.number WHERE e.key = $1";
    let rows = db.query(&db.prepare_cached(statement).await?, &[&key.0.as_slice()]).await?;
    let read = |row: &Row| {
        Some(Standing {
            // Without a handler it is the event alone: nobody wants it.
            handler: row.get::<_, Option<String>>(3)?,
            state: state(row.get(0)),
            status: row.get::<_, Option<i32>>(1).and_then(|status| u16::try_from(status).ok()),
            reason: row.get(2),
        })
    };
    Ok((!rows.is_empty()).then(|| rows.iter().filter_map(read).collect()))
}

/// Makes an event's waiting deliveries due at once.
pub(super) async fn hurry(db: &ClientWrapper, key: EventKey) -> Result<(), Error> {
    let statement = "SELECT number, lane FROM events WHERE key = $1 AND lane IS NOT NULL";
    let Some(event) = db.query_opt(&db.prepare_cached(statement).await?, &[&key.0.as_slice()]).await? else {
        return Ok(());
    };
    batch::begin(db, vec![event.get(1)]).await?;
    let statement = "UPDATE deliveries SET due = now(), changed = now() WHERE event = $1 AND due > now()";
    db.execute(&db.prepare_cached(statement).await?, &[&event.get::<_, i64>(0)]).await?;
    batch::end(db).await
}

/// How many lanes of a handler have unfinished deliveries, counted up to `most`.
pub(super) async fn lanes(db: &ClientWrapper, handler: &str, most: usize) -> Result<usize, Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let statement =
        "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE handler = $1 AND due IS NOT NULL LIMIT $2) AS lanes";
    let count: i64 = db.query_one(&db.prepare_cached(statement).await?, &[&handler, &most]).await?.get(0);
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Makes some of a handler's waiting deliveries due at once. Those that somebody changes at this moment are left:
/// whoever does that says when they are due.
pub(super) async fn hurry_handler(db: &ClientWrapper, handler: &str) -> Result<usize, Error> {
    let statement = "\
        UPDATE deliveries d SET due = now(), changed = now()
        FROM (SELECT event, handler FROM deliveries WHERE handler = $1 AND due > now()
              ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED) AS waiting
        WHERE d.event = waiting.event AND d.handler = waiting.handler";
    // Nobody waits for it: until it is committed, nobody could claim what it changes.
    let hurried = batch::lightly(db, &db.prepare_cached(statement).await?, &[&handler, &HURRIED]).await?;
    Ok(usize::try_from(hurried).unwrap_or_default())
}

/// Handlers with unfinished deliveries, each counted up to `most`.
pub(super) async fn backlog(db: &ClientWrapper, most: usize) -> Result<Vec<(String, usize)>, Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found: Vec<(String, usize)> = Vec::new();
    loop {
        // One step in the index per handler, however many deliveries it has.
        let after = found.last().map(|(handler, _)| handler.as_str()).unwrap_or_default();
        let statement = "SELECT handler FROM deliveries WHERE state = 0 AND handler > $1 ORDER BY handler LIMIT 1";
        let Some(next) = db.query_opt(statement, &[&after]).await? else { return Ok(found) };
        let handler: String = next.get(0);
        let statement =
            "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 0 AND handler = $1 LIMIT $2) AS n";
        let count: i64 = db.query_one(statement, &[&handler, &most]).await?.get(0);
        found.push((handler, usize::try_from(count).unwrap_or_default()));
    }
}
