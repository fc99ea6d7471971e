//! Which events a filter matches, in the order of their sequence, without reading any that it does not: that would take
//! seconds where there are a million.
//!
//! What drives the search is what leaves the least: a reference, a handler, or the classes of events (their states,
//! kind, name and origin, of which there are a few dozen). The rest is looked at event by event.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params, params_from_iter};
use wildmatch::WildMatch;

use super::listed::{HOUR, REFUSED};
use super::micros;
use crate::inbox::stored::{number, states_asked};
use crate::inbox::{Count, Filter, State};
use crate::model::folded;
use crate::model::names::CHANGED;

/// So many deliveries are few.
const FEW: i64 = 5_000;

/// What one way through the inbox goes by, and what is asked of each event on it. `l` is its row in `listed`.
struct Way {
    from: String,
    event: &'static str,
    conditions: Vec<String>,
    values: Vec<Value>,
}

/// The sequences of the events that match, the highest first, as many as the filter wants. Where a page of what is listed
/// is damaged, the events themselves lead there, if somebody asks for all of them or for those of a time: it is then that
/// he wants to know what is left.
pub(super) fn sequences(db: &Connection, filter: &Filter) -> rusqlite::Result<Vec<i64>> {
    let damaged = [Some(ErrorCode::DatabaseCorrupt), Some(ErrorCode::SystemIoFailure)];
    match by_ways(db, filter) {
        Err(error) if is_of_time_only(filter) && damaged.contains(&error.sqlite_error_code()) => by_events(db, filter),
        found => found,
    }
}

fn is_of_time_only(filter: &Filter) -> bool {
    !has_class(filter) && filter.handler.is_none() && filter.number.is_none()
}

/// The sequences of events of that time, without anything that is kept beside them.
fn by_events(db: &Connection, filter: &Filter) -> rusqlite::Result<Vec<i64>> {
    let (since, until) = (filter.since.map_or(i64::MIN, micros), filter.until.map_or(i64::MAX, micros));
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT number FROM events WHERE number < ?1 AND received >= ?2 AND received < ?3 ORDER BY number DESC LIMIT ?4",
    )?
    .query_map(params![filter.before.unwrap_or(i64::MAX), since, until, limit], |row| row.get(0))?
    .collect()
}

fn by_ways(db: &Connection, filter: &Filter) -> rusqlite::Result<Vec<i64>> {
    let mut found = BTreeSet::new();
    for way in ways(db, filter)? {
        way.walk(db, filter.limit, &mut found)?;
        while found.len() > filter.limit {
            found.pop_first();
        }
    }
    Ok(found.into_iter().rev().collect())
}

/// How many match, up to `most`. No event is on two ways.
pub(super) fn count(db: &Connection, filter: &Filter, most: usize) -> rusqlite::Result<Count> {
    let mut counted = 0;
    for way in ways(db, filter)? {
        counted += way.count(db, most + 1 - counted)?;
        if counted > most {
            return Ok(Count::MoreThan(most));
        }
    }
    Ok(Count::Exactly(counted))
}

impl Way {
    fn new(from: impl Into<String>, event: &'static str) -> Self {
        Self { from: from.into(), event, conditions: Vec::new(), values: Vec::new() }
    }

    fn when(mut self, condition: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        self.conditions.push(condition.into());
        self.values.extend(values);
        self
    }

    fn sql(&self, limit: usize) -> String {
        let Self { from, event, conditions, .. } = self;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let conditions = conditions.join(" AND ");
        format!("SELECT {event} FROM {from} WHERE {conditions} ORDER BY {event} DESC LIMIT {limit}")
    }

    fn walk(&self, db: &Connection, limit: usize, found: &mut BTreeSet<i64>) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(&self.sql(limit))?;
        let mut rows = statement.query(params_from_iter(&self.values))?;
        while let Some(row) = rows.next()? {
            found.insert(row.get(0)?);
        }
        Ok(())
    }

    fn count(&self, db: &Connection, most: usize) -> rusqlite::Result<usize> {
        let sql = format!("SELECT count(*) FROM ({})", self.sql(most));
        db.prepare_cached(&sql)?.query_row(params_from_iter(&self.values), |row| row.get(0))
    }
}

/// What is on every shelf that there is, to be asked for by its `folded`: one step in the index for each.
const SHELVES: &str = "\
    (WITH RECURSIVE shelves (shelf) AS (
         SELECT max(event) >> 8 FROM listed
         UNION ALL SELECT shelf - 1 FROM shelves WHERE shelf > (SELECT min(event) >> 8 FROM listed))
     SELECT shelf FROM shelves) s CROSS JOIN refs r ON r.shelf = s.shelf";

