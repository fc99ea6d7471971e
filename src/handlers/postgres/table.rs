//! The user's table: its name, its columns, and the statements on it.

use std::fmt;

use crate::config::Section;

/// PostgreSQL cuts longer names, and then two of them may be the same.
const LONGEST: usize = 63;

/// A column of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    r#type: &'static str,
    /// `NOT NULL` and the like.
    constraint: &'static str,
}

impl Column {
    /// Whether its values are sent as numbers; all others are sent as text.
    pub(super) fn is_number(self) -> bool {
        self.r#type == "bigint"
    }
}

/// The columns that every event fills: the attributes of the CloudEvents form, and what else one looks
/// events up by.
pub(super) const COLUMNS: [Column; 13] = [
    column("id", "text", "PRIMARY KEY"),
    column("source", "text", "NOT NULL"),
    column("type", "text", "NOT NULL"),
    column("subject", "text", ""),
    column("time", "timestamptz", "NOT NULL"),
    column("tcreceived", "timestamptz", "NOT NULL"),
    column("tcattempt", "bigint", "NOT NULL"),
    column("tcformat", "text", "NOT NULL"),
    column("kind", "text", "NOT NULL"),
    column("event_name", "text", "NOT NULL"),
    column("number", "text", ""),
    column("company_id", "text", ""),
    column("data", "jsonb", "NOT NULL"),
];

/// Columns that are filled if the table has them: attributes that came later, or that not everybody wants.
pub(super) const EXTRAS: [&str; 2] = ["tcorigin", "tcdocuments"];

/// Those of [`EXTRAS`] that a table has, each with the type that it has there, as the database writes it.
pub(super) type Extras = Vec<(&'static str, String)>;

const fn column(name: &'static str, r#type: &'static str, constraint: &'static str) -> Column {
    Column { name, r#type, constraint }
}

/// The name of a table, quoted: `"schema"."table"`.
#[derive(Debug, Clone)]
pub(super) struct Table(String);

impl Table {
    /// `table` or `schema.table`, each as the database shows it; `None` if a problem was noted.
    pub(super) fn read(section: &Section, key: &str) -> Option<Self> {
        let text = section.required_text(key, "\"tradecloud_events\"")?;
        let parts: Vec<_> = text.split('.').collect();
        let fits = |part: &&str| !part.is_empty() && part.len() <= LONGEST && !part.contains('\0');
        if parts.len() > 2 || !parts.iter().all(fits) {
            section.error(key, format!("must be \"table\" or \"schema.table\", each of up to {LONGEST} bytes"));
            return None;
        }
        let quoted: Vec<_> = parts.iter().map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
        Some(Self(quoted.join(".")))
    }

    /// The statement that makes it.
    pub(super) fn create(&self) -> String {
        let width = COLUMNS.iter().map(|column| column.name.len()).max().unwrap_or_default();
        let lines = COLUMNS.map(|Column { name, r#type, constraint }| {
            format!("    {name:width$} {type:11} {constraint}").trim_end().to_owned()
        });
        format!("CREATE TABLE {self} (\n{}\n);", lines.join(",\n"))
    }

    /// The statement that writes an event, with a parameter per column.
    pub(super) fn insert(&self, extras: &Extras) -> String {
        let mut number = 0;
        let mut parameter = |sent: &str, r#type: &str| {
            number += 1;
            format!("${number}::{sent}::{type}")
        };
        let values = COLUMNS
            .map(|column| parameter(if column.is_number() { "bigint" } else { "text" }, column.r#type))
            .into_iter()
            .chain(extras.iter().map(|(_, r#type)| parameter("text", r#type)))
            .collect::<Vec<_>>();
        self.insert_of(extras.iter().map(|(name, _)| *name), &values)
    }

    /// The statement that finds out which of [`EXTRAS`] there are.
    pub(super) fn look_for_extras(&self) -> String {
        let names = EXTRAS.map(|name| format!("'{name}'")).join(", ");
        let name = self.0.replace('\'', "''");
        format!(
            "SELECT attname::text, format_type(atttypid, NULL) FROM pg_catalog.pg_attribute \
             WHERE attrelid = to_regclass('{name}') AND attnum > 0 AND NOT attisdropped AND attgenerated = '' \
             AND attname IN ({names})"
        )
    }

    /// A statement that plans the other one.
    pub(super) fn explain(&self) -> String {
        let values = COLUMNS.map(|column| format!("NULL::{}", column.r#type));
        format!("EXPLAIN {}", self.insert_of(std::iter::empty(), &values))
    }

    fn insert_of(&self, extras: impl Iterator<Item = &'static str>, values: &[String]) -> String {
        let names = COLUMNS.iter().map(|column| column.name).chain(extras).collect::<Vec<_>>().join(", ");
        let values = values.join(", ");
        format!("INSERT INTO {self} ({names}) VALUES ({values}) ON CONFLICT (id) DO NOTHING")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
