//! Finds events: page by page, because nobody can hold all of a large inbox.

use super::Desk;
use crate::inbox::{AT_ONCE, ActionView, Count, EventView, Filter, InboxError, Unread};

/// So far is counted: whoever finds more than that wants to know that, and not how many.
pub const COUNTED: usize = 10_000;

/// Some events, and those of them that cannot be read.
#[derive(Debug, Default)]
pub struct Page {
    /// What could be read.
    pub events: Vec<EventView>,
    /// The sequences of what is there and cannot be read, each with why: a page of the disk is damaged.
    pub unreadable: Vec<(i64, InboxError)>,
}

/// Events that match, the newest first, as many as the filter's limit says.
pub struct Pages<'d> {
    desk: &'d Desk,
    filter: Filter,
    left: usize,
}

impl Pages<'_> {
    /// The next of them; `None` if there are no more.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn next(&mut self) -> Result<Option<Page>, InboxError> {
        self.filter.limit = self.left.min(AT_ONCE);
        if self.filter.limit == 0 {
            return Ok(None);
        }
        let mut sequences = self.desk.inbox.sequences(&self.filter).await?;
        let Some(last) = sequences.last() else { return Ok(None) };
        self.filter.before = Some(*last);
        let is_last = sequences.len() < self.filter.limit;
        sequences.reverse();
        let mut page = self.desk.page(&sequences).await?;
        page.events.reverse();
        page.unreadable.reverse();
        // An event may be removed before it is read: that there are fewer says nothing of what comes behind.
        self.left = if is_last { 0 } else { self.left - page.events.len() };
        Ok(Some(page))
    }
}

impl Desk {
    /// Events that match, the newest first, without their bodies: no more than the filter's limit.
    pub fn pages(&self, filter: &Filter) -> Pages<'_> {
        Pages { desk: self, filter: filter.clone(), left: filter.limit }
    }

    /// As many events that match as the filter's limit says (one page at the most), the newest first, and below which
    /// sequence the next begin, if there are more.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn window(&self, filter: &Filter) -> Result<(Page, Option<i64>), InboxError> {
        let limit = filter.limit.min(AT_ONCE);
        let mut sequences = self.inbox.sequences(&Filter { limit: limit + 1, ..filter.clone() }).await?;
        let more = sequences.len() > limit;
        sequences.truncate(limit);
        let next = sequences.last().copied().filter(|_| more);
        sequences.reverse();
        let mut page = self.page(&sequences).await?;
        page.events.reverse();
        page.unreadable.reverse();
        Ok((page, next))
    }

    /// How many events match, whatever the limit, counted up to [`COUNTED`].
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn count(&self, filter: &Filter) -> Result<Count, InboxError> {
        self.inbox.count(filter, COUNTED).await
    }

    /// The sequences of every event that matches, the oldest first.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn sequences(&self, filter: &Filter) -> Result<Vec<i64>, InboxError> {
        let mut filter = Filter { limit: AT_ONCE, ..filter.clone() };
        let mut sequences = Vec::new();
        loop {
            let page = self.inbox.sequences(&filter).await?;
            let Some(last) = page.last() else { break };
            filter.before = Some(*last);
            sequences.extend(page);
        }
        sequences.reverse();
        Ok(sequences)
    }

    /// The events of these sequences, one page at the most, that there are: the oldest first.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn views(&self, sequences: &[i64]) -> Result<Vec<EventView>, InboxError> {
        let mut events = self.inbox.views(sequences).await?;
        events.reverse();
        Ok(events)
    }

    /// The same, where one that cannot be read keeps nobody from the others.
    ///
    /// # Errors
    /// If the inbox cannot be read at all, or what is asked takes too long.
    pub async fn page(&self, sequences: &[i64]) -> Result<Page, InboxError> {
        match self.views(sequences).await {
            Ok(events) => return Ok(Page { events, ..Page::default() }),
            Err(InboxError::Failed(_)) => {}
            Err(error) => return Err(error),
        }
        let mut page = Page::default();
        for sequence in sequences {
            match self.views(&[*sequence]).await {
                Ok(events) => page.events.extend(events),
                Err(error @ InboxError::Failed(_)) => {
                    self.ensure_there().await?;
                    page.unreadable.push((*sequence, error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// A store that answers nothing at all has no damaged events, and is not asked for each of them.
    pub(super) async fn ensure_there(&self) -> Result<(), InboxError> {
        self.inbox.sequences(&Filter { limit: 1, ..Filter::default() }).await.map(drop)
    }

    /// One event in full, by its id, if it is there.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError> {
        self.inbox.show(id).await
    }

    /// What people did to the event or refused body of that id, whether or not it is still there.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn actions(&self, id: &str) -> Result<Vec<ActionView>, InboxError> {
        self.inbox.actions(id).await
    }

    /// The id of the event that the refused body of that id has become, if it has.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn became(&self, id: &str) -> Result<Option<String>, InboxError> {
        let actions = self.inbox.actions(id).await?;
        Ok(actions.into_iter().rev().filter(|action| action.event == id).find_map(|action| action.became))
    }

    /// How far the references are read of what came before those were kept; `None` if all of it is.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn unread(&self) -> Result<Option<Unread>, InboxError> {
        self.inbox.unread().await
    }
}