/// The ways that together lead past every event that matches.
fn ways(db: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Way>> {
    let (from, to) = bounds(db, filter)?;
    let bounded = |way: Way| {
        let event = way.event;
        let way = way.when(format!("{event} >= ? AND {event} < ?"), [from.into(), to.into()]);
        within(way, filter)
    };
    // With a handler, it is its delivery that is in one of the states, not the event.
    let apart = filter.handler.as_ref().map(|_| Filter { states: Vec::new(), ..filter.clone() });
    let of_events = apart.as_ref().unwrap_or(filter);
    let has_class = has_class(of_events);
    if let Some(number) = &filter.number {
        let way = Way::new(format!("{SHELVES} CROSS JOIN listed l ON l.event = r.event"), "r.event");
        let way = bounded(way.when("r.folded = ?", [folded(number).into()]));
        let way = of_handler(of_class(db, way, of_events)?, filter);
        return Ok(vec![way]);
    }
    if let Some(handler) = &filter.handler
        && (!has_class || has_few(db, filter)?)
    {
        let from = "deliveries d INDEXED BY deliveries_state CROSS JOIN listed l ON l.event = d.event";
        let mut ways = Vec::new();
        for state in states_asked(filter) {
            let way = Way::new(from, "d.event")
                .when("d.handler = ? AND d.state = ?", [handler.clone().into(), i64::from(state).into()]);
            ways.push(of_class(db, bounded(way), of_events)?);
        }
        return Ok(ways);
    }
    if !has_class {
        return Ok(vec![bounded(Way::new("listed l", "l.event"))]);
    }
    let by_class = |class: Class| {
        let Class { states, kind, name, origin } = class;
        let way = Way::new("listed l INDEXED BY listed_class", "l.event").when(
            "l.states = ? AND l.kind = ? AND l.event_name = ? AND l.origin = ?",
            [states.into(), kind.into(), name.into(), origin.into()],
        );
        of_handler(bounded(way), filter)
    };
    Ok(classes(db)?.into_iter().filter(|class| class.matches(of_events)).map(by_class).collect())
}

/// What people tell events apart by at a glance.
struct Class {
    states: i64,
    kind: String,
    name: String,
    origin: String,
}

impl Class {
    fn matches(&self, filter: &Filter) -> bool {
        let is_event = !self.kind.is_empty();
        let name = if self.name.is_empty() { CHANGED } else { &self.name };
        (filter.states.is_empty() || filter.states.iter().any(|state| self.is_in(*state)))
            && filter.kind.is_none_or(|kind| kind.as_str() == self.kind)
            && filter.event.as_deref().is_none_or(|pattern| is_event && WildMatch::new(pattern).matches(name))
            && filter.origin.as_deref().is_none_or(|origin| origin == self.origin)
    }

    fn is_in(&self, state: State) -> bool {
        match state {
            State::Refused => self.states & REFUSED != 0,
            State::Unwanted => self.states == 0,
            // Done with one handler is not done yet.
            State::Done => self.states == bit(State::Done),
            _ => self.states & bit(state) != 0,
        }
    }
}

fn bit(state: State) -> i64 {
    number(state).map_or(0, |number| 1 << number)
}

/// The class after one. In one comparison of all four, SQLite would go by the first only, and through every event that
/// has it.
const NEXT_CLASS: &str = "\
    SELECT * FROM (SELECT states, kind, event_name, origin FROM listed
                   WHERE states = ?1 AND kind = ?2 AND event_name = ?3 AND origin > ?4 ORDER BY origin LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT states, kind, event_name, origin FROM listed
                   WHERE states = ?1 AND kind = ?2 AND event_name > ?3 ORDER BY event_name, origin LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT states, kind, event_name, origin FROM listed
                   WHERE states = ?1 AND kind > ?2 ORDER BY kind, event_name, origin LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT states, kind, event_name, origin FROM listed
                   WHERE states > ?1 ORDER BY states, kind, event_name, origin LIMIT 1)
    LIMIT 1";

/// Every class that there is: a few steps in the index for each.
fn classes(db: &Connection) -> rusqlite::Result<Vec<Class>> {
    let mut next = db.prepare_cached(NEXT_CLASS)?;
    let mut classes: Vec<Class> = Vec::new();
    loop {
        let last = classes.last();
        let (states, kind) = last.map_or((-1, ""), |last| (last.states, &last.kind));
        let (name, origin) = last.map_or(("", ""), |last| (&last.name, &last.origin));
        let class = next
            .query_row(params![states, kind, name, origin], |row| {
                Ok(Class { states: row.get(0)?, kind: row.get(1)?, name: row.get(2)?, origin: row.get(3)? })
            })
            .optional()?;
        match class {
            Some(class) => classes.push(class),
            None => return Ok(classes),
        }
    }
}

