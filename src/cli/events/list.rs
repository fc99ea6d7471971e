//! `events list`. Its lines are for scripts, too; what is said besides goes to standard error. At a terminal it is a
//! table, and how many there are is its last line.

use std::io::Write;

use jiff::tz::TimeZone;

use super::lines::{Rows, line_in, state_at};
use super::words::{counted, with_commas};
use super::{ListArgs, follow};
use crate::cli::terminal::{FAINT, Terminal};
use crate::desk::{COUNTED, Configured, Desk, Page, Within};
use crate::inbox::{Count, EventView, Filter, InboxError};
use crate::shown::{printable, time};

/// Lists events, the newest first; returns whether each could be read.
pub(super) async fn run(
    desk: &Desk,
    zone: &TimeZone,
    args: &ListArgs,
    terminal: Option<Terminal>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let filter = &Filter { before: args.before, ..args.filter.to_filter(args.limit, zone)? };
    let mut listing = Listing::new(desk, zone, filter, args.json, terminal);
    if args.follow {
        return follow::run(listing, out).await;
    }
    if let Some(within) = args.within.read()? {
        return inside(desk, &within, listing, out).await;
    }
    let (mut shown, mut all, mut there) = (0, true, None);
    if args.needs_attention {
        let (page, count) = desk.attention(filter).await?;
        (shown, there) = (page.events.len(), Some(count));
        all &= listing.page(&page, out)?;
    } else {
        let mut pages = desk.pages(filter);
        while let Some(page) = pages.next().await? {
            shown += page.events.len();
            all &= listing.page(&page, out)?;
        }
    }
    if shown == 0 && all && filter.limit > 0 && !args.json {
        match &filter.handler {
            Some(handler) if desk.configured(handler) == Configured::No && !desk.had_any(handler).await? => writeln!(
                out,
                "No events: there is no handler \"{}\" in the configuration, nor an event that went to one.",
                printable(handler)
            )?,
            _ if args.needs_attention => writeln!(out, "No events need attention.")?,
            _ => writeln!(out, "No events.")?,
        }
    }
    let is_full = shown == filter.limit;
    let number = match there {
        Some(count) if is_full => Some(others(shown, Ok(count))?),
        None if is_full => Some(others(shown, desk.count(filter).await)?),
        _ => None,
    };
    let number = number.unwrap_or(Others::None);
    if let Some(terminal) = terminal.filter(|_| !args.json && shown > 0) {
        let line = number.at_a_terminal(shown);
        writeln!(out, "{}", terminal.painted(FAINT, &line))?;
    }
    // What is said of the events is said after them, also where both go to one terminal.
    out.flush()?;
    if terminal.is_none() || args.json {
        number.tell(shown);
    }
    if filter.number.is_some() {
        tell_how_far_numbers_are_read(desk, zone).await?;
    }
    Ok(all)
}

/// Lists those in whose bodies something is, and says how far it was looked.
async fn inside(desk: &Desk, within: &Within, mut listing: Listing<'_>, out: &mut impl Write) -> anyhow::Result<bool> {
    let found = desk.inside(listing.filter, within).await?;
    let all = listing.page(&found.page, out)?;
    let shown = found.page.events.len();
    if shown == 0 && found.next.is_none() && all && !listing.json {
        writeln!(out, "No events.")?;
    }
    let number = super::words::events(shown);
    let words = match (found.next, found.looked_back_to) {
        (Some(next), Some(back)) => {
            let back = time(back, listing.zone);
            Some(format!("{number}; looked back to {back}, then time was over. Go on with --before {next}"))
        }
        (Some(next), None) => Some(format!("{number}; go on with --before {next}")),
        (None, _) => None,
    };
    if let Some(terminal) = listing.terminal.filter(|_| shown > 0 || words.is_some()) {
        writeln!(out, "{}", terminal.painted(FAINT, &words.unwrap_or(number)))?;
        out.flush()?;
    } else {
        out.flush()?;
        if let Some(words) = words {
            eprintln!("{words}");
        }
    }
    if listing.filter.number.is_some() {
        tell_how_far_numbers_are_read(desk, listing.zone).await?;
    }
    Ok(all)
}

