//! What a handler wants and has not got.
//!
//! That is what came before the handler was there or wanted it, and what it has as dead letters. What
//! somebody has discarded stays discarded, and what was erased has nothing left to deliver.

use super::Desk;
use crate::decode;
use crate::dispatch::Route;
use crate::inbox::{EventView, InboxError, State};

impl Desk {
    /// Whether that handler is to catch up on an event.
    pub(super) async fn lacks(&self, event: &EventView, route: &Route) -> Result<bool, InboxError> {
        if event.erased.is_some() {
            return Ok(false);
        }
        match event.deliveries.iter().find(|delivery| delivery.handler == route.name) {
            Some(delivery) => Ok(delivery.state == State::Dead),
            None => Ok(event.kind.is_some() && self.wants(event, route).await?),
        }
    }

    /// What an event is about is in its body.
    async fn wants(&self, event: &EventView, route: &Route) -> Result<bool, InboxError> {
        let body = self.inbox.body(event.sequence).await?;
        let envelope = decode::envelope(event.content_type.as_deref(), &body);
        Ok(envelope.is_ok_and(|envelope| route.wants(&envelope)))
    }
}
