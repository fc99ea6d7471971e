//! `events show`: all that is known of an event.

use std::io::Write;

use anyhow::bail;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::list::name;
use super::words::with_commas;
use super::{ShowArgs, handlers, history};
use crate::desk::{Configured, Desk, NotWanted};
use crate::inbox::EventView;
use crate::model::Reference;
use crate::model::references::MOST;
use crate::shown::{printable, time};

/// Shows one event.
///
/// # Errors
/// If nothing is known of that id; `out` is then left alone, which may be a file for the body.
pub(super) async fn run(desk: &Desk, zone: &TimeZone, args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(event) = desk.show(&args.id).await? else {
        let actions = desk.actions(&args.id).await?;
        let became =
            actions.iter().rev().filter(|action| action.event == args.id).find_map(|one| one.became.as_deref());
        if let (true, Some(became)) = (args.body, became) {
            let (id, became) = (printable(&args.id), printable(became));
            bail!("{id} was a refused body, and is event {became} now: `events show {became} --body`");
        }
        if actions.is_empty() || args.body {
            bail!("there is no event {} in the inbox", printable(&args.id));
        }
        return history::of_what_was(&args.id, &actions, zone, args.json, out);
    };
    if let (true, Some(erased)) = (args.body, event.erased) {
        bail!("the body of event {} was erased at {}", printable(&event.id), time(erased, zone));
    }
    if args.body {
        out.write_all(&desk.body(&event).await?)?;
    } else if args.json {
        writeln!(out, "{}", with_handlers(&event, desk, &desk.not_wanted(&event).await?)?)?;
    } else {
        text(&event, desk, zone, out)?;
        for handler in desk.not_wanted(&event).await? {
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
    for delivery in &event.deliveries {
        handlers::in_full(delivery, &event.attempts, desk.configured(&delivery.handler), zone, out)?;
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

/// The name of a kind of references in JSON, as words: `purchase order` of `purchaseOrder`.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        _ => format!("{} times", with_commas(usize::try_from(number).unwrap_or(usize::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_references_are_words() {
        assert_eq!(
            (in_words("purchaseOrder"), in_words("invoice")),
            ("purchase order".to_owned(), "invoice".to_owned())
        );
        assert_eq!((times(1), times(1203)), ("once".to_owned(), "1,203 times".to_owned()));
    }
}
