//! Handler `postgres`: every event is one row in a table of the user's.
//!
//! The row is there once, however often the event is delivered: its id is the key, and an id that is
//! there already is done. The receiver makes no table and changes none; `check` prints the statement that
//! makes it. A table may have more columns, constraints and triggers than that: what they refuse as data
//! (SQLSTATE class 22 or 23) is rejected, everything else is tried again.

mod table;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};

use self::table::{EXTRAS, Extras, Table};
use super::{BuildError, Configured, Fault, Handler, Outcome, Readable, SharedHandler, Unavailability, render};
use crate::config::Section;
use crate::event::{Event, rfc3339};
use crate::outgoing::postgres::{Connection, Database, Failure, Pool};

/// Connections at the most; as many as `delivery.lanes` is by default.
const CONNECTIONS: usize = 8;

/// How long it is believed which columns the table has; not at all if an event could not be written.
const KNOWN: Duration = Duration::from_secs(60);

/// The keys of `type = "postgres"`, checked.
#[derive(Debug)]
pub struct Settings {
    database: Database,
    table: Table,
    timeout: Duration,
}

impl Readable for Settings {
    fn read(section: &Section, timeout: Duration) -> Option<Self> {
        let (database, table) = (Database::read(section), Table::read(section, "table"));
        Some(Self { database: database?, table: table?, timeout })
    }
}

impl Configured for Settings {
    fn describe(&self) -> String {
        format!("postgres, {} in {}", self.table, self.database.place())
    }

    fn build(self: Box<Self>, _name: &str) -> Result<SharedHandler, BuildError> {
        // A row counts as soon as it is answered, so it must be on disk by then; and a statement that
        // nobody waits for any more must not go on waiting for a lock. What else the role is set to (its
        // time zone, say) is what triggers of the table may go by.
        let setup = format!("SET synchronous_commit = on; SET statement_timeout = {}", self.timeout.as_millis().max(1));
        let pool = self.database.pool(CONNECTIONS, &setup);
        Ok(Arc::new(Rows {
            place: format!("{} in {}", self.table, self.database.place()),
            settings: *self,
            pool,
            extras: Mutex::default(),
        }))
    }

    fn preparation(&self) -> Option<String> {
        Some(self.table.create())
    }
}

struct Rows {
    settings: Settings,
    pool: Pool,
    place: String,
    /// What the table has besides, and when that was looked for.
    extras: Mutex<Option<(Extras, Instant)>>,
}

impl Handler for Rows {
    async fn deliver(&self, event: &Event) -> Outcome {
        let data = match render(event, |event| Ok(event.data()?.into_owned().into())).await {
            Ok(data) => data,
            Err(outcome) => return outcome,
        };
        let Ok(data) = std::str::from_utf8(&data) else {
            return Outcome::rejected("the body cannot be passed on: it is no UTF-8");
        };
        match timeout(self.settings.timeout, self.insert(event, data)).await {
            Ok(Ok(rows)) => {
                event.answered(None, what_became_of_it(rows));
                Outcome::Done
            }
            Ok(Err(failure)) => {
                if let Failure::Refused { .. } = failure {
                    event.answered(None, failure.to_string());
                }
                self.judge(&failure)
            }
            Err(_) => Outcome::Unavailable(self.late()),
        }
    }

    async fn probe(&self) -> Result<String, String> {
        let patience = self.settings.timeout.min(Duration::from_secs(10));
        match timeout(patience, self.look()).await {
            Ok(Ok(())) => Ok(format!("{} can be written", self.place)),
            Ok(Err(failure)) => Err(self.unavailable(&failure).reason),
            Err(_) => Err(self.late().reason),
        }
    }
}

