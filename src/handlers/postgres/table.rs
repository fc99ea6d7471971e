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
    pub(super) fn insert(&self) -> String {
        let mut number = 0;
        self.insert_of(|column| {
            number += 1;
            let sent = if column.is_number() { "bigint" } else { "text" };
            format!("${number}::{sent}::{}", column.r#type)
        })
    }

    /// A statement that plans the other one.
    pub(super) fn explain(&self) -> String {
        format!("EXPLAIN {}", self.insert_of(|column| format!("NULL::{}", column.r#type)))
    }

    fn insert_of(&self, value: impl FnMut(Column) -> String) -> String {
        let names = COLUMNS.map(|column| column.name).join(", ");
        let values = COLUMNS.map(value).join(", ");
        format!("INSERT INTO {self} ({names}) VALUES ({values}) ON CONFLICT (id) DO NOTHING")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
