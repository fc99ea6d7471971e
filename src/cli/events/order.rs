//! `events order`: everything that names an order, shipment or other number, and what every back end said about it: in
//! lines for scripts, at a terminal as a table like that of `events list`.

use std::io::Write;

use jiff::tz::TimeZone;

use super::lines::line;
use super::list::{Listing, tell_how_far_numbers_are_read, tell_of_unreadable};
use super::words::{events, with_commas};
use super::{OrderArgs, handlers};
use crate::cli::terminal::{FAINT, Terminal};
use crate::desk::Desk;
use crate::inbox::{AT_ONCE, EventView, Filter, State};
use crate::shown::{first_line, printable, time};

/// Shows it, the oldest first; returns whether each event could be read.
pub(super) async fn run(
    desk: &Desk,
    zone: &TimeZone,
    args: &OrderArgs,
    terminal: Option<Terminal>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let filter = Filter { number: Some(args.number.clone()), ..Filter::default() };
    let terminal = terminal.filter(|_| !args.json);
    let mut listing = Listing::new(desk, zone, &filter, args.json, terminal);
    let mut totals = Totals::default();
    let sequences = desk.sequences(&filter).await?;
    let mut all = true;
    for page in sequences.chunks(AT_ONCE) {
        let page = desk.page(page).await?;
        all &= tell_of_unreadable(&page.unreadable);
        if args.json || terminal.is_some() {
            listing.events(&page.events, out)?;
            page.events.iter().for_each(|event| totals.add(event));
            continue;
        }
        for event in page.events {
            in_short(&event, desk, zone, out)?;
        }
    }
    if let Some(terminal) = terminal.filter(|_| totals.events > 0) {
        writeln!(out, "{}", terminal.painted(FAINT, &totals.in_words()))?;
    }
    if sequences.is_empty() && !args.json {
        writeln!(out, "No event names {}.", printable(&args.number))?;
    }
    out.flush()?;
    tell_how_far_numbers_are_read(desk, zone).await?;
    Ok(all)
}

/// How many there are in each state.
#[derive(Default)]
struct Totals {
    events: usize,
    erased: usize,
    states: Vec<(State, usize)>,
}

impl Totals {
    fn add(&mut self, event: &EventView) {
        self.events += 1;
        self.erased += usize::from(event.erased.is_some());
        match self.states.iter_mut().find(|(state, _)| *state == event.state) {
            Some((_, count)) => *count += 1,
            None => self.states.push((event.state, 1)),
        }
    }

    /// `4 events: 1 dead, 3 done`, what wants attention first.
    fn in_words(&self) -> String {
        let first = [State::Dead, State::Refused, State::Pending, State::Fetching];
        let mut states = self.states.clone();
        states.sort_by_key(|(state, _)| first.iter().position(|one| one == state).unwrap_or(first.len()));
        let states = states.iter().map(|(state, count)| format!("{} {}", with_commas(*count), state.as_str()));
        let erased = (self.erased > 0).then(|| format!("{} erased", with_commas(self.erased)));
        format!("{}: {}", events(self.events), states.chain(erased).collect::<Vec<_>>().join(", "))
    }
}

fn in_short(event: &EventView, desk: &Desk, zone: &TimeZone, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{}", line(event, zone))?;
    if event.kind.is_none() {
        let status = event.status.map(|status| format!(" with {status}")).unwrap_or_default();
        let reason = event.reason.as_deref().and_then(|reason| first_line(reason.as_bytes())).unwrap_or_default();
        writeln!(out, "  refused{status}: {reason}")?;
    }
    if let Some(erased) = event.erased {
        writeln!(out, "  erased at {}", time(erased, zone))?;
    }
    for delivery in &event.deliveries {
        handlers::in_short(delivery, &event.attempts, desk.configured(&delivery.handler), zone, out)?;
    }
    if event.kind.is_some() && event.deliveries.is_empty() {
        writeln!(out, "  no handler wanted it")?;
    }
    Ok(())
}
