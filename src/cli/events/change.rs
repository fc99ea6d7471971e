//! `events deliver` and `events discard`.

use std::io::Write;

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use serde_json::json;

use super::{ChangeArgs, DeliverArgs, DiscardArgs, words};
use crate::cli::WrongUsage;
use crate::desk::{Configured, Desk, Outcome};
use crate::inbox::{EventView, Mended, State};
use crate::shown::printable;

/// Has events delivered, again or at once; returns whether each could be.
pub(super) async fn deliver(
    desk: &Desk,
    zone: &TimeZone,
    DeliverArgs { ids, change: args }: &DeliverArgs,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let handler = args.filter.handler.as_deref();
    if let Some(name) = handler
        && desk.configured(name) == Configured::No
    {
        bail!("there is no handler \"{name}\" in the configuration");
    }
    let mut all = true;
    for Mended { id, handler, .. } in desk.mend().await? {
        report(args, &id, Ok(format!("for handler {handler} it waited for nothing; set right, and due now")), out)?;
    }
    let events = match handler {
        Some(handler) if ids.is_empty() && !args.all => {
            desk.missed(&args.filter.to_filter(0, zone)?, handler).await.context("cannot read the inbox")?
        }
        _ => chosen(desk, zone, ids, args, out, &mut all).await?,
    };
    if events.is_empty() && ids.is_empty() && !args.json {
        let state = args.filter.state.unwrap_or(State::Dead).as_str();
        match handler {
            Some(name) if !args.all => {
                writeln!(
                    out,
                    "Nothing to deliver: handler {name} has had every event that it is for, or is to get it."
                )?;
            }
            _ => writeln!(out, "Nothing to deliver: no event is {state} and matches.")?,
        }
        return Ok(all);
    }
    let only = args.all.then(|| args.filter.state.unwrap_or(State::Dead));
    let mut round = desk.round(handler, only);
    let (mut due, mut paused) = (false, false);
    for event in events {
        let outcome = round.deliver(&event).await?;
        due |= outcome.is_due();
        paused |= matches!(&outcome, Outcome::Delivered(delivered) if delivered.paused);
        all &= report(args, &event.id, words::said(&outcome), out)?;
    }
    if due && !args.json {
        writeln!(out, "A running receiver delivers what is due within seconds; otherwise the next start does.")?;
    } else if paused && !args.json {
        writeln!(out, "The handler is paused: it gets what is due once `paused` is off in the configuration.")?;
    }
    Ok(all)
}

/// Sets events aside; returns whether each could be.
pub(super) async fn discard(
    desk: &Desk,
    zone: &TimeZone,
    DiscardArgs { ids, change: args }: &DiscardArgs,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    if args.all && args.filter.state.is_none() {
        let what = "`discard --all` needs --state, so that nothing is set aside by mistake";
        return Err(WrongUsage(what.to_owned()).into());
    }
    let mut all = true;
    for event in chosen(desk, zone, ids, args, out, &mut all).await? {
        let result = match desk.discard(&event).await? {
            0 => Err("nothing to discard: it is done, or was discarded before".to_owned()),
            _ => Ok("discarded".to_owned()),
        };
        all &= report(args, &event.id, result, out)?;
    }
    Ok(all)
}

/// The events that the arguments name, the oldest first.
async fn chosen(
    desk: &Desk,
    zone: &TimeZone,
    ids: &[String],
    args: &ChangeArgs,
    out: &mut impl Write,
    all: &mut bool,
) -> anyhow::Result<Vec<EventView>> {
    let mut matching = if args.all { Some(args.filter.to_filter(0, zone)?) } else { None };
    if let Some(filter) = &mut matching {
        filter.state.get_or_insert(State::Dead);
    }
    let chosen = desk.chosen(ids, matching.as_ref()).await.context("cannot read the inbox")?;
    for id in &chosen.missing {
        *all = report(args, id, Err("there is no such event in the inbox".to_owned()), out)?;
    }
    Ok(chosen.events)
}

fn report(args: &ChangeArgs, id: &str, result: Result<String, String>, out: &mut impl Write) -> anyhow::Result<bool> {
    let done = result.is_ok();
    let what = result.unwrap_or_else(|reason| reason);
    if args.json {
        writeln!(out, "{}", json!({"id": id, "done": done, "what": what}))?;
    } else {
        writeln!(out, "{}", printable(&format!("{id}: {what}")))?;
    }
    Ok(done)
}