fn has_class(filter: &Filter) -> bool {
    !filter.states.is_empty() || filter.kind.is_some() || filter.event.is_some() || filter.origin.is_some()
}

/// Asks each event on a way for its class.
fn of_class(db: &Connection, way: Way, filter: &Filter) -> rusqlite::Result<Way> {
    if !has_class(filter) {
        return Ok(way);
    }
    let matching: Vec<_> = classes(db)?.into_iter().filter(|class| class.matches(filter)).collect();
    let rows = vec!["(?, ?, ?, ?)"; matching.len()].join(", ");
    if rows.is_empty() {
        return Ok(way.when("FALSE", []));
    }
    let values = matching
        .into_iter()
        .flat_map(|class| [class.states.into(), class.kind.into(), class.name.into(), class.origin.into()]);
    Ok(way.when(format!("(l.states, l.kind, l.event_name, l.origin) IN (VALUES {rows})"), values))
}

/// Asks each event on a way for its delivery by the handler.
fn of_handler(way: Way, filter: &Filter) -> Way {
    let Some(handler) = &filter.handler else { return way };
    let states: Vec<_> = states_asked(filter).iter().map(ToString::to_string).collect();
    let condition = format!(
        "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = l.event AND d.handler = ? AND d.state IN ({}))",
        states.join(", ")
    );
    way.when(condition, [handler.clone().into()])
}

/// Whether the handler has only few deliveries in those states, so that they lead to what is asked for sooner than the
/// classes.
fn has_few(db: &Connection, filter: &Filter) -> rusqlite::Result<bool> {
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM deliveries INDEXED BY deliveries_state WHERE handler = ?1 AND state = ?2
                               LIMIT ?3)",
    )?;
    let mut counted = 0;
    for state in states_asked(filter) {
        counted += statement.query_row(params![filter.handler, state, FEW + 1], |row| row.get::<_, i64>(0))?;
    }
    Ok(counted <= FEW)
}

/// Asks each event on a way when it was received, if that is within an hour of the bounds.
fn within(way: Way, filter: &Filter) -> Way {
    const RECEIVED: &str = "(SELECT received FROM events WHERE number = l.event)";
    let mut way = way;
    if let Some(since) = filter.since.map(micros) {
        let hour = since.div_euclid(HOUR);
        way = way.when(
            format!("(l.hour > ? OR (l.hour = ? AND {RECEIVED} >= ?))"),
            [hour.into(), hour.into(), since.into()],
        );
    }
    if let Some(until) = filter.until.map(micros) {
        let hour = until.div_euclid(HOUR);
        way = way
            .when(format!("(l.hour < ? OR (l.hour = ? AND {RECEIVED} < ?))"), [hour.into(), hour.into(), until.into()]);
    }
    way
}

/// Which sequences are to be looked at: from the first on, up to the second. By the hours in which events were
/// received, since a clock that was wrong may have put some out of order.
fn bounds(db: &Connection, filter: &Filter) -> rusqlite::Result<(i64, i64)> {
    let before = filter.before.unwrap_or(i64::MAX);
    let hour = |time: Option<jiff::Timestamp>| time.map(|time| micros(time).div_euclid(HOUR));
    let (mut from, mut to) = (i64::MIN, before);
    if let Some(since) = hour(filter.since) {
        let first: Option<i64> = extreme(db, "min", ">=", since)?;
        from = first.unwrap_or(i64::MAX);
    }
    if let Some(until) = hour(filter.until) {
        let last: Option<i64> = extreme(db, "max", "<=", until)?;
        to = last.map_or(i64::MIN, |last| last.saturating_add(1)).min(before);
    }
    Ok((from, to))
}

/// The lowest or highest sequence of the hours on one side of one: one step in the index for each hour.
fn extreme(db: &Connection, which: &str, side: &str, hour: i64) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "WITH RECURSIVE hours (hour) AS (
             SELECT min(hour) FROM listed
             UNION ALL SELECT (SELECT min(l.hour) FROM listed l WHERE l.hour > hours.hour) FROM hours
                       WHERE hours.hour IS NOT NULL)
         SELECT {which}((SELECT {which}(l.event) FROM listed l WHERE l.hour = hours.hour)) FROM hours
         WHERE hours.hour {side} ?1"
    );
    db.prepare_cached(&sql)?.query_row([hour], |row| row.get(0))
}
