//! What is done to one event that somebody has before him.

use super::plan::Plan;
use super::{Aside, Delivered, Desk, Errand, Note, Outcome};
use crate::inbox::{EventView, InboxError};

impl Desk {
    /// Has that event delivered: to `handler`, whatever became of it there, or to each that is not done with it. A refused
    /// body that can be read by now becomes an event.
    ///
    /// # Errors
    /// If the inbox cannot be read or written.
    pub async fn deliver_one(
        &self,
        view: &EventView,
        handler: Option<&str>,
        errand: &Errand,
    ) -> Result<Outcome, InboxError> {
        let (plan, errand) = (Plan::of(view.sequence), errand.clone().to(handler));
        let outcomes = self.round(&plan, &errand).next().await?;
        let outcome = outcomes.into_iter().flatten().next().map(|(_, outcome)| outcome);
        Ok(outcome.unwrap_or_else(|| Outcome::Delivered(Delivered::left(Note::Gone))))
    }

    /// Sets that event aside: what is pending, dead or refused of it, by `handler` only if one is named.
    ///
    /// # Errors
    /// If the inbox cannot be read or written.
    pub async fn discard_one(
        &self,
        view: &EventView,
        handler: Option<&str>,
        errand: &Errand,
    ) -> Result<Aside, InboxError> {
        let (plan, errand) = (Plan::of(view.sequence), errand.clone().to(handler));
        let asides = self.set_aside(&plan, &errand).next().await?;
        let aside = asides.into_iter().flatten().next();
        Ok(aside.unwrap_or_else(|| Aside { id: view.id.clone(), discarded: 0, under_way: Vec::new() }))
    }
}
