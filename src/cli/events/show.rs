//! `events list` and `events show`.

use std::io::Write;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::desk::{Configured, Desk, NotWanted};
use crate::inbox::{DeliveryView, EventView, Filter};
use crate::model::names::CHANGED;
use crate::shown::{printable, time};

use super::ShowArgs;

/// Lists events, one per line.
pub(super) async fn list(
    desk: &Desk,
    zone: &TimeZone,
    filter: &Filter,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let events = desk.list(filter).await?;
    if json {
        for event in &events {
            writeln!(out, "{}", serde_json::to_string(event)?)?;
        }
        return Ok(());
    }
    if events.is_empty() {
        match &filter.handler {
            Some(handler) if desk.configured(handler) == Configured::No && !desk.had_any(handler).await? => writeln!(
                out,
                "No events: there is no handler \"{}\" in the configuration, nor an event that went to one.",
                printable(handler)
            )?,
            _ => writeln!(out, "No events.")?,
        }
    }
    for event in &events {
        writeln!(
            out,
            "{:<9}  {}  {:<45}  {:<20}  {}",
            event.state.as_str(),
            time(event.received, zone),
            printable(name(event)),
            printable(event.document_number.as_deref().or(event.subject.as_deref()).unwrap_or("-")),
            printable(&event.id),
        )?;
    }
    Ok(())
}

/// Shows one event.
///
/// # Errors
/// If there is none of that id; `out` is then left alone, which may be a file for the body.
pub(super) async fn show(desk: &Desk, zone: &TimeZone, args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(event) = desk.show(&args.id).await? else {
        bail!("there is no event {} in the inbox", printable(&args.id));
    };
    if args.body {
        out.write_all(&desk.body(&event).await?)?;
    } else if args.json {
        writeln!(out, "{}", with_handlers(&event, desk, &desk.not_wanted(&event).await?)?)?;
    } else {
        text(&event, desk, zone, out)?;
        for handler in desk.not_wanted(&event).await? {
            not_wanted_text(&handler, out)?;
        }
    }
    Ok(())
}

/// The event with what the configuration says of each delivery's handler, and of those that have not got it.
fn with_handlers(event: &EventView, desk: &Desk, not_wanted: &[NotWanted]) -> anyhow::Result<Value> {
    let mut json = serde_json::to_value(event)?;
    let deliveries = json.get_mut("deliveries").and_then(Value::as_array_mut).into_iter().flatten();
    for (delivery, shown) in event.deliveries.iter().zip(deliveries) {
        let configured = desk.configured(&delivery.handler);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("configured".to_owned(), (configured != Configured::No).into());
            fields.insert("paused".to_owned(), (configured == Configured::Paused).into());
        }
    }
    json["notWanted"] = serde_json::to_value(not_wanted)?;
    Ok(json)
}

fn text(event: &EventView, desk: &Desk, zone: &TimeZone, out: &mut impl Write) -> anyhow::Result<()> {
    let rows = [
        ("id", Some(event.id.clone())),
        ("state", Some(event.state.as_str().to_owned())),
        ("event", Some(name(event).to_owned())),
        ("kind", event.kind.map(|kind| kind.to_string())),
        ("subject", event.subject.clone()),
        ("document", event.document_number.clone()),
        ("company", event.company_id.clone()),
        ("received", Some(time(event.received, zone))),
        ("sent to", Some(event.path.clone())),
        ("content type", event.content_type.clone()),
        ("size", Some(format!("{} bytes (see `events show {} --body`)", event.size, event.id))),
        ("answered", event.status.map(|status| status.to_string())),
        ("reason", event.reason.clone()),
        (
            "copies",
            event.copies.filter(|copies| *copies > 1).map(|copies| format!("came {copies} times, equal to the byte")),
        ),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<13} {}", printable(&value))?;
        }
    }
    for delivery in &event.deliveries {
        delivery_text(delivery, desk.configured(&delivery.handler), zone, out)?;
    }
    Ok(())
}

fn delivery_text(
    delivery: &DeliveryView,
    configured: Configured,
    zone: &TimeZone,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let attempts = delivery.attempts;
    let handler_is = match configured {
        Configured::No => " (not in the configuration)",
        Configured::Paused => " (paused)",
        Configured::Yes => "",
    };
    write!(
        out,
        "handler {}{handler_is}: {}, {attempts} attempt(s), since {}",
        printable(&delivery.handler),
        delivery.state.as_str(),
        time(delivery.changed, zone)
    )?;
    writeln!(out, "{}", what_is_next(delivery, configured, zone))?;
    for failure in &delivery.failures {
        let mut lines = failure.reason.lines().map(printable);
        writeln!(
            out,
            "  attempt {} at {} failed after {} ms: {}",
            failure.attempt,
            time(failure.at, zone),
            failure.milliseconds,
            lines.next().unwrap_or_default()
        )?;
        for line in lines {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// What is to become of a delivery, as the end of its line. Nobody tries at a time that has passed, or while the handler
/// is paused or not there.
fn what_is_next(delivery: &DeliveryView, configured: Configured, zone: &TimeZone) -> String {
    match (delivery.due, &delivery.waits_for) {
        _ if delivery.being_delivered => ", being delivered".to_owned(),
        (None, Some(first)) => format!(", waits for event {} of its order or shipment", printable(first)),
        (Some(due), _) if configured == Configured::Yes && due > Timestamp::now() => {
            format!(", next at {}", time(due, zone))
        }
        (Some(due), _) if configured == Configured::Yes => format!(", due since {}", time(due, zone)),
        _ => String::new(),
    }
}

fn not_wanted_text(NotWanted { handler, filter }: &NotWanted, out: &mut impl Write) -> anyhow::Result<()> {
    let handler = printable(handler);
    match filter {
        Some(filter) => writeln!(out, "handler {handler}: not wanted: left out by its `{filter}`")?,
        None => writeln!(
            out,
            "handler {handler}: did not want it, or was not there, when it came. `events deliver --handler {handler}` \
             catches up"
        )?,
    }
    Ok(())
}

fn name(event: &EventView) -> &str {
    event.event_name.as_deref().unwrap_or(if event.kind.is_some() { CHANGED } else { "-" })
}
