//! `events deliver --handler NAME`: gives a handler what it wants and has not got.
//!
//! That is what came before the handler was there or wanted it, and what it has as dead letters. What
//! somebody has discarded stays discarded.

use anyhow::Context as _;

use super::PAGE;
use crate::decode;
use crate::dispatch::Route;
use crate::inbox::{EventView, Filter, SharedInbox, State};

/// The events of those that match `filter` which `route` is to catch up on, the oldest first.
pub(super) async fn missed(inbox: &SharedInbox, filter: &Filter, route: &Route) -> anyhow::Result<Vec<EventView>> {
    let mut filter = Filter { handler: None, limit: PAGE, ..filter.clone() };
    let mut missed = Vec::new();
    loop {
        let page = inbox.list(&filter).await.context("cannot read the inbox")?;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.number);
        for mut event in page {
            let has = event.deliveries.iter().find(|delivery| delivery.handler == route.name);
            let lacks = match has {
                Some(delivery) => delivery.state == State::Dead,
                None => event.kind.is_some() && wants(inbox, &event, route).await?,
            };
            if lacks {
                // Of a large inbox this may be everything: only what is needed from here on is held.
                event.deliveries = Vec::new();
                missed.push(event);
            }
        }
    }
    // In the order received: a running receiver begins with the first while the last is not noted yet.
    missed.reverse();
    Ok(missed)
}

/// What an event is about is in its body.
async fn wants(inbox: &SharedInbox, event: &EventView, route: &Route) -> anyhow::Result<bool> {
    let body = inbox.body(event.number).await.context("cannot read an event of the inbox")?;
    let envelope = decode::envelope(event.content_type.as_deref(), &body);
    Ok(envelope.is_ok_and(|envelope| route.wants(&envelope)))
}
