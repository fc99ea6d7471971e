//! What came before an event and after it of the same order or shipment; and a document of it.

use super::Desk;
use crate::event::Held;
use crate::inbox::{AT_ONCE, EventView, Filter, InboxError};

/// The events beside one.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    pub(crate) before: Option<EventView>,
    pub(crate) after: Option<EventView>,
}

impl Desk {
    /// The events that name the same order or shipment, just before that one and just after it. It is looked for among the
    /// newest of them.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn neighbours(&self, view: &EventView) -> Result<Neighbours, InboxError> {
        let Some(number) = view.subject.clone().or_else(|| view.document_number.clone()) else {
            return Ok(Neighbours::default());
        };
        let filter = Filter { number: Some(number), limit: AT_ONCE, ..Filter::default() };
        let newest = self.newest(&filter).await?;
        let Some(at) = newest.iter().position(|sequence| *sequence == view.sequence) else {
            return Ok(Neighbours::default());
        };
        let beside = async |at: Option<usize>| match at.and_then(|at| newest.get(at)) {
            Some(sequence) => self.views(&[*sequence]).await.map(|mut found| found.pop()),
            None => Ok(None),
        };
        Ok(Neighbours { before: beside(at.checked_add(1)).await?, after: beside(at.checked_sub(1)).await? })
    }

    /// The document of that id, if it is on the disk of this receiver.
    pub(crate) async fn document(&self, id: &str) -> Option<Held> {
        self.dispatch.documents()?.on_disk(id).await
    }

    /// How far something that is polled has come, by the name it is noted under.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub(crate) async fn polled_until(&self, name: &str) -> Result<Option<String>, InboxError> {
        self.inbox.cursor(name).await
    }
}
