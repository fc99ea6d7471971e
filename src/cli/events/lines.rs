//! Events in lines: for scripts, the same whatever they go to; at a terminal, the rows of a table.

use std::io::{self, Write};

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::standing;
use super::table::{Cell, Column, Table};
use crate::cli::terminal::{ALARM, FAINT, GOOD, STRONG, Terminal, WAITS};
use crate::desk::Desk;
use crate::inbox::{EventView, State};
use crate::shown::{printable, time};
pub(super) use crate::wording::names::{name, number, short, state_at, title};

/// A terminal of so many columns has room for whatever is known of an event,
const WIDE: usize = 120;
/// and one of fewer than that for little.
const NARROW: usize = 100;

/// How the events of a list are shown at a terminal.
pub(super) struct Rows<'d> {
    desk: &'d Desk,
    zone: &'d TimeZone,
    handler: Option<&'d str>,
    room: Room,
    table: Table,
}

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Little,
    Some,
    Much,
}

impl<'d> Rows<'d> {
    /// In columns as wide as these events want them.
    pub(super) fn of(
        events: &[EventView],
        handler: Option<&'d str>,
        desk: &'d Desk,
        zone: &'d TimeZone,
        terminal: Terminal,
    ) -> Self {
        let room = match terminal.width {
            WIDE.. => Room::Much,
            NARROW.. => Room::Some,
            _ => Room::Little,
        };
        let mut rows = Self { desk, zone, handler, room, table: Table::new(&[], &[], terminal) };
        let cells: Vec<_> = events.iter().map(|event| rows.cells(event)).collect();
        rows.table = Table::new(&columns(room, terminal.width), &cells, terminal);
        rows
    }

    /// The titles of the columns.
    pub(super) fn head(&self, out: &mut impl Write) -> io::Result<()> {
        self.table.head(out)
    }

    /// An event.
    pub(super) fn event(&self, event: &EventView, out: &mut impl Write) -> io::Result<()> {
        self.table.row(&self.cells(event), out)
    }

    fn cells(&self, event: &EventView) -> Vec<Cell> {
        let state = state_at(event, self.handler);
        let to_act = standing::to_act(event, self.handler, self.desk, self.zone).unwrap_or_default();
        let said = standing::at_handlers(event, self.handler, self.zone);
        let is_for_somebody = to_act.starts_with("somebody");
        let number = printable(number(event).unwrap_or_default());
        let times = match event.copies.unwrap_or(event.repeats + 1) {
            0 | 1 => String::new(),
            times => format!("×{times}"),
        };
        let is_apart = self.room != Room::Little;
        let mut cells = vec![
            Cell::new(state.as_str(), style_of(state)),
            Cell::new(self.received(event), FAINT),
            title(event).into(),
            Cell::new(if is_apart { number } else { format!("{number} {times}").trim().to_owned() }, STRONG),
            if is_apart { times.into() } else { Cell::default() },
        ];
        if self.room == Room::Much {
            cells.push(Cell::new(to_act, if is_for_somebody { ALARM } else { Style::new() }));
            cells.push(said.into());
        } else if is_for_somebody {
            cells.push(Cell::new(to_act, ALARM));
        } else {
            cells.push(if to_act.is_empty() { said } else { to_act }.into());
        }
        cells.push(Cell::new(short(event), FAINT));
        cells
    }

    fn received(&self, event: &EventView) -> String {
        let at = event.received.to_zoned(self.zone.clone());
        let is_today = at.date() == Timestamp::now().to_zoned(self.zone.clone()).date();
        match self.room {
            Room::Much => time(event.received, self.zone),
            Room::Some => at.strftime("%m-%d %H:%M").to_string(),
            // The day or the hour will do.
            Room::Little => at.strftime(if is_today { "%H:%M" } else { "%m-%d" }).to_string(),
        }
    }
}

fn columns(room: Room, width: usize) -> Vec<Column> {
    let is_narrow = room == Room::Little;
    let mut columns = vec![
        Column::whole("STATE"),
        Column::whole(if is_narrow { "CAME" } else { "RECEIVED" }),
        // What has happened is mostly known by its first words.
        Column::spare("EVENT", if is_narrow { width / 8 } else { width / 6 }),
        Column::text("NUMBER", 8),
        Column::number("TIMES"),
    ];
    if room == Room::Much {
        columns.extend([Column::text("TO ACT", 12), Column::text("HANDLERS", 12)]);
    } else {
        columns.push(Column::text("TO ACT, OR SAID", 12));
    }
    columns.push(Column::whole("ID"));
    columns
}

/// The colour of a state.
pub(super) const fn style_of(state: State) -> Style {
    match state {
        State::Dead | State::Refused => ALARM,
        State::Pending | State::Fetching => WAITS,
        State::Done => GOOD,
        State::Discarded | State::Unwanted => FAINT,
    }
}

/// An event in one line.
pub(super) fn line(event: &EventView, zone: &TimeZone) -> String {
    line_in(event.state, event, zone)
}

/// The same, with the state that somebody asks about.
pub(super) fn line_in(state: State, event: &EventView, zone: &TimeZone) -> String {
    format!(
        "{:<9}  {}  {:<45}  {:<20}  {}",
        state.as_str(),
        time(event.received, zone),
        printable(name(event)),
        printable(number(event).unwrap_or("-")),
        printable(&event.id),
    )
}
