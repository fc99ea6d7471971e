//! `events deliver` and `events discard`.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use anyhow::bail;
use serde_json::json;

use super::outcome::{Asked, Outcome};
use super::show::printable;
use super::{ChangeArgs, DeliverArgs, DiscardArgs, catch_up, pages};
use crate::cli::WrongUsage;
use crate::decode;
use crate::dispatch::Route;
use crate::inbox::{EventView, Incoming, Receipt, SharedInbox, State};

/// Has events delivered, again or at once; returns whether each could be.
pub(super) async fn deliver(
    inbox: &SharedInbox,
    DeliverArgs { ids, change: args }: &DeliverArgs,
    routes: Arc<[Route]>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let handler = args.filter.handler.as_deref();
    let route = routes.iter().find(|route| Some(&*route.name) == handler);
    if let Some(name) = handler
        && route.is_none()
    {
        bail!("there is no handler \"{name}\" in the configuration");
    }
    let mut all = true;
    for (id, handler) in inbox.mend().await? {
        report(args, &id, Ok(format!("for handler {handler} it waited for nothing; set right, and due now")), out)?;
    }
    let events = match route {
        Some(route) if ids.is_empty() && !args.all => catch_up::missed(inbox, &args.filter.to_filter(0), route).await?,
        _ => chosen(inbox, ids, args, State::Dead, out, &mut all).await?,
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
    let asked = Asked { handler, only, routes: &routes };
    let (mut on_their_way, mut due, mut paused) = (HashSet::new(), false, false);
    for event in events {
        let outcome = if event.kind.is_none() {
            let said = accept(inbox, &event, Arc::clone(&routes)).await?;
            Outcome { due: said.is_ok(), said, paused: false }
        } else {
            let changed = inbox.deliver(event.number, handler, only).await?;
            asked.outcome(changed, inbox.show(&event.id).await?.as_ref(), &on_their_way)
        };
        due |= outcome.due;
        paused |= outcome.paused;
        let done = report(args, &event.id, outcome.said, out)?;
        if done {
            on_their_way.insert(event.id);
        }
        all &= done;
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
    inbox: &SharedInbox,
    DiscardArgs { ids, change: args }: &DiscardArgs,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    if args.all && args.filter.state.is_none() {
        let what = "`discard --all` needs --state, so that nothing is set aside by mistake";
        return Err(WrongUsage(what.to_owned()).into());
    }
    let mut all = true;
    for event in chosen(inbox, ids, args, State::Dead, out, &mut all).await? {
        let result = match inbox.discard(event.number).await? {
            0 => Err("nothing to discard: it is done, or was discarded before".to_owned()),
            _ => Ok("discarded".to_owned()),
        };
        all &= report(args, &event.id, result, out)?;
    }
    Ok(all)
}

/// The events that the arguments name, the oldest first.
async fn chosen(
    inbox: &SharedInbox,
    ids: &[String],
    args: &ChangeArgs,
    state: State,
    out: &mut impl Write,
    all: &mut bool,
) -> anyhow::Result<Vec<EventView>> {
    let mut events = Vec::new();
    if args.all {
        let mut filter = args.filter.to_filter(0);
        filter.state.get_or_insert(state);
        events = pages(inbox, &filter).await?;
    }
    for id in ids {
        if let Some(event) = inbox.show(id).await? {
            events.push(event);
        } else {
            *all = report(args, id, Err("there is no such event in the inbox".to_owned()), out)?;
        }
    }
    events.sort_by_key(|event| event.number);
    Ok(events)
}

/// Takes a refused body as an event, if it can be read by now.
async fn accept(
    inbox: &SharedInbox,
    event: &EventView,
    routes: Arc<[Route]>,
) -> anyhow::Result<Result<String, String>> {
    let body = inbox.body(event.number).await?;
    let envelope = match decode::envelope(event.content_type.as_deref(), &body) {
        Ok(envelope) => envelope,
        Err(error) => return Ok(Err(format!("still not readable as an event: {error}"))),
    };
    let incoming = Incoming::new(envelope, event.received, event.path.clone(), event.content_type.clone(), body);
    let Receipt { id, repeated, beside, .. } = inbox.accept(event.number, incoming, routes).await?;
    Ok(Ok(match beside {
        _ if repeated => format!("is event {id}, which was there already"),
        Some(other) => format!("is event {id} now, beside event {other}, which has the same messageId or body"),
        None => format!("is event {id} now"),
    }))
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
