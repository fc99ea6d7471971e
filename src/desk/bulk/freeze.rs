//! A plan that is made from afar: what it is about is fixed before somebody says yes to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use uuid::Uuid;

use crate::desk::errand::in_words;
use crate::desk::overtakes::Goings;
use crate::desk::plan::{Scope, can_be_changed};
use crate::desk::{Desk, Overtaking, Person, Plan};
use crate::inbox::{AT_ONCE, Count, Deed, EventView, Filter, InboxError, State};
use crate::model::Kind;

/// How long a plan is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(10);
/// No plan is about more events.
const MOST: usize = 4_000_000;
/// So long the events of a plan are looked at. The others are looked at when their turn comes, as all are.
const LOOKING: Duration = Duration::from_secs(8);
/// Events of an action that are asked for at a time.
const PAGE: usize = 10_000;
/// So long somebody waits until another's plan is made.
const PATIENCE: Duration = Duration::from_secs(10);

/// A plan that is the same until it is run.
#[derive(Debug)]
pub struct Frozen {
    /// What it is known by, and what is done once it is run.
    pub id: Uuid,
    /// Who has made it.
    pub person: Person,
    /// To have them delivered, or set aside.
    pub deed: Deed,
    /// What it is about.
    pub filter: Filter,
    /// Of what it is about only what that action has set aside, and nobody has touched since.
    pub undoes: Option<Uuid>,
    /// Why.
    pub reason: Option<String>,
    /// How many events: exactly, if all could be looked at.
    pub count: Count,
    /// How many of them are in each state,
    pub states: Vec<(State, usize)>,
    /// of each kind (refused bodies have none),
    pub kinds: Vec<(Option<Kind>, usize)>,
    /// and how many deliveries by each handler are to be changed.
    pub handlers: BTreeMap<String, usize>,
    /// When the first of them was received,
    pub oldest: Option<Timestamp>,
    /// and the last.
    pub newest: Option<Timestamp>,
    /// Numbers in another spelling than the one that was asked for, each with its events: they are not meant.
    pub others: BTreeMap<String, usize>,
    /// How many match besides, at which there is nothing to change.
    pub beyond: usize,
    /// Events that would come after a later one of their order or shipment.
    pub overtakes: Overtaking,
    /// The last event that there was: none after it is meant.
    pub sequence: i64,
    /// When it was frozen,
    pub at: Timestamp,
    /// and until when it can be run.
    pub expires: Timestamp,
    /// What it is about, the oldest first.
    pub(super) sequences: Vec<i64>,
}

impl Desk {
    /// Freezes what there is to do: whatever matches now, and nothing that comes later or matches later. Nothing is done.
    /// Without a state, dead letters are delivered.
    ///
    /// # Errors
    /// If the inbox cannot be read, or there is too much.
    pub async fn freeze(
        &self,
        person: &Person,
        deed: Deed,
        filter: &Filter,
        reason: Option<String>,
    ) -> Result<Arc<Frozen>, InboxError> {
        self.freeze_as(Uuid::new_v4(), person, deed, filter, reason).await
    }

    /// The same under an id that it is to be known by.
    ///
    /// # Errors
    /// As for [`Desk::freeze`].
    pub async fn freeze_as(
        &self,
        id: Uuid,
        person: &Person,
        deed: Deed,
        filter: &Filter,
        reason: Option<String>,
    ) -> Result<Arc<Frozen>, InboxError> {
        let _one = timeout(PATIENCE, self.bulk.freezing.lock()).await.map_err(|_| InboxError::TooLong)?;
        let mut filter = filter.clone();
        if deed == Deed::Deliver && filter.states.is_empty() {
            filter.states.push(State::Dead);
        }
        let asked = Begun { id, deed, filter, undoes: None, reason };
        let newest = self.newest(&Filter { limit: 1, ..Filter::default() }).await?;
        let sequence = newest.first().copied().unwrap_or_default();
        let mut all = self.sequences(&asked.filter).await?;
        all.retain(|one| *one <= sequence);
        self.freeze_these(person, asked, sequence, all).await
    }

