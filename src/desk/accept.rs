//! A refused body that can be read as an event by now.

use bytes::Bytes;

use super::{Configured, Desk, Errand};
use crate::decode::{self, Body, DecodeError};
use crate::inbox::{Deed, EventView, InboxError, State};
use crate::intake::{IntakeError, Origin, Taken};
use crate::tradecloud::Known;

/// It is an event now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The event's id.
    pub id: String,
    /// It was there already.
    pub repeated: bool,
    /// The id of another event that has the same `messageId` or body, if there is one.
    pub beside: Option<String>,
    /// The id of another event, by which the state that this one brings had come by other means, if it had.
    pub known: Option<String>,
    /// The state it is in; none if it is not in the inbox any more.
    pub state: Option<State>,
    /// A receiver delivers something of it now.
    pub due: bool,
    /// Something of it is due once its handler goes on.
    pub paused: bool,
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
            Ok(taken) => {
                let known = self.known(refused, &body, &taken).await?;
                let accepted = self.accepted(taken).await?;
                Ok(Ok(Accepted { known, ..accepted }))
            }
            Err(IntakeError::NoEvent(error)) => Ok(Err(error)),
            Err(IntakeError::Store(error)) => Err(error),
            Err(error @ (IntakeError::NotFetched(_) | IntakeError::Unforeseen(_))) => {
                Err(InboxError::Failed(error.to_string()))
            }
        }
    }

    /// What it has become, and what is due by that: of an event that was there already, nothing.
    async fn accepted(&self, Taken { id, repeated, beside, .. }: Taken) -> Result<Accepted, InboxError> {
        let event = self.inbox.show(&id).await?;
        let deliveries = event.iter().filter(|_| !repeated).flat_map(|event| &event.deliveries);
        let (mut due, mut paused) = (false, false);
        for delivery in deliveries {
            // One that is not pending any more was delivered meanwhile.
            let configured = self.configured(&delivery.handler);
            due |= delivery.state != State::Pending || configured == Configured::Yes;
            paused |= delivery.state == State::Pending && configured == Configured::Paused;
        }
        let state = event.map(|event| event.state);
        Ok(Accepted { id, repeated, beside, known: None, state, due, paused })
    }

    /// The id of the event that had brought the state already: while a body is refused, a poll may find it missing.
    async fn known(&self, refused: &EventView, body: &Bytes, taken: &Taken) -> Result<Option<String>, InboxError> {
        let Some(event) = self.inbox.show(&taken.id).await?.filter(|_| !taken.repeated) else { return Ok(None) };
        let (Some(kind), Some(subject)) = (event.kind, event.subject) else { return Ok(None) };
        let body = Body::kept(refused.content_type.clone(), body.clone());
        let state = decode::state_of(&body);
        let known = Known::of(&*self.inbox, kind, &subject, Some(taken.key), state.as_ref()).await?;
        Ok(if known.has(body, state) { known.by } else { None })
    }

    async fn take(&self, refused: &EventView, body: &Bytes, errand: &Errand) -> Result<Taken, IntakeError> {
        let origin = Origin::accepted(refused);
        let event = self.intake.read(&origin, body).await?;
        self.intake.accept(&*self.inbox, refused.sequence, event, &errand.action(Deed::Accept)).await
    }
}