/// How events are listed.
pub(super) struct Listing<'d> {
    pub(super) desk: &'d Desk,
    pub(super) zone: &'d TimeZone,
    pub(super) filter: &'d Filter,
    json: bool,
    terminal: Option<Terminal>,
    /// As wide as what came first wants the columns.
    rows: Option<Rows<'d>>,
}

impl<'d> Listing<'d> {
    pub(super) fn new(
        desk: &'d Desk,
        zone: &'d TimeZone,
        filter: &'d Filter,
        json: bool,
        terminal: Option<Terminal>,
    ) -> Self {
        Self { desk, zone, filter, json, terminal: terminal.filter(|_| !json), rows: None }
    }

    /// Shows these; returns whether each could be read.
    pub(super) fn page(&mut self, page: &Page, out: &mut impl Write) -> anyhow::Result<bool> {
        let all = tell_of_unreadable(&page.unreadable);
        self.events(&page.events, out)?;
        Ok(all)
    }

    /// Shows these.
    pub(super) fn events(&mut self, events: &[EventView], out: &mut impl Write) -> anyhow::Result<()> {
        let handler = self.filter.handler.as_deref();
        if self.json {
            for event in events {
                writeln!(out, "{}", serde_json::to_string(event)?)?;
            }
            return Ok(());
        }
        if let (Some(terminal), None, false) = (self.terminal, &self.rows, events.is_empty()) {
            let rows = Rows::of(events, handler, self.desk, self.zone, terminal);
            rows.head(out)?;
            self.rows = Some(rows);
        }
        for event in events {
            match &self.rows {
                Some(rows) => rows.event(event, out)?,
                None => writeln!(out, "{}", line_in(state_at(event, handler), event, self.zone))?,
            }
        }
        Ok(())
    }
}

/// Names what cannot be read; returns whether that is nothing.
pub(super) fn tell_of_unreadable(unreadable: &[(i64, InboxError)]) -> bool {
    for (sequence, error) in unreadable {
        let why = printable(&error.to_string());
        eprintln!("sequence {sequence} cannot be read, and is left out: {why}. `inbox verify` says more");
    }
    unreadable.is_empty()
}

/// What there is besides those that are shown.
enum Others {
    /// Nothing.
    None,
    /// So many are there in all.
    Of(Count),
    /// More than were counted are shown: whether there are others, nobody knows.
    Perhaps,
    /// To count them took too long.
    Uncounted,
}

fn others(shown: usize, count: Result<Count, InboxError>) -> anyhow::Result<Others> {
    match count {
        Ok(Count::Exactly(all)) if all <= shown => Ok(Others::None),
        Ok(Count::MoreThan(all)) if all < shown => Ok(Others::Perhaps),
        Ok(count) => Ok(Others::Of(count)),
        Err(InboxError::TooLong) => Ok(Others::Uncounted),
        Err(error) => Err(error.into()),
    }
}

impl Others {
    /// Says how many there are, if they are not all shown.
    fn tell(self, shown: usize) {
        let shown = with_commas(shown);
        match self {
            Self::None => {}
            Self::Perhaps => eprintln!("{shown} events; --limit shows more, if there are"),
            Self::Of(count) => eprintln!("{shown} of {} events; --limit shows more", counted(count)),
            Self::Uncounted => {
                eprintln!(
                    "{shown} events; counting all that match took too long, and --limit shows more, if there are"
                );
            }
        }
    }

    /// The last line of a table.
    fn at_a_terminal(&self, shown: usize) -> String {
        let number = with_commas(shown);
        match self {
            Self::None => super::words::events(shown),
            Self::Perhaps => format!("{number} events; --limit shows more, if there are"),
            Self::Of(count) => format!("{number} of {}; --limit shows more", counted(*count)),
            Self::Uncounted => format!("{number} of more than could be counted in time; --limit shows more"),
        }
    }
}

/// Says what may be missing where somebody has looked for a number.
pub(super) async fn tell_how_far_numbers_are_read(desk: &Desk, zone: &TimeZone) -> anyhow::Result<()> {
    let Some(unread) = desk.unread().await? else { return Ok(()) };
    let left = if unread.events < COUNTED { Count::Exactly(unread.events) } else { Count::MoreThan(COUNTED) };
    eprintln!(
        "What came after {} is found by every number in it. Events before that are read while a receiver runs, \
         and may be missing here: {} are left.",
        time(unread.newest, zone),
        counted(left)
    );
    Ok(())
}
