//! A refused body that can be read as an event by now.

use bytes::Bytes;

use super::{Desk, Errand};
use crate::decode::DecodeError;
use crate::inbox::{Deed, EventView, InboxError};
use crate::intake::{IntakeError, Origin, Taken};

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
    pub async fn accept(
        &self,
        refused: &EventView,
        errand: &Errand,
    ) -> Result<Result<Accepted, Unreadable>, InboxError> {
        let body = self.inbox.body(refused.sequence).await?;
        match self.take(refused, &body, errand).await {
            Ok(Taken { id, repeated, beside, .. }) => Ok(Ok(Accepted { id, repeated, beside })),
            Err(IntakeError::NoEvent(error)) => Ok(Err(error)),
            Err(IntakeError::Store(error)) => Err(error),
            Err(error @ IntakeError::Unforeseen(_)) => Err(InboxError::Failed(error.to_string())),
        }
    }

    async fn take(&self, refused: &EventView, body: &Bytes, errand: &Errand) -> Result<Taken, IntakeError> {
        let origin = Origin::accepted(refused);
        let event = self.intake.read(&origin, body).await?;
        self.intake.accept(&*self.inbox, refused.sequence, event, &errand.action(Deed::Accept)).await
    }
}