    /// Freezes what it takes to undo an action that has set events aside: that they are delivered, as far as nobody has
    /// touched them since. `None` if that action is not known, or was another thing.
    ///
    /// # Errors
    /// As for [`Desk::freeze`].
    pub async fn freeze_undo(&self, person: &Person, action: Uuid) -> Result<Option<Arc<Frozen>>, InboxError> {
        let _one = timeout(PATIENCE, self.bulk.freezing.lock()).await.map_err(|_| InboxError::TooLong)?;
        let Some(deed) = self.inbox.deed(action).await?.filter(|deed| deed.what == Deed::Discard) else {
            return Ok(None);
        };
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.inbox.acted(action, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            all.extend(page.iter().filter_map(|one| one.sequence));
            if all.len() > MOST {
                break;
            }
        }
        all.sort_unstable();
        let filter = Filter { states: vec![State::Discarded], handler: deed.handler, ..Filter::default() };
        let asked = Begun { id: Uuid::new_v4(), deed: Deed::Deliver, filter, undoes: Some(action), reason: None };
        let sequence = all.last().copied().unwrap_or_default();
        self.freeze_these(person, asked, sequence, all).await.map(Some)
    }

    /// Freezes these, the oldest first.
    async fn freeze_these(
        &self,
        person: &Person,
        Begun { id, deed, filter, undoes, reason }: Begun,
        sequence: i64,
        all: Vec<i64>,
    ) -> Result<Arc<Frozen>, InboxError> {
        let at = Timestamp::now();
        if all.len() > MOST {
            return Err(InboxError::TooLong);
        }
        let mut look = Look::new(deed, &filter, undoes);
        let begun = Instant::now();
        let mut looked = 0;
        for batch in all.chunks(AT_ONCE) {
            if begun.elapsed() >= LOOKING {
                break;
            }
            self.page(batch).await?.events.iter().for_each(|event| look.at(event));
            looked += batch.len();
        }
        let overtakes = if deed == Deed::Deliver { self.overtaking(&look.goings).await } else { Overtaking::default() };
        let Look { mut plan, handlers, .. } = look;
        let count = plan.sequences.len();
        let count = if looked < all.len() { Count::MoreThan(count) } else { Count::Exactly(count) };
        plan.sequences.extend_from_slice(&all[looked..]);
        let frozen = Arc::new(Frozen {
            id,
            person: person.clone(),
            deed,
            filter,
            undoes,
            reason,
            count,
            states: plan.states,
            kinds: plan.kinds,
            handlers,
            oldest: plan.oldest,
            newest: plan.newest,
            others: plan.others,
            beyond: plan.beyond,
            overtakes,
            sequence,
            at,
            expires: Timestamp::now().saturating_add(GOOD_FOR).unwrap_or(Timestamp::MAX),
            sequences: plan.sequences,
        });
        self.bulk.memory().keep(Arc::clone(&frozen));
        Ok(frozen)
    }
}

impl Frozen {
    /// What it is about, as the command line has it.
    pub fn words(&self) -> String {
        let words = in_words(&self.filter);
        match self.undoes {
            Some(action) => format!("{words}, set aside by action {action}"),
            None => words,
        }
    }
}

/// What is asked for.
struct Begun {
    id: Uuid,
    deed: Deed,
    filter: Filter,
    undoes: Option<Uuid>,
    reason: Option<String>,
}

/// What is seen of the events.
struct Look<'f> {
    deed: Deed,
    filter: &'f Filter,
    undoes: Option<Uuid>,
    plan: Plan,
    handlers: BTreeMap<String, usize>,
    goings: Goings,
}

impl<'f> Look<'f> {
    fn new(deed: Deed, filter: &'f Filter, undoes: Option<Uuid>) -> Self {
        let plan = Plan { scope: Scope::States(filter.states.clone()), ..Plan::default() };
        Self { deed, filter, undoes, plan, handlers: BTreeMap::new(), goings: Goings::default() }
    }

    fn at(&mut self, event: &EventView) {
        let last = event.actions.iter().rev().find(|action| action.what == Deed::Discard).map(|action| action.id);
        let is_another = self.undoes.is_some() && last != self.undoes;
        if is_another || !can_be_changed(event, self.filter, self.deed) {
            self.plan.beyond += 1;
            return;
        }
        if !self.plan.add(event, self.filter) {
            return;
        }
        for delivery in &event.deliveries {
            if self.is_meant(&delivery.handler, delivery.state) {
                *self.handlers.entry(delivery.handler.clone()).or_default() += 1;
            }
        }
        if self.deed == Deed::Deliver {
            self.goings.add(event, self.filter);
        }
    }

    /// Whether a delivery is one of those to be changed.
    fn is_meant(&self, handler: &str, state: State) -> bool {
        let is_asked = self.filter.states.is_empty() || self.filter.states.contains(&state);
        let can_be = match self.deed {
            Deed::Discard => state.is_to_be_made() || state == State::Dead,
            _ => self.filter.handler.is_some() || state != State::Done,
        };
        is_asked && can_be && self.filter.handler.as_ref().is_none_or(|named| named == handler)
    }
}
