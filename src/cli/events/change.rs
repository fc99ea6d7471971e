//! `events deliver` and `events discard`.

use std::io::Write;

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use serde_json::json;

use super::list::tell_how_far_numbers_are_read;
use super::{ChangeArgs, DeliverArgs, DiscardArgs, ask, words};
use crate::cli::{WrongUsage, person};
use crate::desk::{Configured, Desk, Errand, Outcome, Plan};
use crate::inbox::{Filter, Mended, State};
use crate::shown::printable;

const CANNOT_READ: &str = "cannot read the inbox";

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
    let mut errand = Errand::new(person::at_the_terminal(), args.reason.clone()).to(handler);
    let mut all = true;
    let plan = if ids.is_empty() {
        let mut filter = args.filter.to_filter(0, zone)?;
        let plan = match handler {
            Some(handler) if !args.all => desk.missed(&filter, handler).await,
            _ => {
                dead_unless_said(&mut filter);
                desk.plan(&filter).await
            }
        };
        let plan = plan.context(CANNOT_READ)?;
        if !is_wanted("deliver", desk, &plan, &filter, args, zone).await? {
            return Ok(false);
        }
        errand = errand.of(&filter);
        plan
    } else {
        named(desk, ids, args, out, &mut all).await?
    };
    for Mended { id, handler, .. } in desk.mend().await? {
        report(args, &id, Ok(format!("for handler {handler} it waited for nothing; set right, and due now")), out)?;
    }
    if plan.is_empty() && ids.is_empty() {
        nothing_to_deliver(args, out)?;
        return Ok(all);
    }
    let (mut due, mut paused) = (false, false);
    let mut round = desk.round(&plan, &errand);
    while let Some(outcomes) = round.next().await? {
        for (id, outcome) in outcomes {
            due |= outcome.is_due();
            paused |= matches!(&outcome, Outcome::Delivered(delivered) if delivered.paused);
            all &= report(args, &id, words::said(&outcome), out)?;
        }
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
    if args.all && args.filter.states.is_empty() {
        let what = "`discard --all` needs --state, so that nothing is set aside by mistake";
        return Err(WrongUsage(what.to_owned()).into());
    }
    let reason = ask::reason(args.reason.as_deref(), "discard")?;
    let mut errand = Errand::new(person::at_the_terminal(), Some(reason));
    let mut all = true;
    let plan = if args.all {
        let filter = args.filter.to_filter(0, zone)?;
        let plan = desk.plan(&filter).await.context(CANNOT_READ)?;
        if !is_wanted("discard", desk, &plan, &filter, args, zone).await? {
            return Ok(false);
        }
        errand = errand.of(&filter);
        plan
    } else {
        named(desk, ids, args, out, &mut all).await?
    };
    let mut set_aside = desk.set_aside(&plan, &errand);
    while let Some(events) = set_aside.next().await? {
        for (id, discarded) in events {
            let result = match discarded {
                0 => Err("nothing to discard: it is done, or was discarded before".to_owned()),
                _ => Ok("discarded".to_owned()),
            };
            all &= report(args, &id, result, out)?;
        }
    }
    Ok(all)
}

fn dead_unless_said(filter: &mut Filter) {
    if filter.states.is_empty() {
        filter.states.push(State::Dead);
    }
}

/// Whether somebody wants done what a filter has found. To do nothing, nobody is asked.
async fn is_wanted(
    verb: &str,
    desk: &Desk,
    plan: &Plan,
    filter: &Filter,
    args: &ChangeArgs,
    zone: &TimeZone,
) -> anyhow::Result<bool> {
    if filter.number.is_some() {
        tell_how_far_numbers_are_read(desk, zone).await?;
    }
    ask::exactly(plan, filter.number.as_deref())?;
    // What is set aside is so for every handler, whichever it was found by.
    let handler = filter.handler.as_deref().filter(|_| verb == "deliver");
    Ok(plan.is_empty() || ask::agreed(verb, plan, handler, zone, args.yes)?)
}

/// The events of those ids.
async fn named(
    desk: &Desk,
    ids: &[String],
    args: &ChangeArgs,
    out: &mut impl Write,
    all: &mut bool,
) -> anyhow::Result<Plan> {
    let named = desk.named(ids).await.context(CANNOT_READ)?;
    for (id, became) in &named.missing {
        let why = match became {
            Some(event) => format!("it was a refused body, and is event {event} now"),
            None => "there is no such event in the inbox".to_owned(),
        };
        *all = report(args, id, Err(why), out)?;
    }
    Ok(named.plan)
}

fn nothing_to_deliver(args: &ChangeArgs, out: &mut impl Write) -> anyhow::Result<()> {
    match &args.filter.handler {
        _ if args.json => {}
        Some(name) if !args.all => {
            writeln!(out, "Nothing to deliver: handler {name} has had every event that it is for, or is to get it.")?;
        }
        _ => {
            let states: Vec<_> = args.filter.states.iter().map(|state| state.as_str()).collect();
            let states = if states.is_empty() { State::Dead.as_str().to_owned() } else { states.join(" or ") };
            writeln!(out, "Nothing to deliver: no event is {states} and matches.")?;
        }
    }
    Ok(())
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
