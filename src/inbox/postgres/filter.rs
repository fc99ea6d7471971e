//! Which events people ask for: the statement that finds them, the newest first, without reading any of them.
//!
//! Only what is looked for is looked at, however many events there are. A number leads to the few that name it, by
//! `refs`; a handler to its deliveries in each state. Of `listed` there are a few dozen classes, of which one index
//! step finds each: the newest of all those that match are the newest there are. Everything else that is asked for is
//! looked at row by row on the way.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::class::{CLASSES, in_state, like};
use super::row::{lookup, storable};
use crate::inbox::Filter;
use crate::inbox::stored::states_asked;
use crate::model::folded;

/// So many deliveries are few.
const FEW: i64 = 5_000;

pub(super) type Values = Vec<Box<dyn ToSql + Sync + Send>>;

/// A statement with the values for its parameters.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Values,
}

/// The sequences of the events that match, the newest first.
pub(super) fn sequences(filter: &Filter, lead: Lead) -> Query {
    let mut builder = Builder::new(filter, lead, true, filter.limit);
    let (with, found, limit) = (builder.with(), builder.found(), builder.limit);
    let sql = format!("{with} SELECT found.event FROM {found} ORDER BY found.event DESC LIMIT {limit}");
    Query { sql, values: builder.values }
}

/// How many match, counted up to `most` and one more.
pub(super) fn count(filter: &Filter, lead: Lead, most: usize) -> Query {
    let mut builder = Builder::new(filter, lead, false, most.saturating_add(1));
    let (with, found, limit) = (builder.with(), builder.found(), builder.limit);
    let sql = format!("{with} SELECT count(*) FROM (SELECT 1 FROM {found} LIMIT {limit}) AS counted");
    Query { sql, values: builder.values }
}

/// What leads to the events that a handler has, if more is asked of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// Its deliveries: they are few.
    Handler,
    /// The classes, of which there may be fewer.
    Classes,
}

/// What leads there.
pub(super) async fn lead(db: &ClientWrapper, filter: &Filter) -> Result<Lead, Error> {
    let has_class = filter.kind.is_some() || filter.event.is_some() || filter.origin.is_some();
    let Some(handler) = filter.handler.as_ref().filter(|_| has_class) else { return Ok(Lead::Handler) };
    let states: Vec<i16> = states_asked(filter);
    let statement = "SELECT count(*) FROM unnest($2::smallint[]) AS of (state), LATERAL (
                         SELECT 1 FROM deliveries d WHERE d.handler = $1 AND d.state::int = of.state LIMIT $3) AS found";
    let row = db.query_one(statement, &[&storable(handler.clone()), &states, &(FEW + 1)]).await?;
    Ok(if row.get::<_, i64>(0) > FEW { Lead::Classes } else { Lead::Handler })
}

struct Builder<'f> {
    filter: &'f Filter,
    lead: Lead,
    /// Whether the newest come first, and not any.
    in_order: bool,
    limit: i64,
    values: Values,
}

impl<'f> Builder<'f> {
    fn new(filter: &'f Filter, lead: Lead, in_order: bool, limit: usize) -> Self {
        Self { filter, lead, in_order, limit: i64::try_from(limit).unwrap_or(i64::MAX), values: Values::new() }
    }

    /// The place of a value in the statement.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    /// Whether it is a matter of classes: then those that match are looked for first.
    fn is_of_classes(&self) -> bool {
        let states = !self.filter.states.is_empty() && self.filter.handler.is_none();
        states || self.filter.kind.is_some() || self.filter.event.is_some() || self.filter.origin.is_some()
    }

    fn handler_leads(&self) -> bool {
        self.filter.handler.is_some() && self.lead == Lead::Handler
    }

    /// What the statement begins with: between which sequences the time lies that is asked for, and the classes.
    fn with(&self) -> String {
        let mut parts = Vec::new();
        if self.filter.since.is_some() || self.filter.until.is_some() {
            parts.push(self.bounds());
        }
        if self.filter.number.is_none() && !self.handler_leads() && self.is_of_classes() {
            parts.push(CLASSES.to_owned());
        }
        if parts.is_empty() { String::new() } else { format!("WITH RECURSIVE {}", parts.join(", ")) }
    }

