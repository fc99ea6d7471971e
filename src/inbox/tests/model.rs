//! An inbox, and beside it what it should hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::place::Place;
use super::{How, Step};
use crate::dispatch::Route;
use crate::inbox::{Claim, Filter, Finish, Incoming, Overdue, Receipt, SharedInbox, State};
use crate::model::{Envelope, Format, Kind};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

const HANDLERS: [&str; 2] = ["erp", "disk"];

/// What the model knows of one delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Delivery {
    state: State,
    attempts: u32,
    /// Waits for its next attempt.
    later: bool,
}

const NEW: Delivery = Delivery { state: State::Pending, attempts: 0, later: false };

/// An event of the model: its lane, and a delivery per handler. `None` once it was swept.
type Event = Option<(usize, [Delivery; 2])>;

/// The inbox and what it should be.
pub(super) struct Both {
    runtime: tokio::runtime::Runtime,
    place: Box<dyn Place>,
    inbox: SharedInbox,
    routes: Arc<[Route]>,
    stored: Vec<Incoming>,
    events: Vec<Event>,
    /// What is worked on, with the index of its event.
    claims: Vec<(usize, usize, Claim)>,
}

impl Both {
    pub(super) fn new(place: impl Place + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            inbox: runtime.block_on(place.open()),
            runtime,
            place: Box::new(place),
            routes: HANDLERS.map(Route::all).into(),
            stored: Vec::new(),
            events: Vec::new(),
            claims: Vec::new(),
        }
    }

    pub(super) fn apply(&mut self, step: &Step) {
        let pick = |number: usize, length: usize| (length > 0).then(|| number % length);
        match *step {
            Step::Store { order } => self.store(order),
            Step::StoreAgain { event } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.store_again(event);
            }
            Step::StoreOther { event } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.store_other(event);
            }
            Step::StoreUnnamed { order, body } => self.store_unnamed(order, body),
            Step::Claim { handler, most } => self.claim(handler, most),
            Step::Finish { claim, how } => {
                let Some(claim) = pick(claim, self.claims.len()) else { return };
                self.finish(claim, how);
            }
            Step::Release { claim } => {
                let Some(claim) = pick(claim, self.claims.len()) else { return };
                let (.., claim) = self.claims.remove(claim);
                self.runtime.block_on(self.inbox.release(&claim));
            }
            Step::Deliver { event, handler, only } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.deliver(event, handler, only);
            }
            Step::Discard { event } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.discard(event);
            }
            Step::Hurry { event } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.runtime.block_on(self.inbox.hurry(self.stored[event].key)).unwrap();
                for delivery in self.events[event].iter_mut().flat_map(|(_, deliveries)| deliveries) {
                    delivery.later = false;
                }
            }
            Step::Sweep => self.sweep(),
            Step::Crash => {
                self.inbox = self.runtime.block_on(self.place.open_after_a_crash());
                self.claims.clear();
            }
        }
    }

    fn store(&mut self, order: Option<usize>) {
        let number = self.events.len();
        // Order documents go in the lane of their order.
        let kind = if number.is_multiple_of(2) { Kind::Order } else { Kind::OrderDocuments };
        let incoming = incoming(kind, Some(format!("message-{number}")), order, &format!("body {number}"));
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone(), Arc::clone(&self.routes))).unwrap();
        assert_eq!(receipt, Receipt::stored(&incoming));
        // An event without order or shipment is alone in its lane.
        self.add(incoming, &receipt, order.unwrap_or(1000 + number));
    }

    /// A message as it was sent before.
    fn store_again(&mut self, event: usize) {
        let Incoming { envelope, received, path, content_type, body, id, .. } = self.stored[event].clone();
        let again = Incoming::new(envelope, received, path, content_type, body);
        let first = self.runtime.block_on(self.inbox.show(&again.id)).unwrap();
        if self.events[event].is_none() || again.is_unnamed() || first.is_none() {
            return;
        }
        let receipt = self.runtime.block_on(self.inbox.store(again, Arc::clone(&self.routes))).unwrap();
        assert_eq!((receipt.repeated, receipt.id), (true, id));
    }

    /// Another message that has the `messageId` of one that is there: it is an event of its own.
    fn store_other(&mut self, event: usize) {
        let (number, base) = (self.events.len(), &self.stored[event]);
        let (Some((lane, _)), Some(message_id)) = (self.events[event], base.envelope.message_id.clone()) else {
            return;
        };
        let is_there = self.runtime.block_on(self.inbox.show(&message_id)).unwrap().is_some();
        if !is_there {
            return;
        }
        let order = (lane < 1000).then_some(lane);
        let incoming = incoming(base.envelope.kind, Some(message_id.clone()), order, &format!("other body {number}"));
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone(), Arc::clone(&self.routes))).unwrap();
        assert!(!receipt.repeated);
        assert_eq!(receipt.beside, Some(message_id), "{receipt:?}");
        self.add(incoming, &receipt, order.unwrap_or(1000 + number));
    }

    /// One of the two bodies that an order has without a `messageId`.
    fn store_unnamed(&mut self, order: usize, body: usize) {
        let incoming = incoming(Kind::Order, None, Some(order), &format!("unnamed body {body}"));
        let base = self.stored.iter().position(|stored| stored.id == incoming.id);
        if base.is_some_and(|base| self.events[base].is_none()) {
            return; // Its id is to be had once only here.
        }
        let newest = self.stored.iter().zip(&self.events).rev().find(|(stored, _)| stored.lane() == incoming.lane());
        // It is the same event only if it is the newest of its order.
        let same = newest.filter(|(stored, event)| event.is_some() && stored.body == incoming.body);
        let same = same.map(|(stored, _)| stored.id.clone());
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone(), Arc::clone(&self.routes))).unwrap();
        assert_eq!(receipt.repeated.then(|| receipt.id.clone()), same, "{receipt:?}");
        if !receipt.repeated {
            assert_eq!(receipt.beside, base.map(|_| incoming.id.clone()), "{receipt:?}");
            self.add(incoming, &receipt, order);
        }
    }

    fn add(&mut self, incoming: Incoming, receipt: &Receipt, lane: usize) {
        assert!(self.stored.iter().all(|stored| stored.key != receipt.key), "{receipt:?}");
        self.stored.push(Incoming { key: receipt.key, id: receipt.id.clone(), ..incoming });
        self.events.push(Some((lane, [NEW; 2])));
    }

    /// The events that could be claimed for `handler`: of each lane where nobody works, the first that
    /// is pending; if that one is not waiting for its time.
    fn claimable(&self, handler: usize) -> (BTreeSet<usize>, bool) {
        let mut seen: BTreeSet<usize> =
            self.claims.iter().filter(|(_, by, _)| *by == handler).map(|(lane, ..)| *lane).collect();
        let (mut found, mut waiting) = (BTreeSet::new(), false);
        for (event, (lane, deliveries)) in self.live() {
            if deliveries[handler].state == State::Pending && seen.insert(lane) {
                if deliveries[handler].later {
                    waiting = true;
                } else {
                    found.insert(event);
                }
            }
        }
        (found, waiting)
    }

    fn live(&self) -> impl Iterator<Item = (usize, (usize, [Delivery; 2]))> {
        self.events.iter().enumerate().filter_map(|(number, event)| Some((number, (*event)?)))
    }

    fn claim(&mut self, handler: usize, most: usize) {
        let (claimable, waiting) = self.claimable(handler);
        let due = self.runtime.block_on(self.inbox.claim(HANDLERS[handler], most)).unwrap();
        assert_eq!(due.claims.len(), most.min(claimable.len()), "of {claimable:?}: {due:?}");
        assert_eq!(due.next.is_some(), claimable.len() > most || waiting, "{due:?}");
        for claim in due.claims {
            let event = self.stored.iter().position(|stored| stored.key == claim.key).unwrap();
            assert!(claimable.contains(&event), "{claim:?} is not one of {claimable:?}");
            let (lane, deliveries) = self.events[event].unwrap();
            assert_eq!(claim.attempts, deliveries[handler].attempts, "{claim:?}");
            let loaded = self.runtime.block_on(self.inbox.load(&claim)).unwrap();
            assert_eq!((&loaded.body, loaded.attempt), (&self.stored[event].body, claim.attempts + 1));
            self.claims.push((lane, handler, claim));
        }
    }

    fn finish(&mut self, claim: usize, how: How) {
        let (lane, handler, claim) = self.claims.remove(claim);
        let event = self.stored.iter().position(|stored| stored.key == claim.key).unwrap();
        let later = Timestamp::now() + SignedDuration::from_hours(1);
        let finish = match how {
            How::Done => Finish::Done,
            How::RetryNow => Finish::Retry { at: Timestamp::now(), reason: "now".to_owned() },
            How::RetryLater => Finish::Retry { at: later, reason: "later".to_owned() },
            How::Dead => Finish::Dead { reason: "dead".to_owned(), status: Some(422) },
        };
        self.runtime.block_on(self.inbox.finish(&claim, finish, Duration::from_millis(1))).unwrap();
        let first = self.live().find(|(_, (of, all))| *of == lane && all[handler].state == State::Pending);
        let is_first = first.is_some_and(|(first, _)| first == event);
        let Some((_, deliveries)) = &mut self.events[event] else { return };
        let delivery = &mut deliveries[handler];
        if delivery.state == State::Pending {
            delivery.attempts = claim.attempts + 1;
            // One that an earlier event has overtaken meanwhile waits for that, not for a time.
            delivery.later = matches!(how, How::RetryLater) && is_first;
            delivery.state = match how {
                How::Done => State::Done,
                How::RetryNow | How::RetryLater => State::Pending,
                How::Dead => State::Dead,
            };
        }
    }

    fn deliver(&mut self, event: usize, handler: Option<usize>, only: Option<State>) {
        let Some((lane, before)) = self.events[event] else { return };
        let number = self.number(event);
        let name = handler.map(|index| HANDLERS[index]);
        let count = self.runtime.block_on(self.inbox.deliver(number, name, only)).unwrap();
        let mut expected = 0;
        for (index, delivery) in before.iter().enumerate() {
            let wanted = match handler {
                None => delivery.state != State::Done,
                Some(one) => one == index,
            };
            if !wanted || only.is_some_and(|only| only != delivery.state) {
                continue;
            }
            if delivery.state != State::Pending {
                expected += 1;
                for (of, deliveries) in self.events[event + 1..].iter_mut().flatten() {
                    // Those behind it wait for it again.
                    deliveries[index].later &= *of != lane;
                }
                if let Some((_, deliveries)) = &mut self.events[event] {
                    deliveries[index] = NEW;
                }
            } else if delivery.later {
                expected += 1;
                if let Some((_, deliveries)) = &mut self.events[event] {
                    deliveries[index].later = false;
                }
            }
        }
        assert_eq!(count, expected);
    }

    fn discard(&mut self, event: usize) {
        let Some((_, before)) = self.events[event] else { return };
        let number = self.number(event);
        let count = self.runtime.block_on(self.inbox.discard(number)).unwrap();
        let open = |delivery: &Delivery| matches!(delivery.state, State::Pending | State::Dead);
        assert_eq!(count, before.iter().filter(|delivery| open(delivery)).count());
        if let Some((_, deliveries)) = &mut self.events[event] {
            for delivery in deliveries.iter_mut().filter(|delivery| open(delivery)) {
                delivery.state = State::Discarded;
                delivery.later = false;
            }
        }
    }

    fn sweep(&mut self) {
        let soon = Timestamp::now() + SignedDuration::from_secs(1);
        let overdue = Overdue { finished: soon, unwanted: Some(soon), soon };
        while !self.runtime.block_on(self.inbox.sweep(overdue)).unwrap().complete {}
        for event in &mut self.events {
            let finished = |delivery: &Delivery| matches!(delivery.state, State::Done | State::Discarded);
            if event.is_some_and(|(_, deliveries)| deliveries.iter().all(finished)) {
                *event = None;
            }
        }
    }

    fn number(&self, event: usize) -> i64 {
        self.runtime.block_on(self.inbox.show(&self.stored[event].id)).unwrap().unwrap().number
    }

    /// What people are shown is what the model says.
    pub(super) fn compare(&self) {
        for (index, stored) in self.stored.iter().enumerate() {
            let shown = self.runtime.block_on(self.inbox.show(&stored.id)).unwrap();
            let Some((lane, deliveries)) = self.events[index] else {
                assert_eq!(shown, None, "swept");
                continue;
            };
            for delivery in shown.unwrap().deliveries {
                let handler = HANDLERS.iter().position(|name| *name == delivery.handler).unwrap();
                let expected = deliveries[handler];
                assert_eq!((delivery.state, delivery.attempts), (expected.state, expected.attempts), "{index}");
                let is_first = |(_, (of, all)): &(usize, (usize, [Delivery; 2]))| {
                    *of == lane && all[handler].state == State::Pending
                };
                let first = self.live().find(is_first).map_or(index, |(first, _)| first);
                let waits_for = (expected.state == State::Pending && first < index).then(|| &self.stored[first].id);
                assert_eq!(delivery.waits_for.as_ref(), waits_for, "{index}");
                assert!(waits_for.is_none() || delivery.due.is_none(), "{index}");
            }
        }
    }

    /// What is listed by state and handler is what the model says, the newest first.
    pub(super) fn compare_lists(&self) {
        for state in [State::Pending, State::Done, State::Dead, State::Discarded] {
            for handler in [None, Some(0), Some(1)] {
                let name = handler.map(|index: usize| HANDLERS[index].to_owned());
                let filter = Filter { state: Some(state), handler: name, limit: 1000, ..Filter::default() };
                let listed = self.runtime.block_on(self.inbox.list(&filter)).unwrap();
                let is_in_state = |deliveries: &[Delivery; 2]| match (handler, state) {
                    (Some(index), _) => deliveries[index].state == state,
                    (None, State::Done) => deliveries.iter().all(|delivery| delivery.state == state),
                    (None, _) => deliveries.iter().any(|delivery| delivery.state == state),
                };
                let mut expected: Vec<_> = self
                    .live()
                    .filter(|(_, (_, deliveries))| is_in_state(deliveries))
                    .map(|(number, _)| self.stored[number].id.clone())
                    .collect();
                expected.reverse();
                assert_eq!(listed.into_iter().map(|event| event.id).collect::<Vec<_>>(), expected, "{state:?}");
            }
        }
    }

    /// Whatever is pending is delivered in the end, if the handlers are willing.
    pub(super) fn finish_all(&mut self) {
        while !self.claims.is_empty() {
            self.finish(0, How::Done);
        }
        for event in 0..self.events.len() {
            self.apply(&Step::Hurry { event });
        }
        for handler in 0..HANDLERS.len() {
            loop {
                self.claim(handler, 2);
                if self.claims.is_empty() {
                    break;
                }
                while !self.claims.is_empty() {
                    self.finish(0, How::Done);
                }
            }
        }
        let left = self.live().filter(|(_, (_, all))| all.iter().any(|delivery| delivery.state == State::Pending));
        assert_eq!(left.count(), 0);
        self.compare();
    }
}

/// A message of an order, if it says which.
fn incoming(kind: Kind, message_id: Option<String>, order: Option<usize>, body: &str) -> Incoming {
    let envelope = Envelope {
        kind,
        format: Format::Json,
        event_name: None,
        message_id,
        subject: order.map(|order| format!("order-{order}")),
        number: None,
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    let body = order.map_or_else(|| body.to_owned(), |order| format!("{body} of {order}"));
    Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from(body))
}
