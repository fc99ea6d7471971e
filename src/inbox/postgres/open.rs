//! Opening the inbox: is the server fit for it, is the schema there in the right version.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use deadpool_postgres::ClientWrapper;

use super::batch::BEGIN;
use super::{LIMIT, SCHEMA};
use crate::inbox::{NoInbox, Purpose};
use crate::outgoing::postgres::{Failure, Pool, within};
use crate::telemetry::events;

/// The version of the schema this program works with.
pub(super) const VERSION: i32 = 4;

/// What leads from each version to the next; the first starts from nothing.
const MIGRATIONS: [&str; VERSION as usize] =
    [include_str!("schema.sql"), include_str!("schema2.sql"), include_str!("schema3.sql"), include_str!("schema4.sql")];

/// How long it may take to bring an inbox to this program's version: an index over very many events takes its time.
const MIGRATION: Duration = Duration::from_secs(6 * 3600);

/// The oldest server that this was made for, as it writes its version.
const OLDEST: i32 = 130_000;

/// Whoever changes the schema holds this lock (of PostgreSQL, by number) until it has committed.
const MIGRATING: i64 = 0x7472_6164_6563_6c64;

/// What is set on every connection, beside what [`Database::pool`](crate::outgoing::postgres::Database::pool) sets.
///
/// The statements are made for their indexes; without the other ways the planner cannot choose one that
/// was right for yesterday's size of a table. The time-outs free what a receiver that stalls holds. What
/// commits wait for is held on to, so that nobody turns it off under a connection in use. What a policy hides is
/// an error instead of an event that is missing. Without foreign keys (`replica`), a claim could be made by a
/// receiver that is not there: who may not change that gets no connection.
///
/// Left alone is what nothing here goes by: values cross in binary, so neither the time zone nor the styles of
/// dates, intervals, bytes and floats matter, and the encoding is a part of the log-in.
pub(super) const SETUP: &str = "\
    SET search_path = tradecloud_inbox; \
    SET statement_timeout = '10s'; SET lock_timeout = '8s'; SET idle_in_transaction_session_timeout = '10s'; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET enable_indexscan = on; SET enable_indexonlyscan = on; SET enable_nestloop = on; \
    SET jit = off; SET plan_cache_mode = force_generic_plan; \
    SET row_security = off; SET default_table_access_method = heap; \
    SELECT set_config('session_replication_role', 'origin', false) \
    FROM current_setting('session_replication_role') AS held WHERE held <> 'origin'; \
    SELECT set_config('synchronous_commit', CASE held WHEN 'off' THEN 'on' ELSE held END, false) \
    FROM current_setting('synchronous_commit') AS held";

/// Makes sure that the inbox is there in the right version; returns which it was of, if that was an earlier one. `place` is
/// the database, for messages.
///
/// Whoever only looks does so on one of the connections of `people`, which he goes on with: to connect takes longer than
/// most of what he asks.
pub(super) async fn prepare(pool: &Pool, people: &Pool, purpose: Purpose, place: &str) -> anyhow::Result<Option<u32>> {
    let asked = if purpose == Purpose::Tool { people } else { pool };
    let db = asked.get().await.with_context(|| format!("cannot reach the inbox {place}"))?;
    within(LIMIT, judge(&db, purpose))
        .await
        .with_context(|| format!("cannot use the inbox {place}"))?
        .with_context(|| format!("cannot use the inbox {place}"))?;
    let version = within(LIMIT, version(&db)).await.with_context(|| format!("cannot read the inbox {place}"))?;
    if version == 0 && purpose == Purpose::Tool {
        bail!(NoInbox::NotYet { place: format!("PostgreSQL {place}") });
    }
    db.give_back();
    if version != VERSION {
        let db = pool.get().await.with_context(|| format!("cannot reach the inbox {place}"))?;
        if purpose == Purpose::Tool && version < VERSION && within(LIMIT, is_in_use(&db)).await? {
            // A receiver of the version before would go on writing in its own way.
            bail!(
                "the inbox {place} is of an earlier version of this program, and a receiver of that version is at work on \
                 it. Stop all of them and start this version's: the first brings the inbox up to date"
            );
        }
        within(MIGRATION, migrate(&db, End::Commit))
            .await
            .map_err(|failure| hint(failure).context(format!("cannot prepare the inbox {place}")))?
            .with_context(|| format!("cannot prepare the inbox {place}"))?;
        db.give_back();
    }
    Ok(u32::try_from(version).ok().filter(|_| (1..VERSION).contains(&version)))
}

/// Whether a receiver is at work on the inbox.
pub(super) async fn is_in_use(db: &ClientWrapper) -> Result<bool, tokio_postgres::Error> {
    Ok(db.query_one("SELECT EXISTS (SELECT 1 FROM receivers WHERE until > now())", &[]).await?.get(0))
}

