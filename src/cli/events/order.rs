//! `events order`: everything that names an order, shipment or other number, and what every back end said about it.

use std::io::Write;

use jiff::tz::TimeZone;

use super::lines::line;
use super::list::{tell_how_far_numbers_are_read, tell_of_unreadable};
use super::{OrderArgs, handlers};
use crate::desk::Desk;
use crate::inbox::{AT_ONCE, EventView, Filter};
use crate::shown::{first_line, printable, time};

/// Shows it, the oldest first; returns whether each event could be read.
pub(super) async fn run(desk: &Desk, zone: &TimeZone, args: &OrderArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let filter = Filter { number: Some(args.number.clone()), ..Filter::default() };
    let sequences = desk.sequences(&filter).await?;
    let mut all = true;
    for page in sequences.chunks(AT_ONCE) {
        let page = desk.page(page).await?;
        all &= tell_of_unreadable(&page.unreadable);
        for event in page.events {
            if args.json {
                writeln!(out, "{}", serde_json::to_string(&event)?)?;
            } else {
                in_short(&event, desk, zone, out)?;
            }
        }
    }
    if sequences.is_empty() && !args.json {
        writeln!(out, "No event names {}.", printable(&args.number))?;
    }
    out.flush()?;
    tell_how_far_numbers_are_read(desk, zone).await?;
    Ok(all)
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
