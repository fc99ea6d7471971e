//! `events deliver` and `events discard`.

use std::io::Write;
use std::sync::Arc;

use anyhow::bail;
use serde_json::json;

use super::{ChangeArgs, DeliverArgs, DiscardArgs, catch_up, pages};
use crate::cli::WrongUsage;
use crate::decode;
use crate::dispatch::Route;
use crate::inbox::{EventView, Incoming, SharedInbox, State};

/// Has events delivered again; returns whether each could be.
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
    let (mut all, mut due) = (true, false);
    let events = match route {
        Some(route) if ids.is_empty() && !args.all => catch_up::missed(inbox, &args.filter.to_filter(0), route).await?,
        _ => chosen(inbox, ids, args, State::Dead, out, &mut all).await?,
    };
    if events.is_empty() && ids.is_empty() && !args.json {
        let state = args.filter.state.unwrap_or(State::Dead).as_str();
        match handler {
            Some(name) if !args.all => {
                writeln!(out, "Nothing to deliver: handler {name} has had every event that it is for.")?;
            }
            _ => writeln!(out, "Nothing to deliver: no event is {state} and matches.")?,
        }
        return Ok(all);
    }
    for event in events {
        let result = if event.kind.is_none() {
            accept(inbox, &event, Arc::clone(&routes)).await?
        } else {
            match inbox.deliver(event.number, handler).await? {
                0 => Err(match handler {
                    None => {
                        "nothing to deliver: no delivery of it is dead or discarded. With `--handler NAME` it goes \
                             to that handler once more all the same"
                            .to_owned()
                    }
                    Some(name) => format!("nothing to deliver: it waits for handler {name} already"),
                }),
                deliveries => Ok(format!("{deliveries} delivery(s) due")),
            }
        };
        due |= result.is_ok();
        all &= report(args, &event.id, result, out)?;
    }
    if due && !args.json {
        let when = if route.is_some_and(|route| route.paused) {
            "The handler is paused: it gets what is due once `paused` is off in the configuration."
        } else {
            "A running receiver delivers what is due within seconds; otherwise the next start does."
        };
        writeln!(out, "{when}")?;
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
    let id = incoming.id.clone();
    let receipt = inbox.accept(event.number, incoming, routes).await?;
    Ok(Ok(if receipt.duplicate {
        format!("is event {id}, which was there already")
    } else {
        format!("is event {id} now")
    }))
}

fn report(args: &ChangeArgs, id: &str, result: Result<String, String>, out: &mut impl Write) -> anyhow::Result<bool> {
    let done = result.is_ok();
    let what = result.unwrap_or_else(|reason| reason);
    if args.json {
        writeln!(out, "{}", json!({"id": id, "done": done, "what": what}))?;
    } else {
        writeln!(out, "{id}: {what}")?;
    }
    Ok(done)
}
