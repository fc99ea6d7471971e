//! `events list`. Its lines are for scripts, too; what is said besides goes to standard error.

use std::io::Write;

use jiff::tz::TimeZone;

use super::words::{counted, with_commas};
use crate::desk::{COUNTED, Configured, Desk};
use crate::inbox::{Count, EventView, Filter, InboxError, State};
use crate::model::What;
use crate::model::names::CHANGED;
use crate::shown::{printable, time};

/// Lists events, one per line, the newest first; returns whether each could be read.
pub(super) async fn run(
    desk: &Desk,
    zone: &TimeZone,
    filter: &Filter,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let (mut pages, mut shown, mut all) = (desk.pages(filter), 0, true);
    while let Some(page) = pages.next().await? {
        shown += page.events.len();
        all &= tell_of_unreadable(&page.unreadable);
        for event in &page.events {
            if json {
                writeln!(out, "{}", serde_json::to_string(event)?)?;
            } else {
                writeln!(out, "{}", line_in(state_at(event, filter.handler.as_deref()), event, zone))?;
            }
        }
    }
    if shown == 0 && all && filter.limit > 0 && !json {
        match &filter.handler {
            Some(handler) if desk.configured(handler) == Configured::No && !desk.had_any(handler).await? => writeln!(
                out,
                "No events: there is no handler \"{}\" in the configuration, nor an event that went to one.",
                printable(handler)
            )?,
            _ => writeln!(out, "No events.")?,
        }
    }
    // What is said of the events is said after them, also where both go to one terminal.
    out.flush()?;
    if shown == filter.limit {
        tell_of_others(desk, filter, shown).await?;
    }
    if filter.number.is_some() {
        tell_how_far_numbers_are_read(desk, zone).await?;
    }
    Ok(all)
}

/// Names what cannot be read; returns whether that is nothing.
pub(super) fn tell_of_unreadable(unreadable: &[(i64, InboxError)]) -> bool {
    for (sequence, error) in unreadable {
        let why = printable(&error.to_string());
        eprintln!("sequence {sequence} cannot be read, and is left out: {why}. `inbox verify` says more");
    }
    unreadable.is_empty()
}

/// How far an event has come: with a handler, if somebody asks about that.
fn state_at(event: &EventView, handler: Option<&str>) -> State {
    let at_it = event.deliveries.iter().find(|delivery| Some(delivery.handler.as_str()) == handler);
    at_it.map_or(event.state, |delivery| delivery.state)
}

/// An event in one line.
pub(super) fn line(event: &EventView, zone: &TimeZone) -> String {
    line_in(event.state, event, zone)
}

fn line_in(state: State, event: &EventView, zone: &TimeZone) -> String {
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
fn number(event: &EventView) -> Option<&str> {
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

/// Says how many there are, if they are not all shown.
async fn tell_of_others(desk: &Desk, filter: &Filter, shown: usize) -> anyhow::Result<()> {
    let shown_in_words = with_commas(shown);
    match desk.count(filter).await {
        Ok(Count::Exactly(all)) if all <= shown => {}
        // More than were counted are shown: whether there are others, nobody knows.
        Ok(Count::MoreThan(all)) if all < shown => {
            eprintln!("{shown_in_words} events; --limit shows more, if there are");
        }
        Ok(count) => eprintln!("{shown_in_words} of {} events; --limit shows more", counted(count)),
        Err(InboxError::TooLong) => {
            eprintln!(
                "{shown_in_words} events; counting all that match took too long, and --limit shows more, if there are"
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
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
