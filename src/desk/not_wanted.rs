//! Why an event has not gone to a handler.

use serde::Serialize;

use super::Desk;
use crate::decode;
use crate::dispatch::Route;
use crate::inbox::{EventView, InboxError};

/// A handler of the configuration that an event has not gone to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotWanted {
    /// The handler's name.
    pub handler: String,
    /// The key of its filter that leaves the event out. None: it would want it by now, and was not there, or wanted
    /// others, when the event came.
    pub filter: Option<&'static str>,
}

impl Desk {
    /// The handlers of the configuration as it is that an event has not gone to. For a refused body, which is none,
    /// and for an event that was erased, that says nothing.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn not_wanted(&self, event: &EventView) -> Result<Vec<NotWanted>, InboxError> {
        let has_it = |name: &str| event.deliveries.iter().any(|delivery| delivery.handler == name);
        let routes = self.routes();
        let without: Vec<_> = routes.iter().filter(|route| !has_it(&route.name)).collect();
        if event.kind.is_none() || event.erased.is_some() || without.is_empty() {
            return Ok(Vec::new());
        }
        // What it is about is in its body.
        let body = self.inbox.body(event.sequence).await?;
        let Ok(envelope) = decode::envelope(event.content_type.as_deref(), &body) else { return Ok(Vec::new()) };
        let why = |route: &Route| NotWanted { handler: route.name.clone(), filter: route.left_out_by(&envelope) };
        Ok(without.into_iter().map(why).collect())
    }
}
