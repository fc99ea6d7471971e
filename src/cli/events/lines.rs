//! Events in lines: for scripts, the same whatever they go to; at a terminal, the rows of a table.

use std::io::{self, Write};

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::standing;
use super::table::{Cell, Column, Table};
use super::words::in_words;
use crate::cli::terminal::{ALARM, FAINT, GOOD, STRONG, Terminal, WAITS};
use crate::desk::Desk;
use crate::inbox::{EventView, State};
use crate::model::What;
use crate::model::names::CHANGED;
use crate::shown::{printable, time};

/// A terminal of so many columns has room for whatever is known of an event,
const WIDE: usize = 120;
/// and one of fewer than that for little.
const NARROW: usize = 100;

/// So many digits of an id mostly tell one event from all others.
const DIGITS: usize = 8;

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

/// What an event is, in words.
pub(super) fn title(event: &EventView) -> String {
    match name(event) {
        _ if event.kind.is_none() => "refused body".to_owned(),
        name @ CHANGED => match event.kind {
            Some(kind) => format!("{} {}", capitalised(kind.as_str()), name.to_lowercase()),
            None => name.to_owned(),
        },
        name => capitalised(&in_words(&printable(name))),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.trim_start().chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The beginning of the key, by which commands find it.
pub(super) fn short(event: &EventView) -> String {
    let mut key = event.key.hyphenated().to_string();
    key.truncate(DIGITS);
    key
}

/// How far an event has come: with a handler, if somebody asks about that.
pub(super) fn state_at(event: &EventView, handler: Option<&str>) -> State {
    let at_it = event.deliveries.iter().find(|delivery| Some(delivery.handler.as_str()) == handler);
    at_it.map_or(event.state, |delivery| delivery.state)
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

/// The number that people know it by. A refused body has only what it names.
pub(super) fn number(event: &EventView) -> Option<&str> {
    let of_event = event.document_number.as_ref().or(event.subject.as_ref());
    let references = event.references.as_deref().unwrap_or_default();
    let named = |what| references.iter().find(|reference| reference.what == what);
    let first = || named(What::PurchaseOrder).or_else(|| named(What::Shipment)).or_else(|| references.first());
    of_event.or_else(|| first().map(|reference| &reference.value)).map(String::as_str)
}

/// Its event name, or what stands for one.
pub(super) fn name(event: &EventView) -> &str {
    event.event_name.as_deref().unwrap_or(if event.kind.is_some() { CHANGED } else { "-" })
}
