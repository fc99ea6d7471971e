//! What would come after something newer: an event that is delivered once its order or shipment has a later one that the
//! back end has already may put an older state in the place of a newer one there.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Desk;
use crate::inbox::{EventView, Filter, InboxError, State};
use crate::model::Kind;

/// Later events that are looked at for one question: others may name the same order.
const FEW: usize = 20;
/// So many questions are asked of a plan,
const LOOKS: usize = 200;
/// and for so long.
const WHILE: Duration = Duration::from_secs(2);
/// Events of a plan that are remembered for it.
const REMEMBERED: usize = 10_000;

/// How many events of a plan would overtake: come after a later one that a handler has already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overtaking {
    /// So many
    pub events: usize,
    /// of those that were looked at.
    pub looked: usize,
    /// Whether all were.
    pub all: bool,
}

/// An event that is to be delivered, and where it goes.
struct Going {
    sequence: i64,
    kind: Kind,
    subject: String,
    handlers: Vec<String>,
}

/// Those of a plan.
#[derive(Default)]
pub(super) struct Goings {
    all: Vec<Going>,
    too_many: bool,
    others: usize,
}

impl Goings {
    /// Notes an event of the plan. What is of no order or shipment, or goes nowhere, overtakes nothing.
    pub(super) fn add(&mut self, event: &EventView, filter: &Filter) {
        let handlers = goes_to(event, filter.handler.as_deref(), &filter.states);
        let (Some(kind), Some(subject)) = (event.kind, &event.subject) else {
            self.others += 1;
            return;
        };
        if self.all.len() < REMEMBERED {
            self.all.push(Going { sequence: event.sequence, kind, subject: subject.clone(), handlers });
        } else {
            self.too_many = true;
        }
    }
}

/// The handlers that an event would go to.
fn goes_to(event: &EventView, handler: Option<&str>, states: &[State]) -> Vec<String> {
    let is_asked = |state: State| states.is_empty() || states.contains(&state);
    if let Some(handler) = handler {
        return vec![handler.to_owned()];
    }
    let open = event.deliveries.iter().filter(|one| one.state != State::Done && is_asked(one.state));
    open.map(|one| one.handler.clone()).collect()
}

impl Desk {
    /// The later events of the same order or shipment that a handler is done with already to which this one would go: to
    /// `handler`, or to each that is not done with it. The newest first, some at the most.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn overtakes(&self, view: &EventView, handler: Option<&str>) -> Result<Vec<EventView>, InboxError> {
        let mut later: Vec<EventView> = Vec::new();
        let (Some(kind), Some(subject)) = (view.kind, &view.subject) else { return Ok(later) };
        for handler in goes_to(view, handler, &[]) {
            for event in self.done_after(view.sequence, kind, subject, &handler).await? {
                if later.iter().all(|known| known.sequence != event.sequence) {
                    later.push(event);
                }
            }
        }
        later.sort_unstable_by_key(|event| std::cmp::Reverse(event.sequence));
        Ok(later)
    }

    /// How many of these would, as far as can be said at once.
    pub(super) async fn overtaking(&self, goings: &Goings) -> Overtaking {
        let begun = Instant::now();
        let mut found = Overtaking { events: 0, looked: goings.others, all: !goings.too_many };
        let mut newest: HashMap<(Kind, &str, &str), Option<i64>> = HashMap::new();
        for going in &goings.all {
            let mut overtakes = false;
            for handler in &going.handlers {
                let place = (going.kind, going.subject.as_str(), handler.as_str());
                let known = match newest.get(&place) {
                    Some(known) => *known,
                    None if newest.len() >= LOOKS || begun.elapsed() >= WHILE => {
                        return Overtaking { all: false, ..found };
                    }
                    None => {
                        // The newest of all, whichever of the plan's it is compared with.
                        let Ok(done) = self.done_after(i64::MIN, going.kind, &going.subject, handler).await else {
                            return Overtaking { all: false, ..found };
                        };
                        let done = done.first().map(|event| event.sequence);
                        newest.insert(place, done);
                        done
                    }
                };
                overtakes |= known.is_some_and(|newest| newest > going.sequence);
            }
            found.looked += 1;
            found.events += usize::from(overtakes);
        }
        found
    }

    /// Events of an order or shipment after that one that the handler is done with, the newest first.
    async fn done_after(
        &self,
        sequence: i64,
        kind: Kind,
        subject: &str,
        handler: &str,
    ) -> Result<Vec<EventView>, InboxError> {
        let filter = Filter {
            number: Some(subject.to_owned()),
            kind: Some(kind),
            handler: Some(handler.to_owned()),
            states: vec![State::Done],
            limit: FEW,
            ..Filter::default()
        };
        let mut sequences = self.inbox.sequences(&filter).await?;
        sequences.retain(|later| *later > sequence);
        if sequences.is_empty() {
            return Ok(Vec::new());
        }
        let mut events = self.inbox.views(&sequences).await?;
        // Others may name its id.
        events.retain(|event| event.subject.as_deref() == Some(subject));
        Ok(events)
    }
}