    /// Of each hour that events are there of, a step in the index `listed_hour` finds the first, and another the last.
    fn bounds(&self) -> String {
        let since = self.filter.since.map(|since| format!(" AND hour >= {}", hour(since))).unwrap_or_default();
        let until = self.filter.until.map(|until| format!(" AND hour <= {}", hour(until))).unwrap_or_default();
        let last = match self.filter.until {
            Some(_) => "(SELECT event FROM listed WHERE hour = h.hour ORDER BY event DESC LIMIT 1)",
            None => "NULL::bigint",
        };
        format!(
            "hours AS (
                (SELECT hour, event FROM listed WHERE TRUE{since}{until} ORDER BY hour, event LIMIT 1)
                UNION ALL
                SELECT next.* FROM hours h, LATERAL (
                    SELECT hour, event FROM listed WHERE hour > h.hour{until} ORDER BY hour, event LIMIT 1) AS next
            ), bounds AS MATERIALIZED (
                SELECT min(h.event) AS first, max({last}) AS last FROM hours h
            )"
        )
    }

    /// Where the sequences are found: a `FROM` with `found.event` in it.
    fn found(&mut self) -> String {
        if let Some(wanted) = self.filter.number.clone() {
            let folded = self.value(lookup(&folded(&wanted)));
            let (listed, on_row) = (self.listed("r.event"), self.on_row("r.event"));
            let handler = self.by_handler("r.event");
            let newest = self.newest("r.event");
            return format!(
                "(SELECT r.event FROM refs r WHERE r.folded = {folded}{on_row}{handler}{listed}{newest}) AS found"
            );
        }
        if let Some(handler) = self.filter.handler.clone().filter(|_| self.handler_leads()) {
            let handler = self.value(storable(handler));
            let (listed, on_row) = (self.listed("d.event"), self.on_row("d.event"));
            let newest = self.newest("d.event");
            return format!(
                "unnest('{{{}}}'::int[]) AS of (state), LATERAL (
                     SELECT d.event FROM deliveries d
                     WHERE d.handler = {handler} AND d.state::int = of.state{on_row}{listed}{newest}) AS found",
                self.states()
            );
        }
        let (of_class, on_row) = (self.of_class("c"), self.on_row("l.event"));
        let on_row = on_row + &self.by_handler("l.event");
        let newest = self.newest("l.event");
        if !self.is_of_classes() {
            return format!("(SELECT l.event FROM listed l WHERE TRUE{on_row}{newest}) AS found");
        }
        format!(
            "(SELECT * FROM classes c WHERE TRUE{of_class}) AS c, LATERAL (
                 SELECT l.event FROM listed l
                 WHERE l.states = c.states AND l.kind = c.kind AND l.event_name = c.event_name AND l.origin = c.origin{on_row}{newest}) AS found"
        )
    }

    /// So many of them at the most.
    fn newest(&self, event: &str) -> String {
        let order = if self.in_order { format!(" ORDER BY {event} DESC") } else { String::new() };
        format!("{order} LIMIT {}", self.limit)
    }

    /// The numbers of the states that a delivery may be in, with commas.
    fn states(&self) -> String {
        states_asked(self.filter).iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// That there is a delivery by the handler, where it is not what led there.
    fn by_handler(&mut self, event: &str) -> String {
        let Some(handler) = self.filter.handler.clone() else { return String::new() };
        let handler = self.value(storable(handler));
        let states = self.states();
        format!(
            " AND EXISTS (SELECT 1 FROM deliveries d WHERE d.event = {event} AND d.handler = {handler}
                          AND d.state = ANY ('{{{states}}}'::smallint[]) OFFSET 0)"
        )
    }

    /// What is asked of the event's row of `listed`, which is not looked at for nothing.
    fn listed(&mut self, event: &str) -> String {
        let of_class = self.of_class("l");
        if of_class.is_empty() {
            return of_class;
        }
        format!(" AND EXISTS (SELECT 1 FROM listed l WHERE l.event = {event}{of_class} OFFSET 0)")
    }

    /// What is asked of a class, or of a row of `listed` that goes by that name.
    fn of_class(&mut self, row: &str) -> String {
        let mut conditions = Vec::new();
        if !self.filter.states.is_empty() && self.filter.handler.is_none() {
            let states: Vec<String> = self.filter.states.iter().map(|state| in_state(*state, row)).collect();
            conditions.push(format!(" AND ({})", states.join(" OR ")));
        }
        if let Some(kind) = self.filter.kind {
            conditions.push(format!(" AND {row}.kind = {}", self.value(kind.as_str())));
        }
        if let Some(pattern) = &self.filter.event {
            let pattern = self.value(like(pattern));
            conditions.push(format!(
                " AND {row}.kind <> '' AND CASE {row}.event_name WHEN '' THEN 'Changed' ELSE {row}.event_name END LIKE {pattern}"
            ));
        }
        if let Some(origin) = self.filter.origin.clone() {
            conditions.push(format!(" AND {row}.origin = {}", self.value(storable(origin))));
        }
        if row == "l" {
            conditions.push(self.of_time());
        }
        conditions.concat()
    }

    /// When it came. The hour in its row is enough, but in the first one and the last one.
    fn of_time(&mut self) -> String {
        let mut conditions = Vec::new();
        for (time, apart, by) in [(self.filter.since, ">", ">="), (self.filter.until, "<", "<")] {
            let Some(time) = time else { continue };
            let hour = hour(time);
            let time = self.value(time);
            conditions.push(format!(
                " AND (l.hour {apart} {hour} OR (l.hour = {hour} AND EXISTS (
                      SELECT 1 FROM events e WHERE e.number = l.event AND e.received {by} {time} OFFSET 0)))"
            ));
        }
        conditions.concat()
    }

    /// What is asked of the sequence, and where nothing but `listed` is looked at, of its row.
    fn on_row(&mut self, event: &str) -> String {
        let mut conditions = Vec::new();
        if let Some(before) = self.filter.before {
            conditions.push(format!(" AND {event} < {before}"));
        }
        if self.filter.since.is_some() {
            conditions.push(format!(" AND {event} >= (SELECT first FROM bounds)"));
        }
        if self.filter.until.is_some() {
            conditions.push(format!(" AND {event} <= (SELECT last FROM bounds)"));
        }
        if event == "l.event" {
            conditions.push(self.of_time());
        }
        conditions.concat()
    }
}

/// In which it was, since 1970.
fn hour(time: Timestamp) -> i64 {
    time.as_second().div_euclid(3600)
}
