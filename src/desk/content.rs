//! What is in an event: as a handler gets it, and what the event before it said of the same order or shipment.

use super::Desk;
use crate::decode;
use crate::event::{Answers, Event};
use crate::inbox::{AT_ONCE, EventView, Filter, InboxError};
use crate::model::{Envelope, Format};

impl Desk {
    /// The event as a handler gets it on the first attempt, but for the documents, which only a receiver has; `None` for a
    /// refused body, what was erased, and what was not fetched yet.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn event(&self, view: &EventView) -> Result<Option<Event>, InboxError> {
        let Some(kind) = view.kind.filter(|_| has_content(view)) else { return Ok(None) };
        let body = self.inbox.body(view.sequence).await?;
        let content_type = view.content_type.clone();
        // What the platform before has answered is no event by itself.
        let read = decode::envelope(content_type.as_deref(), &body).unwrap_or(Envelope {
            kind,
            format: Format::Json,
            event_name: None,
            message_id: None,
            subject: None,
            number: None,
            company_id: None,
            companies: Vec::new(),
            created: None,
        });
        let envelope = Envelope {
            kind,
            event_name: view.event_name.clone(),
            subject: view.subject.clone(),
            number: view.document_number.clone(),
            company_id: view.company_id.clone(),
            ..read
        };
        Ok(Some(Event {
            id: view.id.clone(),
            envelope,
            received: view.received,
            attempt: 1,
            round: 1,
            content_type,
            body,
            origin: view.origin.clone().into(),
            documents: None,
            answers: Answers::default(),
        }))
    }

    /// The event of the same kind and the same order or shipment that came before that one, if it is still there.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn before(&self, view: &EventView) -> Result<Option<EventView>, InboxError> {
        let Some(subject) = view.subject.clone().filter(|_| view.kind.is_some()) else { return Ok(None) };
        let mut filter = Filter {
            number: Some(subject),
            kind: view.kind,
            before: Some(view.sequence),
            limit: AT_ONCE,
            ..Filter::default()
        };
        loop {
            let sequences = self.inbox.sequences(&filter).await?;
            let Some(last) = sequences.last().copied() else { return Ok(None) };
            for sequence in sequences {
                let found = self.views(&[sequence]).await?.pop();
                // Others may name its id.
                if let Some(event) = found.filter(|event| event.subject == view.subject && has_content(event)) {
                    return Ok(Some(event));
                }
            }
            filter.before = Some(last);
        }
    }
}

fn has_content(view: &EventView) -> bool {
    view.erased.is_none() && view.size > 0
}
