//! Gives a handler what it wants and has not got.
//!
//! That is what came before the handler was there or wanted it, and what it has as dead letters. What
//! somebody has discarded stays discarded.

use super::{Desk, PAGE};
use crate::decode;
use crate::dispatch::Route;
use crate::inbox::{EventView, Filter, InboxError, State};

impl Desk {
    /// The events of those that match `filter` which `handler` is to catch up on, the oldest first: none, if there
    /// is no such handler.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn missed(&self, filter: &Filter, handler: &str) -> Result<Vec<EventView>, InboxError> {
        let Some(route) = self.route(handler) else { return Ok(Vec::new()) };
        let mut filter = Filter { handler: None, limit: PAGE, ..filter.clone() };
        let mut missed = Vec::new();
        loop {
            let page = self.inbox.list(&filter).await?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.number);
            for mut event in page {
                let has = event.deliveries.iter().find(|delivery| delivery.handler == route.name);
                let lacks = match has {
                    Some(delivery) => delivery.state == State::Dead,
                    None => event.kind.is_some() && self.wants(&event, route).await?,
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
    async fn wants(&self, event: &EventView, route: &Route) -> Result<bool, InboxError> {
        let body = self.inbox.body(event.number).await?;
        let envelope = decode::envelope(event.content_type.as_deref(), &body);
        Ok(envelope.is_ok_and(|envelope| route.wants(&envelope)))
    }
}
