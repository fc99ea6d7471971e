//! What people did, the newest first; and of what goes on, or has just ended, how far it is.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::errand::accepting;
use super::{Desk, Page};
use crate::inbox::{AT_ONCE, DeedView, InboxError};

/// What somebody did or has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeedSeen {
    /// What is kept of it.
    #[serde(flatten)]
    pub deed: DeedView,
    /// How far it is, if it goes on or has ended lately.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// How far something is that is done to many events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Whether it goes on.
    pub state: Stage,
    /// How many events it is about,
    pub count: usize,
    /// and how many of those it has changed: the others were not as they had been any more.
    pub done: u64,
}

/// Whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It does.
    Running,
    /// Somebody has stopped it.
    Stopped,
    /// It has come to its end.
    Finished,
}

/// Where a page of a list ends.
type Place = (Timestamp, Uuid);

impl Desk {
    /// What people did, the newest first: so many at the most, of those before that one; and where the next begin, if there
    /// are more. What goes on or has just ended, and has changed nothing so far, is among them.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn deeds(
        &self,
        before: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<DeedSeen>, Option<Place>), InboxError> {
        let mut deeds = self.inbox.deeds(before, limit + 1).await?;
        let told = self.told_of_bulk().await?;
        for (deed, ..) in &told {
            let is_asked = before.is_none_or(|before| (deed.at, deed.id) < before);
            if is_asked && self.inbox.deed(deed.id).await?.is_none() {
                deeds.push(deed.clone());
            }
        }
        deeds.sort_by_key(|deed| Reverse((deed.at, deed.id)));
        let more = deeds.len() > limit;
        deeds.truncate(limit);
        let next = deeds.last().map(|last| (last.at, last.id)).filter(|_| more);
        let mut seen = Vec::with_capacity(deeds.len());
        for deed in deeds {
            let progress = told.iter().find(|(told, ..)| told.id == deed.id).map(|(_, stage, count)| (*stage, *count));
            seen.push(self.looked_at(deed, progress).await?);
        }
        Ok((seen, next))
    }

    /// One of them.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn deed(&self, id: Uuid) -> Result<Option<DeedSeen>, InboxError> {
        let kept = self.inbox.deed(id).await?;
        let told = self.told_of_bulk().await?.into_iter().find(|(told, ..)| told.id == id);
        match (kept, told) {
            (None, None) => Ok(None),
            (Some(deed), None) => self.looked_at(deed, None).await.map(Some),
            (kept, Some((told, stage, count))) => {
                self.looked_at(kept.unwrap_or(told), Some((stage, count))).await.map(Some)
            }
        }
    }

    /// Some of the events that it was done to, and of the refused bodies that became events by it: those that it came to
    /// first and that are still there, the oldest first.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn acted(&self, id: Uuid, limit: usize) -> Result<Page, InboxError> {
        let mut sequences = Vec::new();
        for id in [id, accepting(id)] {
            let acted = self.inbox.acted(id, None, limit).await?;
            sequences.extend(acted.into_iter().filter_map(|one| one.sequence));
        }
        sequences.sort_unstable();
        sequences.dedup();
        sequences.truncate(limit.min(AT_ONCE));
        self.page(&sequences).await
    }

    /// With how far it is. What was done is counted by what is kept of it.
    async fn looked_at(&self, deed: DeedView, progress: Option<(Stage, usize)>) -> Result<DeedSeen, InboxError> {
        let Some((state, count)) = progress else { return Ok(DeedSeen { deed, progress: None }) };
        let accepted = self.inbox.deed(accepting(deed.id)).await?.map_or(0, |accepted| accepted.events);
        let done = deed.events + accepted;
        Ok(DeedSeen { deed, progress: Some(Progress { state, count, done }) })
    }
}
