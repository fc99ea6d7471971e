//! A refused body that can be read as an event by now.

use super::Desk;
use crate::decode::{self, DecodeError};
use crate::inbox::{EventView, InboxError, Incoming, Receipt};

/// It is an event now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The event's id.
    pub id: String,
    /// It was there already.
    pub repeated: bool,
    /// The id of another event that has the same `messageId` or body, if there is one.
    pub beside: Option<String>,
}

/// Why it is none still.
pub type Unreadable = DecodeError;

impl Desk {
    /// Takes a refused body as an event.
    ///
    /// # Errors
    /// The outer one if the inbox cannot be read or written; the inner one if the body still is no event.
    pub async fn accept(&self, refused: &EventView) -> Result<Result<Accepted, Unreadable>, InboxError> {
        let body = self.inbox.body(refused.number).await?;
        let envelope = match decode::envelope(refused.content_type.as_deref(), &body) {
            Ok(envelope) => envelope,
            Err(error) => return Ok(Err(error)),
        };
        let incoming =
            Incoming::new(envelope, refused.received, refused.path.clone(), refused.content_type.clone(), body);
        let wanted = self.routes.iter().filter(|route| route.wants(&incoming.envelope)).map(|route| route.name.clone());
        let handlers: Vec<_> = wanted.collect();
        let Receipt { id, repeated, beside, .. } =
            self.inbox.accept(refused.number, incoming.wanted_by(handlers)).await?;
        Ok(Ok(Accepted { id, repeated, beside }))
    }
}
