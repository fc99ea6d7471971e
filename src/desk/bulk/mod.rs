//! What is done to many events in the background: a plan that is frozen before (`freeze`), so that nothing happens to more
//! than was shown, and work that a receiver does bit by bit once somebody has said so (`work`).
//!
//! A plan that nobody has run is in the memory of the receiver that made it, for ten minutes. Once it is run, all that it
//! takes to go on is in the inbox (`kept`), so that a process that dies is followed by another. Its id is that of the
//! action from then on: nothing is done twice under one id, which is looked at in each transaction.

mod freeze;
mod kept;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Mutex as Turns, Notify};
use uuid::Uuid;

pub use self::freeze::Frozen;

use self::kept::Work;
use super::deeds::Stage;
use super::errand::accepting;
use super::{Desk, Person};
use crate::inbox::{Count, DeedView, InboxError};
use crate::telemetry::events;

/// Plans that are remembered,
const PLANS: usize = 64;
/// and events in all of them, at eight bytes each.
const EVENTS: usize = 8_000_000;
/// Of so many that have ended it is told that they have, also if nothing was changed.
const LATELY: usize = 32;

/// Why a plan is not run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunError {
    /// It is not known, or not any more.
    #[error(
        "this plan is not known any more: plans are good for ten minutes, and until the receiver ends. Make it anew"
    )]
    Stale,
    /// Another one is worked on.
    #[error("another plan is being carried out: one at a time. Wait until it has ended, or stop it")]
    Busy,
    /// The inbox cannot be read or written.
    #[error(transparent)]
    Store(#[from] InboxError),
}

/// The plans of a receiver, and what it is at.
#[derive(Default)]
pub(super) struct Bulk {
    memory: Mutex<Memory>,
    /// Held by whoever makes a plan, as that takes memory and looks at everything,
    freezing: Turns<()>,
    /// and by whoever begins to run one.
    starting: Turns<()>,
    /// There is something to do.
    begun: Notify,
}

#[derive(Default)]
struct Memory {
    plans: BTreeMap<Uuid, Arc<Frozen>>,
    /// What this process has begun, or gone on with.
    at: Option<Uuid>,
    lately: VecDeque<Ended>,
}

/// Something that has ended.
#[derive(Clone)]
struct Ended {
    told: DeedView,
    stage: Stage,
    count: usize,
}

impl Bulk {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Remembers a plan; the oldest ones make room for it.
    fn keep(&mut self, plan: Arc<Frozen>) {
        self.forget_stale();
        self.plans.insert(plan.id, plan);
        while self.plans.len() > PLANS || self.plans.values().map(|plan| plan.sequences.len()).sum::<usize>() > EVENTS {
            let oldest = self.plans.values().min_by_key(|plan| plan.at).map(|plan| plan.id);
            if oldest.and_then(|oldest| self.plans.remove(&oldest)).is_none() {
                break;
            }
        }
    }

    fn forget_stale(&mut self) {
        let now = Timestamp::now();
        self.plans.retain(|_, plan| plan.expires > now);
    }

    fn ended(&mut self, ended: Ended) {
        self.lately.retain(|known| known.told.id != ended.told.id);
        self.lately.push_front(ended);
        self.lately.truncate(LATELY);
    }
}

impl Desk {
    /// The plan of that id, for as long as it is good.
    pub fn frozen(&self, id: Uuid) -> Option<Arc<Frozen>> {
        let mut memory = self.bulk.memory();
        memory.forget_stale();
        memory.plans.get(&id).cloned()
    }

    /// Has a plan carried out from now on, by that person; returns the id of the action. Durable on return. A plan that was
    /// run before is the same action.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn run(&self, id: Uuid, person: &Person) -> Result<Uuid, RunError> {
        self.run_because(id, person, None).await
    }

    /// The same, for a reason that is said only now. Without one, that of the plan is kept.
    ///
    /// # Errors
    /// As for [`Desk::run`].
    pub async fn run_because(&self, id: Uuid, person: &Person, reason: Option<String>) -> Result<Uuid, RunError> {
        let _one = self.bulk.starting.lock().await;
        if self.was_run(id).await? {
            return Ok(id);
        }
        let plan = self.frozen(id).ok_or(RunError::Stale)?;
        // Nobody else begins or ends one meanwhile.
        if !self.leads_bulk().await? {
            return Err(RunError::Busy);
        }
        if kept::work(&*self.inbox).await?.is_some() {
            return Err(RunError::Busy);
        }
        let work = Work::of(&plan, person, reason);
        kept::begin(&*self.inbox, &work, &plan.sequences).await?;
        {
            let mut memory = self.bulk.memory();
            memory.plans.remove(&id);
            memory.at = Some(id);
        }
        events::bulk::begun(id, &work.who, work.deed.as_str(), work.length, &work.filter);
        self.bulk.begun.notify_one();
        Ok(id)
    }

    /// Whether a plan was run, however long ago.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn was_run(&self, id: Uuid) -> Result<bool, InboxError> {
        let has_ended = || self.bulk.memory().lately.iter().any(|ended| ended.told.id == id);
        if has_ended() {
            return Ok(true);
        }
        if kept::work(&*self.inbox).await?.is_some_and(|work| work.id == id) {
            return Ok(true);
        }
        let is_kept = self.inbox.deed(id).await?.is_some() || self.inbox.deed(accepting(id)).await?.is_some();
        // It may have ended while it was looked for.
        Ok(is_kept || has_ended())
    }

    /// Has the action of that id stopped that goes on: what it has done stays. Durable on return. Returns whether it goes
    /// on.
    ///
    /// # Errors
    /// If the inbox cannot be read or written.
    pub async fn stop(&self, action: Uuid) -> Result<bool, InboxError> {
        let goes_on = kept::work(&*self.inbox).await?.is_some_and(|work| work.id == action);
        if goes_on {
            kept::stop(&*self.inbox, action).await?;
            self.bulk.begun.notify_one();
        }
        Ok(goes_on)
    }

    /// What goes on and what has ended lately, as it is before anything of it is kept, with how many events it is about.
    pub(super) async fn told_of_bulk(&self) -> Result<Vec<(DeedView, Stage, usize)>, InboxError> {
        let running = kept::work(&*self.inbox).await?;
        let lately: Vec<_> = self.bulk.memory().lately.iter().cloned().collect();
        let running_id = running.as_ref().map(|work| work.id);
        let mut told: Vec<_> = running.map(|work| (work.told(), Stage::Running, work.count)).into_iter().collect();
        let ended = lately.into_iter().filter(|ended| Some(ended.told.id) != running_id);
        told.extend(ended.map(|Ended { told, stage, count }| (told, stage, count)));
        Ok(told)
    }
}

/// As far as it was counted.
fn least(count: Count) -> usize {
    match count {
        Count::Exactly(count) | Count::MoreThan(count) => count,
    }
}