impl Rows {
    /// Returns how many rows it has made.
    async fn insert(&self, event: &Event, data: &str) -> Result<u64, Failure> {
        let attributes = event.attributes();
        let (time, received) = (time(event), rfc3339(event.received));
        let attempt = i64::from(event.attempt);
        let envelope = &event.envelope;
        let (kind, event_name) = (envelope.kind.as_str(), envelope.event_name_or_changed());
        // In the order of `table::COLUMNS`.
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![
            &attributes.id,
            &attributes.source,
            &attributes.r#type,
            &attributes.subject,
            &time,
            &received,
            &attempt,
            &attributes.tcformat,
            &kind,
            &event_name,
            &envelope.number,
            &envelope.company_id,
            &data,
        ];
        let connection = self.pool.get().await?;
        let extras = self.extras(&connection).await?;
        let of_extra: [(&str, &(dyn ToSql + Sync)); EXTRAS.len()] =
            [("tcorigin", &attributes.tcorigin), ("tcdocuments", &attributes.tcdocuments)];
        for (name, _) in &extras {
            values.extend(of_extra.iter().filter(|(of, _)| of == name).map(|(_, value)| *value));
        }
        let types = table::COLUMNS.map(|column| if column.is_number() { Type::INT8 } else { Type::TEXT });
        let parameters: Vec<_> =
            values.into_iter().zip(types.into_iter().chain(std::iter::repeat(Type::TEXT))).collect();
        let inserted = connection.execute_typed(&self.settings.table.insert(&extras), &parameters).await;
        if inserted.is_err() {
            // Perhaps somebody has changed the table.
            *self.extras.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        match inserted.map_err(|error| Failure::from(&error)) {
            // A refusal is an answer too.
            result @ (Ok(_) | Err(Failure::Refused { .. })) => {
                connection.give_back();
                result
            }
            Err(failure) => Err(failure),
        }
    }

    /// The columns of the table that are filled if it has them.
    async fn extras(&self, connection: &Connection) -> Result<Extras, Failure> {
        let known = self.extras.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((extras, _)) = known.filter(|(_, at)| at.elapsed() < KNOWN) {
            return Ok(extras);
        }
        let rows = connection.query_typed(&self.settings.table.look_for_extras(), &[]).await;
        let rows = rows.map_err(|error| Failure::from(&error))?;
        let named = |name: &str| EXTRAS.into_iter().find(|known| *known == name);
        let extras: Extras = rows
            .iter()
            .filter_map(|row| Some((named(row.try_get::<_, &str>(0).ok()?)?, row.try_get(1).ok()?)))
            .collect();
        *self.extras.lock().unwrap_or_else(PoisonError::into_inner) = Some((extras.clone(), Instant::now()));
        Ok(extras)
    }

    /// Has the database plan the statement that inserts, which fails as the statement itself would if
    /// the table, a column, the key or the permission is missing.
    async fn look(&self) -> Result<(), Failure> {
        let connection = self.pool.get().await?;
        let failed = |error: tokio_postgres::Error| Failure::from(&error);
        connection.batch_execute(&self.settings.table.explain()).await.map_err(failed)?;
        let row = connection.query_typed_one("SHOW transaction_read_only", &[]).await.map_err(failed)?;
        if row.try_get::<_, &str>(0).is_ok_and(|read_only| read_only == "on") {
            return Err(Failure::Refused {
                code: "25006".to_owned(),
                message: "transactions are read-only".to_owned(),
            });
        }
        connection.give_back();
        Ok(())
    }

    /// What follows from a failure, by its SQLSTATE:
    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn judge(&self, failure: &Failure) -> Outcome {
        let code = failure.code().unwrap_or_default();
        let why = match code {
            "22P05" => "; jsonb and text hold no \\u0000",
            "22003" => "; a number is beyond what numeric holds",
            _ => "",
        };
        match code.get(..2) {
            // Data, constraints, and what is too large for a column or its index: the same again would
            // fail again.
            Some("22" | "23" | "54") => Outcome::rejected(format!("{}: {failure}{why}", self.place)),
            // Rows that others hold, and what a trigger of the table says: it concerns this row.
            Some("38" | "39" | "40" | "55" | "P0") => Outcome::Unavailable(self.unavailable(failure).of_one()),
            _ => Outcome::Unavailable(self.unavailable(failure)),
        }
    }

    fn unavailable(&self, failure: &Failure) -> Unavailability {
        let hint = match failure.code().unwrap_or_default() {
            // The time of the statement itself.
            "57014" => return self.late(),
            "42P01" | "3F000" => ". Make the table with the statement that `check` prints, or correct `table`",
            "42703" | "42804" | "42P10" => ". Compare the table with the statement that `check` prints",
            "42501" => ". Grant INSERT and SELECT on the table to the role of the URL",
            "25006" => {
                ". If this is a standby, name the primary, or add target_session_attrs=read-write to the URL. If it is not, \
                 default_transaction_read_only is on"
            }
            code if code.starts_with("28") => ". Look at user and password of the URL",
            _ => "",
        };
        Unavailability::new(Fault::Unreachable, format!("{}: {failure}{hint}", self.place))
    }

    fn late(&self) -> Unavailability {
        let limit = humantime::format_duration(self.settings.timeout);
        Unavailability::new(Fault::Late, format!("{}: no answer within {limit}", self.place))
    }
}

/// What the database says of the row, in words: it only counts.
fn what_became_of_it(rows: u64) -> &'static str {
    match rows {
        0 => "was there already, or a trigger has left it out",
        _ => "inserted",
    }
}

/// The `time` attribute in a form that PostgreSQL reads; what Tradecloud may send is more than that.
fn time(event: &Event) -> String {
    rfc3339(event.attributes().time.parse().unwrap_or(event.received))
}
