//! The events in memory, in the order received.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::decode::Content;
use crate::inbox::{Claim, Due, EventKey, InboxError, Incoming};

/// So far ahead of the clock may the time of an event be that is to sort behind the one before.
const DAY: Duration = Duration::from_secs(86_400);

/// Settled events that stay known.
pub(super) const SETTLED_KEPT: usize = 10_000;

#[derive(Default)]
pub(super) struct Events {
    last: i64,
    pub(super) numbers: HashMap<EventKey, i64>,
    /// When the last one was received: that never goes back, whatever the clock does.
    latest: Timestamp,
    /// In the order received.
    pub(super) known: BTreeMap<i64, Known>,
    /// Those of them that a handler has to be given, or works on.
    open: BTreeSet<i64>,
    /// Lanes, by handler, that somebody works on.
    busy: HashSet<(String, i64)>,
}

pub(super) struct Known {
    pub(super) incoming: Incoming,
    pub(super) content: Content,
    pub(super) lane: i64,
    pub(super) deliveries: Vec<Delivery>,
}

pub(super) struct Delivery {
    pub(super) handler: String,
    pub(super) step: Step,
    pub(super) attempts: u32,
    pub(super) reason: Option<String>,
    pub(super) status: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Waiting,
    Working,
    /// Until the sender repeats the event.
    Failed,
    Done,
    Dead,
}

impl Events {
    /// Takes an event, if nothing has its key.
    pub(super) fn put(&mut self, mut incoming: Incoming, content: Content) -> bool {
        if self.numbers.contains_key(&incoming.key) {
            return false;
        }
        let most = incoming.received.saturating_add(DAY).unwrap_or(incoming.received);
        let least = self.latest.saturating_add(Duration::from_micros(1)).unwrap_or(self.latest);
        incoming.received = incoming.received.max(least).min(most);
        self.latest = incoming.received;
        let deliveries = incoming.handlers.iter().map(|handler| Delivery::new(handler)).collect();
        self.append(incoming, content, deliveries);
        true
    }

    /// What failed of an event is tried anew, with the body that came again.
    pub(super) fn again(&mut self, mut incoming: Incoming) -> Result<(), InboxError> {
        let number = self.numbers.get(&incoming.key).copied().ok_or_else(forgotten)?;
        let mut known = self.known.remove(&number).ok_or_else(forgotten)?;
        let was_open = known.is_open();
        known.deliveries = known.deliveries.into_iter().map(Delivery::again).collect();
        if was_open || !known.is_open() {
            // While a handler works on it, it keeps its place; the body says the same.
            self.known.insert(number, known);
        } else {
            // A handler knows it again by both.
            (incoming.id, incoming.received) = (known.incoming.id, known.incoming.received);
            self.append(incoming, known.content, known.deliveries);
        }
        Ok(())
    }

    fn append(&mut self, incoming: Incoming, content: Content, deliveries: Vec<Delivery>) {
        self.last += 1;
        self.numbers.insert(incoming.key, self.last);
        self.known.insert(self.last, Known { lane: incoming.lane(), incoming, content, deliveries });
        self.settle(self.last);
    }

    /// Notes whether an event is still to be worked on. If not, its body goes, and the oldest of those
    /// goes altogether.
    fn settle(&mut self, number: i64) {
        let Some(known) = self.known.get_mut(&number) else { return };
        if known.is_open() {
            self.open.insert(number);
            return;
        }
        self.open.remove(&number);
        known.incoming.body = Bytes::new();
        while self.known.len() - self.open.len() > SETTLED_KEPT {
            let Some(oldest) = self.known.keys().copied().find(|number| !self.open.contains(number)) else { return };
            if let Some(known) = self.known.remove(&oldest) {
                self.numbers.remove(&known.incoming.key);
            }
        }
    }

    pub(super) fn claim(&mut self, handler: &str, most: usize) -> Due {
        let mut due = Due::default();
        for number in &self.open {
            let Some(known) = self.known.get_mut(number) else { continue };
            let Some(delivery) = known.deliveries.iter_mut().find(|delivery| delivery.handler == handler) else {
                continue;
            };
            let place = (handler.to_owned(), known.lane);
            if delivery.step != Step::Waiting || self.busy.contains(&place) {
                continue;
            }
            if due.claims.len() == most {
                due.next = Some(Timestamp::now());
                break;
            }
            delivery.step = Step::Working;
            self.busy.insert(place);
            due.claims.push(Claim {
                event: *number,
                key: known.incoming.key,
                id: known.incoming.id.clone(),
                handler: handler.to_owned(),
                lane: known.lane,
                attempts: delivery.attempts,
                since: known.incoming.received,
                size: known.incoming.body.len(),
                format: known.incoming.envelope.format,
                round: 1,
                ends: 0,
            });
        }
        due
    }

    pub(super) fn end(&mut self, claim: &Claim, change: impl FnOnce(&mut Delivery)) {
        self.busy.remove(&(claim.handler.clone(), claim.lane));
        let known = self.known.get_mut(&claim.event);
        let deliveries = known.into_iter().flat_map(|known| &mut known.deliveries);
        if let Some(delivery) = deliveries.into_iter().find(|delivery| delivery.handler == claim.handler) {
            change(delivery);
        }
        self.settle(claim.event);
    }
}

impl Known {
    /// Whether a handler works on it or is to.
    fn is_open(&self) -> bool {
        self.deliveries.iter().any(|delivery| matches!(delivery.step, Step::Waiting | Step::Working))
    }
}

impl Delivery {
    fn new(handler: &str) -> Self {
        Self { handler: handler.to_owned(), step: Step::Waiting, attempts: 0, reason: None, status: None }
    }

    /// What failed, or was rejected, is tried anew when the sender repeats the event: nobody else can.
    fn again(self) -> Self {
        if matches!(self.step, Step::Failed | Step::Dead) { Self { step: Step::Waiting, ..self } } else { self }
    }
}

pub(super) fn forgotten() -> InboxError {
    InboxError::Failed("without an inbox (inbox.store = \"none\") this is not known any more".to_owned())
}
