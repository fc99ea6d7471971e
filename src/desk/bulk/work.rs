//! Carries out what somebody has said yes to: in the background, so many events a transaction, with room for others in
//! between. Of several receivers on one inbox it is the one that leads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::Ended;
use super::kept::{self, Kept, Work};
use crate::desk::deeds::Stage;
use crate::desk::errand::accepting;
use crate::desk::plan::{Scope, can_be_changed};
use crate::desk::{Desk, Errand, Plan};
use crate::inbox::{AT_ONCE, Deed, EventView, InboxError};
use crate::telemetry::events;

/// What a receiver leads that does it.
const LEAD: &str = "bulk";
/// For so long from each batch on, which takes far less. After a crash another receiver waits for that.
const FOR_LONG: Duration = Duration::from_secs(5);
/// Room for deliveries between two batches.
const BREATH: Duration = Duration::from_millis(10);
/// How often it is looked whether another receiver has left something, or the inbox is back.
const LOOK: Duration = Duration::from_secs(3);

impl Desk {
    /// Does what there is to do, until `stopped`. What is not done by then, whoever comes next goes on with.
    pub(crate) async fn work(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut fails = false;
        while !*stopped.borrow() {
            // Apart, so that nothing comes of it to the receiver however it ends.
            let (desk, until) = (Arc::clone(&self), stopped.clone());
            let ended = tokio::spawn(async move { desk.go_on(&until).await }).await;
            let error = match ended {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            // Told once, until it works again.
            if let Some(error) = error.as_deref().filter(|_| !fails && !*stopped.borrow()) {
                events::bulk::fails(error);
            }
            fails = error.is_some();
            tokio::select! {
                () = self.bulk.begun.notified() => {}
                () = sleep(LOOK) => {}
                _ = stopped.changed() => break,
            }
        }
    }

    /// Whether this receiver is the one that carries out plans.
    pub(super) async fn leads_bulk(&self) -> Result<bool, InboxError> {
        self.inbox.lead(LEAD, FOR_LONG).await
    }

    /// Goes on with what there is, to its end.
    async fn go_on(&self, stopped: &watch::Receiver<bool>) -> Result<(), InboxError> {
        if matches!(kept::read(&*self.inbox).await?, Kept::Nothing) || !self.leads_bulk().await? {
            return Ok(());
        }
        // Whoever has led before may have ended it.
        match kept::read(&*self.inbox).await? {
            Kept::Nothing => {}
            Kept::Unreadable => self.give_up().await?,
            Kept::Work(work) => match kept::sequences(&*self.inbox, &work).await? {
                None => self.give_up().await?,
                Some(sequences) => self.carry_out(&work, &sequences, stopped).await?,
            },
        }
        // So that no other has to wait for its end.
        self.inbox.lead(LEAD, Duration::ZERO).await.map(drop)
    }

    async fn give_up(&self) -> Result<(), InboxError> {
        events::bulk::unreadable();
        kept::clear(&*self.inbox).await
    }

    async fn carry_out(
        &self,
        work: &Work,
        sequences: &[i64],
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), InboxError> {
        let mut position = kept::position(&*self.inbox, work).await?;
        if self.bulk.memory().at.replace(work.id) != Some(work.id) {
            events::bulk::goes_on(work.id, &work.who, work.deed.as_str(), position, sequences.len());
        }
        let errand = work.errand();
        loop {
            if kept::is_stopped(&*self.inbox, work).await? {
                return self.end(work, Stage::Stopped).await;
            }
            let left = sequences.get(position..).unwrap_or_default();
            if left.is_empty() {
                return self.end(work, Stage::Finished).await;
            }
            if *stopped.borrow() {
                events::bulk::left(work.id, position, sequences.len());
                return Ok(());
            }
            // Whoever was silent for too long is followed by another, who knows how far it was.
            if !self.leads_bulk().await? {
                return Ok(());
            }
            let batch = &left[..left.len().min(AT_ONCE)];
            self.change(work, &errand, batch).await?;
            position += batch.len();
            kept::move_to(&*self.inbox, work, position).await?;
            sleep(BREATH).await;
        }
    }

    /// Does it to these, as far as they are still as they were meant, and it was not done to them before.
    async fn change(&self, work: &Work, errand: &Errand, batch: &[i64]) -> Result<(), InboxError> {
        let (filter, ids) = (work.filter(), errand.ids());
        let is_meant = |event: &&EventView| {
            can_be_changed(event, &filter, work.deed)
                && filter.number.as_ref().is_none_or(|number| event.names(number))
                && !event.actions.iter().any(|action| ids.contains(&action.id))
        };
        // One that cannot be read keeps nobody from the others.
        let page = self.page(batch).await?;
        let sequences = page.events.iter().filter(is_meant).map(|event| event.sequence).collect();
        let plan = Plan { sequences, scope: Scope::States(filter.states.clone()), ..Plan::default() };
        if work.deed == Deed::Discard {
            let mut set_aside = self.set_aside(&plan, errand);
            while set_aside.next().await?.is_some() {}
        } else {
            let mut round = self.round(&plan, errand);
            while round.next().await?.is_some() {}
        }
        Ok(())
    }

    async fn end(&self, work: &Work, stage: Stage) -> Result<(), InboxError> {
        let mut done = 0;
        for id in [work.id, accepting(work.id)] {
            done += self.inbox.deed(id).await?.map_or(0, |deed| deed.events);
        }
        self.bulk.memory().ended(Ended { told: work.told(), stage, count: work.count });
        kept::clear(&*self.inbox).await?;
        match stage {
            Stage::Stopped => events::bulk::stopped(work.id, done, work.length),
            Stage::Running | Stage::Finished => events::bulk::ended(work.id, done, work.length),
        }
        Ok(())
    }
}