/// What an administrator can do about it.
pub(super) fn hint(failure: Failure) -> anyhow::Error {
    /// The role may not do that.
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    let forbidden = failure.code() == Some(INSUFFICIENT_PRIVILEGE);
    let error = anyhow::Error::from(failure);
    if !forbidden {
        return error;
    }
    error.context(format!(
        "the role may not make its tables. As an administrator: CREATE SCHEMA {SCHEMA} AUTHORIZATION <role>"
    ))
}

/// Whether an inbox can be on this server.
pub(super) async fn judge(db: &ClientWrapper, purpose: Purpose) -> Result<anyhow::Result<()>, tokio_postgres::Error> {
    let row = db
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
                    current_setting('fsync')::boolean, current_setting('transaction_read_only')::boolean,
                    pg_is_in_recovery(), current_setting('transaction_isolation')",
            &[],
        )
        .await?;
    let (version, encoding): (i32, String) = (row.get(0), row.get(1));
    let (fsync, read_only, standby): (bool, bool, bool) = (row.get(2), row.get(3), row.get(4));
    let isolation: String = row.get(5);
    Ok((|| {
        ensure!(version >= OLDEST, "the server is older than PostgreSQL {}", OLDEST / 10_000);
        ensure!(encoding == "UTF8", "the database is in {encoding}. Make one with ENCODING 'UTF8'");
        if purpose == Purpose::Serve {
            ensure!(fsync, "the server runs with fsync = off: it could lose what it says is safe. Turn it on");
            ensure!(!standby, "it is read-only: this is a standby. Give the URL of the primary");
            ensure!(
                !read_only,
                "it is read-only: default_transaction_read_only is on. Turn it off, if nobody needs it"
            );
            // The order of a lane rests on seeing what was committed while its lock was waited for.
            ensure!(isolation == "read committed", "transactions are {isolation}, which they were told not to be");
        }
        Ok(())
    })())
}

/// The version of the schema that is there; 0 if there is none.
pub(super) async fn version(db: &ClientWrapper) -> Result<i32, tokio_postgres::Error> {
    // Asked of the tables, not by `to_regclass`: that answers from a cache, and within a transaction it may
    // not have heard of what another receiver made while this one waited for it.
    let there = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n
                                ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'version')";
    let there = db.query_one(there, &[&SCHEMA]).await?;
    if !there.get::<_, bool>(0) {
        return Ok(0);
    }
    Ok(db.query_one("SELECT version FROM version", &[]).await?.get(0))
}

/// How the transaction ends that changes the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    /// It was to be found out whether it can be done.
    Rollback,
}

/// That another program has to be used.
pub(super) fn newer(found: i32) -> anyhow::Error {
    anyhow::anyhow!(
        "it was written by a newer version of this program (schema {found}, this one knows {VERSION}). Use that one"
    )
}

/// Brings the schema to this program's version, in one transaction; one receiver after the other, if
/// several start at once.
pub(super) async fn migrate(db: &ClientWrapper, end: End) -> Result<anyhow::Result<()>, tokio_postgres::Error> {
    db.batch_execute(BEGIN).await?;
    // What is enough for every other statement is not enough for these, nor for who waits until another is through.
    db.batch_execute(
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0",
    )
    .await?;
    db.query_one("SELECT pg_advisory_xact_lock($1)", &[&MIGRATING]).await?;
    let found = version(db).await?;
    if found > VERSION {
        db.batch_execute("ROLLBACK").await?;
        return Ok(Err(newer(found)));
    }
    if found > 0 && end == End::Rollback {
        // A receiver has made it meanwhile. What is in it is not to be held up.
        db.batch_execute("ROLLBACK").await?;
        return Ok(Ok(()));
    }
    // Who waits for a table has all others wait behind him.
    db.batch_execute("SET LOCAL lock_timeout = '8s'").await?;
    if found > 0 {
        events::inbox::database_upgraded(found, VERSION);
    }
    if found == 0 {
        // An administrator may have made it for a role that may not.
        let there = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)";
        let there = db.query_one(there, &[&SCHEMA]).await?;
        if !there.get::<_, bool>(0) {
            db.batch_execute(&format!("CREATE SCHEMA {SCHEMA}")).await?;
        }
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        db.batch_execute(migration).await?;
    }
    if found == 0 {
        db.execute("INSERT INTO version (version) VALUES ($1)", &[&VERSION]).await?;
    } else {
        db.execute("UPDATE version SET version = $1", &[&VERSION]).await?;
    }
    db.batch_execute(if end == End::Commit { "COMMIT" } else { "ROLLBACK" }).await?;
    Ok(Ok(()))
}
