//! `events list` and `events show`.

use std::io::Write;

use anyhow::bail;

use crate::inbox::{DeliveryView, EventView, Filter, SharedInbox};

use super::ShowArgs;

/// Lists events, one per line.
pub(super) async fn list(inbox: &SharedInbox, filter: &Filter, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let events = inbox.list(filter).await?;
    if json {
        for event in &events {
            writeln!(out, "{}", serde_json::to_string(event)?)?;
        }
        return Ok(());
    }
    if events.is_empty() {
        writeln!(out, "No events.")?;
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
pub(super) async fn show(inbox: &SharedInbox, args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(event) = inbox.show(&args.id).await? else {
        bail!("there is no event {} in the inbox", printable(&args.id));
    };
    if args.body {
        out.write_all(&inbox.body(event.number).await?)?;
    } else if args.json {
        writeln!(out, "{}", serde_json::to_string(&event)?)?;
    } else {
        text(&event, out)?;
    }
    Ok(())
}

fn text(event: &EventView, out: &mut impl Write) -> anyhow::Result<()> {
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
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<13} {}", printable(&value))?;
        }
    }
    for delivery in &event.deliveries {
        deliver_text(delivery, out)?;
    }
    Ok(())
}

fn deliver_text(delivery: &DeliveryView, out: &mut impl Write) -> anyhow::Result<()> {
    let attempts = delivery.attempts;
    write!(
        out,
        "handler {}: {}, {attempts} attempt(s), since {}",
        delivery.handler,
        delivery.state.as_str(),
        delivery.changed
    )?;
    match delivery.due {
        Some(due) => writeln!(out, ", next at {due}")?,
        None => writeln!(out)?,
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

/// Text from outside, without what would steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
