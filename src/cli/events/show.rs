//! `events show`: all that is known of an event.

use std::io::Write;

use anyhow::bail;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::lines::name;
use super::words::{in_words, times, with_commas};
use super::{ShowArgs, diff, find, handlers, history, sheet};
use crate::cli::terminal::Terminal;
use crate::desk::{Configured, Desk, NotWanted};
use crate::inbox::EventView;
use crate::model::Reference;
use crate::model::references::MOST;
use crate::shown::{printable, time};

/// Shows one event.
///
/// # Errors
/// If nothing is known of that id; `out` is then left alone, which may be a file for the body.
pub(super) async fn run(
    desk: &Desk,
    zone: &TimeZone,
    args: &ShowArgs,
    terminal: Option<Terminal>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let is_content = args.body || args.as_delivered || args.diff;
    let Some(event) = desk.show(&args.id).await? else {
        let actions = desk.actions(&args.id).await?;
        if actions.is_empty() {
            let Some(event) = find::to_look_at(desk, &args.id, zone).await? else {
                bail!("there is no event {} in the inbox", printable(&args.id));
            };
            return found(&event, desk, zone, args, terminal, out).await;
        }
        let became =
            actions.iter().rev().filter(|action| action.event == args.id).find_map(|one| one.became.as_deref());
        if let (true, Some(became)) = (is_content, became) {
            let (id, became) = (printable(&args.id), printable(became));
            let option = if args.body {
                "--body"
            } else if args.diff {
                "--diff"
            } else {
                "--as-delivered"
            };
            bail!("{id} was a refused body, and is event {became} now: `events show {became} {option}`");
        }
        if is_content {
            bail!("there is no event {} in the inbox", printable(&args.id));
        }
        return history::of_what_was(&args.id, &actions, zone, args.json, out);
    };
    found(&event, desk, zone, args, terminal, out).await
}

async fn found(
    event: &EventView,
    desk: &Desk,
    zone: &TimeZone,
    args: &ShowArgs,
    terminal: Option<Terminal>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if let (true, Some(erased)) = (args.body || args.as_delivered, event.erased) {
        bail!("the body of event {} was erased at {}", printable(&event.id), time(erased, zone));
    }
    if args.body {
        out.write_all(&desk.body(event).await?)?;
    } else if args.as_delivered {
        let Some(delivered) = desk.event(event).await? else {
            bail!("{} is no event that a handler gets: it is {}", printable(&event.id), event.state.as_str());
        };
        out.write_all(&delivered.cloud_event()?)?;
        writeln!(out)?;
    } else if args.diff {
        diff::run(desk, event, zone, out).await?;
    } else if args.json {
        writeln!(out, "{}", with_handlers(event, desk, &desk.not_wanted(event).await?)?)?;
    } else if let Some(terminal) = terminal {
        sheet::run(event, desk, zone, terminal, out).await?;
    } else {
        text(event, desk, zone, out)?;
        for handler in desk.not_wanted(event).await? {
            handlers::not_wanted(&handler, out)?;
        }
        history::in_full(&event.id, &event.actions, zone, out)?;
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
    let came_again = event.repeated.map(|last| format!(", last at {}", time(last, zone))).unwrap_or_default();
    // For a refused body both say the same.
    let copies = event.copies.filter(|copies| *copies > 1);
    let repeats = Some(event.repeats).filter(|repeats| *repeats > 0 && copies.is_none());
    let rows = [
        ("id", Some(event.id.clone())),
        ("state", Some(event.state.as_str().to_owned())),
        ("event", Some(name(event).to_owned())),
        ("kind", event.kind.map(|kind| kind.to_string())),
        ("subject", event.subject.clone()),
        ("document", event.document_number.clone()),
        ("company", event.company_id.clone()),
        ("received", Some(time(event.received, zone))),
        ("came by", Some(event.origin.clone())),
        ("from", event.address.clone()),
        ("credential", event.credential.clone()),
        ("sent to", Some(event.path.clone())),
        ("content type", event.content_type.clone()),
        (
            "size",
            Some(match event.erased {
                Some(_) => "erased, nothing to show".to_owned(),
                None => format!("{} bytes (see `events show {} --body`)", event.size, event.id),
            }),
        ),
        ("answered", event.answer.or(event.status).map(|status| status.to_string())),
        ("reason", event.reason.clone()),
        ("copies", copies.map(|copies| format!("came {}, equal to the byte{came_again}", times(copies)))),
        ("repeated", repeats.map(|repeats| times(repeats) + &came_again)),
        ("erased", event.erased.map(|erased| time(erased, zone))),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<13} {}", printable(&value))?;
        }
    }
    references(event, out)?;
    for delivery in &event.deliveries {
        handlers::in_full(delivery, &event.attempts, desk.configured(&delivery.handler), zone, out)?;
    }
    Ok(())
}

/// What it names, as far as that is known.
pub(super) fn references(event: &EventView, out: &mut impl Write) -> anyhow::Result<()> {
    match &event.references {
        Some(references) => {
            names(references, out)?;
            if references.len() >= MOST {
                let most = with_commas(MOST);
                writeln!(
                    out,
                    "{:<13} perhaps more: of an event the first {most} are kept, and its own in any case",
                    ""
                )?;
            }
        }
        None => writeln!(out, "{:<13} not looked for yet: that is done while a receiver runs", "names")?,
    }
    Ok(())
}

/// What it names by which somebody may look for it, one kind a line.
fn names(references: &[Reference], out: &mut impl Write) -> anyhow::Result<()> {
    let mut label = "names";
    let mut references: Vec<_> = references.iter().collect();
    references.sort();
    for alike in references.chunk_by(|one, other| one.what == other.what) {
        let Some(first) = alike.first() else { continue };
        let values: Vec<_> = alike.iter().map(|reference| printable(&reference.value)).collect();
        writeln!(out, "{label:<13} {} {}", in_words(first.what.as_str()), values.join(", "))?;
        label = "";
    }
    Ok(())
}
