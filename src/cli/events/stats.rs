//! `events stats`: how much there is in each state and for each handler, and how long the oldest waits.

use std::io::Write;

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::lines::style_of;
use super::table::{Cell, Column, Table};
use super::words::counted;
use crate::cli::terminal::{FAINT, STRONG, Terminal};
use crate::desk::{Configured, Desk, Stats};
use crate::event::rfc3339;
use crate::inbox::{Count, State};
use crate::shown::{printable, time};

/// What is not at a terminal is as wide as it wants.
const PLAIN: Terminal = Terminal { width: usize::MAX, has_colour: false };

const COLUMNS: [Column; 8] = [
    Column::text("HANDLER", 12),
    Column::number("DEAD"),
    Column::number("PENDING"),
    Column::number("FETCHING"),
    Column::number("DONE"),
    Column::number("DISCARDED"),
    Column::whole("OLDEST THAT WAITS"),
    Column::text("", 10),
];

/// Shows it.
pub(super) async fn run(
    desk: &Desk,
    zone: &TimeZone,
    json: bool,
    terminal: Option<Terminal>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let stats = desk.stats().await?;
    if json {
        writeln!(out, "{}", in_json(&stats))?;
        return Ok(());
    }
    let terminal = terminal.unwrap_or(PLAIN);
    let counts = stats.states.iter().map(|(state, count)| {
        let style = if is_none(*count) { FAINT } else { style_of(*state) };
        vec![Cell::new(state.as_str(), style), Cell::new(counted(*count), style)]
    });
    let rows: Vec<_> = counts.collect();
    let table = Table::new(&[Column::whole("STATE"), Column::number("EVENTS")], &rows, terminal);
    table.head(out)?;
    for row in &rows {
        table.row(row, out)?;
    }
    if let Some(oldest) = stats.oldest_waiting {
        writeln!(out, "The oldest that waits came at {}.", time(oldest, zone))?;
    }
    writeln!(out)?;
    handlers(&stats, zone, terminal, out)
}

fn handlers(stats: &Stats, zone: &TimeZone, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    if stats.handlers.is_empty() {
        writeln!(out, "There is no handler in the configuration.")?;
        return Ok(());
    }
    let rows = stats.handlers.iter().map(|handler| {
        let counts = handler.states.iter().map(|(state, count)| {
            // What does not occur with most handlers has no column then.
            if is_none(*count) && *state == State::Fetching {
                return Cell::default();
            }
            Cell::new(counted(*count), if is_none(*count) { FAINT } else { style_of(*state) })
        });
        let configured = match handler.configured {
            Configured::Yes => "",
            Configured::Paused => "paused",
            Configured::No => "not in the configuration",
        };
        let oldest = handler.oldest_waiting.map(|oldest| time(oldest, zone)).unwrap_or_default();
        let name = Cell::new(printable(&handler.name), STRONG);
        std::iter::once(name).chain(counts).chain([oldest.into(), Cell::new(configured, Style::new())]).collect()
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    let table = Table::new(&COLUMNS, &rows, terminal);
    table.head(out)?;
    for row in &rows {
        table.row(row, out)?;
    }
    Ok(())
}

const fn is_none(count: Count) -> bool {
    matches!(count, Count::Exactly(0))
}

/// Where more were there than are counted, `more` says so.
fn in_json(stats: &Stats) -> Value {
    let counts = |counts: &[(State, Count)]| -> Map<String, Value> {
        let counts = counts.iter().map(|(state, count)| {
            let (events, more) = match count {
                Count::Exactly(events) => (events, false),
                Count::MoreThan(events) => (events, true),
            };
            (state.as_str().to_owned(), json!({"events": events, "more": more}))
        });
        counts.collect()
    };
    let oldest = |at: Option<Timestamp>| at.map(rfc3339);
    let handlers = stats.handlers.iter().map(|handler| {
        json!({
            "handler": handler.name,
            "configured": handler.configured != Configured::No,
            "paused": handler.configured == Configured::Paused,
            "states": counts(&handler.states),
            "oldestWaiting": oldest(handler.oldest_waiting),
        })
    });
    json!({
        "states": counts(&stats.states),
        "oldestWaiting": oldest(stats.oldest_waiting),
        "handlers": handlers.collect::<Vec<_>>(),
    })
}
