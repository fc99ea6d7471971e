//! `events deliver` and `events discard`.

use std::io::{self, Write};

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use serde_json::json;

use super::list::tell_how_far_numbers_are_read;
use super::progress::Progress;
use super::{ChangeArgs, DeliverArgs, DiscardArgs, ask, find, words};
use crate::cli::{WrongUsage, person};
use crate::desk::{Aside, Configured, Desk, Errand, Plan, SHORTEST};
use crate::inbox::{Deed, Filter, Mended, State};
use crate::shown::printable;

const CANNOT_READ: &str = "cannot read the inbox";

/// Has events delivered, again or at once; returns whether each could be.
pub(super) async fn deliver(
    desk: &Desk,
    zone: &TimeZone,
    DeliverArgs { ids, change: args }: &DeliverArgs,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    args.ensure_it_acts_on_what_is_counted()?;
    let handler = args.filter.handler.as_deref();
    if let Some(name) = handler
        && desk.configured(name) == Configured::No
    {
        bail!("there is no handler \"{}\" in the configuration", printable(name));
    }
    let mut errand = Errand::new(person::at_the_terminal(), args.reason.clone()).to(handler);
    let mut all = true;
    let plan = if ids.is_empty() {
        let mut filter = args.filter.to_filter(0, zone)?;
        let plan = match handler {
            Some(handler) if !args.all => desk.missed(&filter, handler, looked()).await,
            _ => {
                dead_unless_said(&mut filter);
                desk.plan(&filter, Deed::Deliver, looked()).await
            }
        };
        let plan = plan.context(CANNOT_READ)?;
        if !is_wanted("deliver", desk, &plan, &filter, args, zone).await? {
            return Ok(false);
        }
        errand = errand.of(&filter);
        plan
    } else {
        named(desk, zone, ids, args, out, &mut all).await?
    };
    for Mended { id, handler, .. } in desk.mend().await? {
        let what = format!("for handler {handler} it waited for nothing; set right, and due now");
        report(args, &id, Ok(what), None, out)?;
    }
    if plan.is_empty() && ids.is_empty() {
        nothing_to("deliver", &plan, args, out)?;
        return Ok(all);
    }
    let (mut due, mut paused) = (false, false);
    let mut round = desk.round(&plan, &errand);
    let mut bulk = Bulk::new("delivered", plan.sequences.len());
    while let Some(outcomes) = bulk.goes_on(round.next().await)? {
        bulk.done += outcomes.iter().filter(|(_, outcome)| outcome.is_done()).count();
        for (id, outcome) in outcomes {
            due |= outcome.is_due();
            paused |= outcome.is_paused();
            all &= bulk.goes_on(report(args, &id, words::said(&outcome), outcome.became(), out))?;
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
    args.ensure_it_acts_on_what_is_counted()?;
    if args.all && args.filter.states.is_empty() {
        let what = "`discard --all` needs --state, so that nothing is set aside by mistake";
        return Err(WrongUsage(what.to_owned()).into());
    }
    let given = args.reason.as_deref();
    ask::ensure_reason(given, "discard")?;
    let handler = args.filter.handler.as_deref();
    // One that is gone from the configuration may have left deliveries behind, and they are what is to be set aside.
    if let Some(name) = handler
        && desk.configured(name) == Configured::No
        && !desk.had_any(name).await.context(CANNOT_READ)?
    {
        bail!("there is no handler \"{}\" in the configuration, nor an event that went to one", printable(name));
    }
    let (mut all, mut found_by) = (true, None);
    let plan = if args.all {
        let filter = args.filter.to_filter(0, zone)?;
        let plan = desk.plan(&filter, Deed::Discard, looked()).await.context(CANNOT_READ)?;
        if !is_wanted("discard", desk, &plan, &filter, args, zone).await? {
            return Ok(false);
        }
        if plan.is_empty() {
            nothing_to("discard", &plan, args, out)?;
            return Ok(true);
        }
        found_by = Some(filter);
        plan
    } else {
        named(desk, zone, ids, args, out, &mut all).await?
    };
    if plan.is_empty() {
        return Ok(all);
    }
    // Whoever is asked why has seen what it is about.
    let errand = Errand::new(person::at_the_terminal(), Some(ask::reason(given, "discard")?)).to(handler);
    let errand = match &found_by {
        Some(filter) => errand.of(filter),
        None => errand,
    };
    let mut set_aside = desk.set_aside(&plan, &errand);
    let mut bulk = Bulk::new("discarded", plan.sequences.len());
    while let Some(events) = bulk.goes_on(set_aside.next().await)? {
        bulk.done += events.iter().filter(|aside| aside.discarded > 0).count();
        for aside in events {
            all &= bulk.goes_on(report(args, &aside.id, discarded(&aside, handler), None, out))?;
        }
    }
    Ok(all)
}

/// How far something is that is done to many events. Should it end before that, because nobody reads what is said of
/// them or the inbox is away, somebody wants to know.
struct Bulk {
    what: &'static str,
    of: usize,
    done: usize,
}

impl Bulk {
    fn new(what: &'static str, of: usize) -> Self {
        Self { what, of, done: 0 }
    }

    fn goes_on<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.of > 1 {
            let (done, of) = (words::with_commas(self.done), words::events(self.of));
            // Perhaps nobody reads that either.
            let _ = writeln!(io::stderr(), "It ended early: {done} of {of} {}. The same command goes on.", self.what);
        }
        result
    }
}

/// What to say of an event that was to be set aside, and whether it was.
fn discarded(aside: &Aside, handler: Option<&str>) -> Result<String, String> {
    let for_whom = handler.map(|name| format!(" for handler {name}")).unwrap_or_default();
    match (aside.discarded, handler) {
        (0, None) => Err("nothing to discard: it is done, or was discarded before".to_owned()),
        (0, Some(_)) => {
            Err(format!("nothing to discard{for_whom}: it is done there, was discarded before, or has not gone to it"))
        }
        _ => Ok(format!("discarded{for_whom}{}", words::under_way(&aside.under_way))),
    }
}

/// Tells whoever sits at a terminal how far the look at what is found is.
fn looked() -> impl FnMut(usize, usize) {
    Progress::at_the_terminal().looked()
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
    Ok(plan.is_empty() || ask::agreed(verb, plan, filter.handler.as_deref(), zone, args.yes)?)
}

/// The events of those ids.
async fn named(
    desk: &Desk,
    zone: &TimeZone,
    ids: &[String],
    args: &ChangeArgs,
    out: &mut impl Write,
    all: &mut bool,
) -> anyhow::Result<Plan> {
    let ids = find::to_act_on(desk, ids, zone).await?;
    let named = desk.named(&ids).await.context(CANNOT_READ)?;
    for (id, became) in &named.missing {
        let why = match became {
            Some(event) => format!("it was a refused body, and is event {event} now"),
            None if id.len() < SHORTEST => {
                format!(
                    "there is no such event in the inbox; of a longer id it takes {SHORTEST} characters at the least"
                )
            }
            None => "there is no such event in the inbox".to_owned(),
        };
        *all = report(args, id, Err(why), became.as_deref(), out)?;
    }
    Ok(named.plan)
}

fn nothing_to(verb: &str, plan: &Plan, args: &ChangeArgs, out: &mut impl Write) -> anyhow::Result<()> {
    match &args.filter.handler {
        _ if args.json => {}
        _ if plan.beyond > 0 => {
            let (number, why) = (
                words::events(plan.beyond),
                match verb {
                    "discard" => "what is done or was discarded stays as it is",
                    _ if args.filter.handler.is_some() => "what was erased cannot be delivered",
                    _ => {
                        "what is done, erased or unwanted is not delivered. With --handler NAME, a handler gets what it has had"
                    }
                },
            );
            let s = if plan.beyond == 1 { "es" } else { "" };
            writeln!(out, "Nothing to {verb}: {number} match{s}, but {why}.")?;
        }
        Some(name) if !args.all => {
            writeln!(out, "Nothing to deliver: handler {name} has had every event that it is for, or is to get it.")?;
        }
        _ => {
            let states: Vec<_> = args.filter.states.iter().map(|state| state.as_str()).collect();
            let states = if states.is_empty() { State::Dead.as_str().to_owned() } else { states.join(" or ") };
            writeln!(out, "Nothing to {verb}: no event is {states} and matches.")?;
        }
    }
    Ok(())
}

/// Tells what was done about an event, or a refused body that has become one; returns whether it was.
fn report(
    args: &ChangeArgs,
    id: &str,
    result: Result<String, String>,
    became: Option<&str>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let done = result.is_ok();
    let what = result.unwrap_or_else(|reason| reason);
    if args.json {
        let mut line = json!({"id": id, "done": done, "what": what});
        if let Some(event) = became {
            line["became"] = event.into();
        }
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{}", printable(&format!("{id}: {what}")))?;
    }
    Ok(done)
}
