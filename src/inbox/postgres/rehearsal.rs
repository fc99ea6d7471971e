//! What a start would do to the inbox, done and taken back: before anybody relies on it.

use anyhow::{Context as _, ensure};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::open::{End, VERSION, hint, judge, migrate, newer, version};
use super::{LIMIT, SCHEMA};
use crate::inbox::Purpose;
use crate::outgoing::postgres::{Pool, within};

/// Says what a start would make of the inbox; nothing if it is there as it should be, and only has to be opened.
/// `place` is the database, for messages.
pub(super) async fn of(pool: &Pool, place: &str) -> anyhow::Result<Option<String>> {
    let (unfit, unread) = (|| format!("cannot use the inbox {place}"), || format!("cannot read the inbox {place}"));
    let db = pool.get().await.with_context(|| format!("cannot reach the inbox {place}"))?;
    within(LIMIT, judge(&db, Purpose::Serve)).await.with_context(unfit)?.with_context(unfit)?;
    let version = within(LIMIT, version(&db)).await.with_context(unread)?;
    if version == 0 {
        let unmade = || format!("cannot prepare the inbox {place}");
        let made = within(LIMIT, migrate(&db, End::Rollback)).await;
        made.map_err(|failure| hint(failure).context(unmade()))?.with_context(unmade)?;
        db.give_back();
        return Ok(Some("is not there yet; `serve` makes it".to_owned()));
    }
    if version > VERSION {
        return Err(newer(version));
    }
    let rights = within(LIMIT, rights(&db)).await.with_context(unread)?;
    db.give_back();
    let Rights { role, denied, foreign } = rights;
    if version < VERSION {
        ensure!(
            foreign.is_empty(),
            "the inbox {place} has version {version} of the schema, and the role \"{role}\" may not bring it to {VERSION}: \
             {} belong(s) to another one. Start as the owner, or as an administrator: ALTER TABLE … OWNER TO \"{role}\"",
            foreign.join(", ")
        );
        return Ok(Some(format!(
            "has version {version} of the schema; `serve` brings it to {VERSION}, and then no program from before opens it"
        )));
    }
    ensure!(
        denied.is_empty(),
        "cannot use the inbox {place}: the role \"{role}\" may not read and write {}. As an administrator: GRANT SELECT, \
         INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO \"{role}\"",
        denied.join(", ")
    );
    Ok(None)
}

/// What the role may not do.
struct Rights {
    role: String,
    /// Tables that it may not both read and write.
    denied: Vec<String>,
    /// Tables that it may not alter.
    foreign: Vec<String>,
}

async fn rights(db: &ClientWrapper) -> Result<Rights, Error> {
    let tables = "SELECT c.relname::text,
                         has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                         AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'),
                         pg_has_role(c.relowner, 'USAGE')
                  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY 1";
    let tables = db.query(tables, &[&SCHEMA]).await?;
    let without = |right: usize| {
        let tables = tables.iter().filter(|row| !row.get::<_, bool>(right));
        tables.map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let role = db.query_one("SELECT current_user::text", &[]).await?.get(0);
    Ok(Rights { role, denied: without(1), foreign: without(2) })
}
