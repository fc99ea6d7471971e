//! `events list` and `events show`.

use std::io::Write;

use anyhow::bail;
use serde_json::Value;

use crate::desk::{Configured, Desk};
use crate::inbox::{DeliveryView, EventView, Filter};
use crate::shown::printable;

use super::ShowArgs;

/// Lists events, one per line.
pub(super) async fn list(desk: &Desk, filter: &Filter, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
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
            event.received.strftime("%Y-%m-%d %H:%M:%SZ"),
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
pub(super) async fn show(desk: &Desk, args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(event) = desk.show(&args.id).await? else {
        bail!("there is no event {} in the inbox", printable(&args.id));
    };
    if args.body {
        out.write_all(&desk.body(&event).await?)?;
    } else if args.json {
        writeln!(out, "{}", with_handlers(&event, desk)?)?;
    } else {
        text(&event, desk, out)?;
    }
    Ok(())
}

/// The event with what the configuration says of each delivery's handler.
fn with_handlers(event: &EventView, desk: &Desk) -> anyhow::Result<Value> {
    let mut json = serde_json::to_value(event)?;
    let deliveries = json.get_mut("deliveries").and_then(Value::as_array_mut).into_iter().flatten();
    for (delivery, shown) in event.deliveries.iter().zip(deliveries) {
        let configured = desk.configured(&delivery.handler);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("configured".to_owned(), (configured != Configured::No).into());
            fields.insert("paused".to_owned(), (configured == Configured::Paused).into());
        }
    }
    Ok(json)
}

fn text(event: &EventView, desk: &Desk, out: &mut impl Write) -> anyhow::Result<()> {
    let rows = [
        ("id", Some(event.id.clone())),
        ("state", Some(event.state.as_str().to_owned())),
        ("event", Some(name(event).to_owned())),
        ("kind", event.kind.map(|kind| kind.to_string())),
        ("subject", event.subject.clone()),
        ("document", event.document_number.clone()),
        ("company", event.company_id.clone()),
        ("received", Some(event.received.to_string())),
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
        delivery_text(delivery, desk.configured(&delivery.handler), out)?;
    }
    Ok(())
}

fn delivery_text(delivery: &DeliveryView, configured: Configured, out: &mut impl Write) -> anyhow::Result<()> {
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
        delivery.changed
    )?;
    match (delivery.due, &delivery.waits_for) {
        (Some(due), _) => writeln!(out, ", next at {due}")?,
        (None, Some(first)) => writeln!(out, ", waits for event {} of its order or shipment", printable(first))?,
        (None, None) => writeln!(out)?,
    }
    for failure in &delivery.failures {
        writeln!(
            out,
            "  attempt {} at {} failed after {} ms: {}",
            failure.attempt,
            failure.at,
            failure.milliseconds,
            printable(&failure.reason)
        )?;
    }
    Ok(())
}

fn name(event: &EventView) -> &str {
    event.event_name.as_deref().unwrap_or(if event.kind.is_some() { "Changed" } else { "-" })
}
