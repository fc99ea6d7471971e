//! An inbox, and beside it what it should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::place::Place;
use super::{How, Step};
use crate::inbox::{Archive, Claim, EventView, Filter, Finish, Incoming, Overdue, Receipt, RefusedBody, State};
use crate::model::{Envelope, Format, Kind};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

const HANDLERS: [&str; 2] = ["erp", "disk"];

/// How many bodies there are that are refused.
pub(super) const BODIES: usize = 3;

/// What the model knows of one delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Delivery {
    state: State,
    attempts: u32,
    /// Waits for its next attempt.
    later: bool,
}

const NEW: Delivery = Delivery { state: State::Pending, attempts: 0, later: false };

/// An event of the model: its lane, and a delivery per handler that is to have it. `None` once it was swept.
type Event = Option<(usize, [Option<Delivery>; 2])>;

/// A refused body of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Refused {
    copies: u32,
    discarded: bool,
}

/// The inbox and what it should be.
pub(super) struct Both {
    runtime: tokio::runtime::Runtime,
    place: Box<dyn Place>,
    inbox: Arc<dyn Archive>,
    stored: Vec<Incoming>,
    events: Vec<Event>,
    /// By the numbers of the bodies.
    refused: BTreeMap<usize, Refused>,
    /// The ids of events and refused bodies, in the order they were stored.
    order: Vec<String>,
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
            stored: Vec::new(),
            events: Vec::new(),
            refused: BTreeMap::new(),
            order: Vec::new(),
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
            Step::StoreFor { order, wanted } => self.store_for(order, wanted),
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
                for delivery in self.events[event].iter_mut().flat_map(|(_, deliveries)| deliveries).flatten() {
                    delivery.later = false;
                }
            }
            Step::Refuse { body } => self.refuse(body),
            Step::DiscardRefused { body } => self.discard_refused(body),
            Step::Accept { body } => self.accept(body),
            Step::Sweep { unwanted } => self.sweep(unwanted),
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
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone().wanted_by(HANDLERS))).unwrap();
        assert_eq!(receipt, Receipt::stored(&incoming));
        // An event without order or shipment is alone in its lane.
        self.add(incoming, &receipt, order.unwrap_or(1000 + number));
    }

    /// An event that only some handlers want.
    fn store_for(&mut self, order: usize, wanted: [bool; 2]) {
        let incoming = incoming(Kind::Order, Some(format!("message-{}", self.events.len())), Some(order), "for some");
        let of = HANDLERS.iter().zip(wanted).filter(|(_, wanted)| *wanted);
        let for_them = incoming.clone().wanted_by(of.map(|(name, _)| *name));
        let receipt = self.runtime.block_on(self.inbox.store(for_them)).unwrap();
        assert_eq!(receipt, Receipt::stored(&incoming));
        self.add(incoming, &receipt, order);
        self.events.pop();
        self.events.push(Some((order, wanted.map(|wanted| wanted.then_some(NEW)))));
    }

    /// A message as it was sent before.
    fn store_again(&mut self, event: usize) {
        let Incoming { envelope, received, path, content_type, body, id, .. } = self.stored[event].clone();
        let again = Incoming::new(envelope, received, path, content_type, body);
        let first = self.runtime.block_on(self.inbox.show(&again.id)).unwrap();
        if self.events[event].is_none() || again.is_unnamed() || first.is_none() {
            return;
        }
        let receipt = self.runtime.block_on(self.inbox.store(again.wanted_by(HANDLERS))).unwrap();
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
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone().wanted_by(HANDLERS))).unwrap();
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
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone().wanted_by(HANDLERS))).unwrap();
        assert_eq!(receipt.repeated.then(|| receipt.id.clone()), same, "{receipt:?}");
        if !receipt.repeated {
            assert_eq!(receipt.beside, base.map(|_| incoming.id.clone()), "{receipt:?}");
            self.add(incoming, &receipt, order);
        }
    }

    fn add(&mut self, incoming: Incoming, receipt: &Receipt, lane: usize) {
        assert!(self.stored.iter().all(|stored| stored.key != receipt.key), "{receipt:?}");
        self.stored.push(Incoming { key: receipt.key, id: receipt.id.clone(), ..incoming });
        self.events.push(Some((lane, [Some(NEW); 2])));
        self.order.push(receipt.id.clone());
    }

    fn refuse(&mut self, body: usize) {
        let id = self.runtime.block_on(self.inbox.refuse(refused(body))).unwrap();
        assert_eq!(id, Some(refused_id(body)));
        let known = self.refused.entry(body).or_insert_with(|| {
            self.order.push(refused_id(body));
            Refused { copies: 0, discarded: false }
        });
        // Somebody is to look once more.
        *known = Refused { copies: known.copies + 1, discarded: false };
    }

    fn discard_refused(&mut self, body: usize) {
        let Some(known) = self.refused.get_mut(&body) else { return };
        let number = self.runtime.block_on(self.inbox.show(&refused_id(body))).unwrap().unwrap().number;
        let count = self.runtime.block_on(self.inbox.discard(number)).unwrap();
        assert_eq!(count, usize::from(!known.discarded));
        known.discarded = true;
    }

    /// The event that a refused body is after all is always the same.
    fn accept(&mut self, body: usize) {
        let incoming = incoming(Kind::Order, Some(format!("accepted-{body}")), Some(body), "accepted");
        let before = self.stored.iter().position(|stored| stored.id == incoming.id);
        if !self.refused.contains_key(&body) || before.is_some_and(|before| self.events[before].is_none()) {
            return; // Its id is to be had once only here.
        }
        let number = self.runtime.block_on(self.inbox.show(&refused_id(body))).unwrap().unwrap().number;
        let accepting = self.inbox.accept(number, incoming.clone().wanted_by(HANDLERS));
        let receipt = self.runtime.block_on(accepting).unwrap();
        assert_eq!(receipt, Receipt { repeated: before.is_some(), ..Receipt::stored(&incoming) });
        self.forget_refused(body);
        if before.is_none() {
            self.add(incoming, &receipt, body);
        }
    }

    fn forget_refused(&mut self, body: usize) {
        self.refused.remove(&body);
        self.order.retain(|id| *id != refused_id(body));
    }

    /// The events that could be claimed for `handler`: of each lane where nobody works, the first that
    /// is pending; if that one is not waiting for its time.
    fn claimable(&self, handler: usize) -> (BTreeSet<usize>, bool) {
        let mut seen: BTreeSet<usize> =
            self.claims.iter().filter(|(_, by, _)| *by == handler).map(|(lane, ..)| *lane).collect();
        let (mut found, mut waiting) = (BTreeSet::new(), false);
        for (event, (lane, deliveries)) in self.live() {
            let pending = deliveries[handler].filter(|delivery| delivery.state == State::Pending);
            if let Some(delivery) = pending
                && seen.insert(lane)
            {
                if delivery.later {
                    waiting = true;
                } else {
                    found.insert(event);
                }
            }
        }
        (found, waiting)
    }

    fn live(&self) -> impl Iterator<Item = (usize, (usize, [Option<Delivery>; 2]))> {
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
            assert_eq!(Some(claim.attempts), deliveries[handler].map(|delivery| delivery.attempts), "{claim:?}");
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
        let is_first = self.first(lane, handler) == Some(event);
        let Some((_, deliveries)) = &mut self.events[event] else { return };
        let Some(delivery) = &mut deliveries[handler] else { return };
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

    /// The first event of a lane that is pending.
    fn first(&self, lane: usize, handler: usize) -> Option<usize> {
        let is_pending = |all: &[Option<Delivery>; 2]| all[handler].is_some_and(|one| one.state == State::Pending);
        self.live().find(|(_, (of, all))| *of == lane && is_pending(all)).map(|(event, _)| event)
    }

    fn deliver(&mut self, event: usize, handler: Option<usize>, only: Option<State>) {
        let Some((lane, before)) = self.events[event] else { return };
        let number = self.number(event);
        let name = handler.map(|index| HANDLERS[index]);
        let count = self.runtime.block_on(self.inbox.deliver(number, name, only)).unwrap();
        let mut expected = 0;
        for (index, delivery) in before.iter().enumerate() {
            let state = delivery.map(|delivery| delivery.state);
            let wanted = match handler {
                None => state.is_some_and(|state| state != State::Done),
                // Whether it wanted the event or not.
                Some(one) => one == index,
            };
            if !wanted || only.is_some_and(|only| Some(only) != state) {
                continue;
            }
            if state != Some(State::Pending) {
                expected += 1;
                for (of, deliveries) in self.events[event + 1..].iter_mut().flatten() {
                    // Those behind it wait for it again.
                    if let Some(behind) = &mut deliveries[index] {
                        behind.later &= *of != lane;
                    }
                }
                if let Some((_, deliveries)) = &mut self.events[event] {
                    deliveries[index] = Some(NEW);
                }
            } else if delivery.is_some_and(|delivery| delivery.later) {
                expected += 1;
                if let Some((_, deliveries)) = &mut self.events[event] {
                    deliveries[index] = delivery.map(|delivery| Delivery { later: false, ..delivery });
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
        assert_eq!(count, before.iter().flatten().filter(|delivery| open(delivery)).count());
        if let Some((_, deliveries)) = &mut self.events[event] {
            for delivery in deliveries.iter_mut().flatten().filter(|delivery| open(delivery)) {
                delivery.state = State::Discarded;
                delivery.later = false;
            }
        }
    }

    fn sweep(&mut self, unwanted: bool) {
        let soon = Timestamp::now() + SignedDuration::from_secs(1);
        let possible = soon + SignedDuration::from_hours(24);
        let overdue = Overdue { finished: soon, unwanted: unwanted.then_some(soon), soon, possible };
        while !self.runtime.block_on(self.inbox.sweep(overdue)).unwrap().complete {}
        let is_over = |event: &Event| {
            let finished = |delivery: &Delivery| matches!(delivery.state, State::Done | State::Discarded);
            event.is_some_and(|(_, deliveries)| match deliveries {
                [None, None] => unwanted,
                some => some.iter().flatten().all(finished),
            })
        };
        for (event, stored) in self.events.iter_mut().zip(&self.stored).filter(|(event, _)| is_over(event)) {
            *event = None;
            self.order.retain(|id| *id != stored.id);
        }
        for body in 0..BODIES {
            if self.refused.get(&body).is_some_and(|known| known.discarded) {
                self.forget_refused(body);
            }
        }
    }

    fn number(&self, event: usize) -> i64 {
        self.runtime.block_on(self.inbox.show(&self.stored[event].id)).unwrap().unwrap().number
    }

    fn show(&self, id: &str) -> Option<EventView> {
        self.runtime.block_on(self.inbox.show(id)).unwrap()
    }

    /// What people are shown is what the model says.
    pub(super) fn compare(&self) {
        for (index, stored) in self.stored.iter().enumerate() {
            let shown = self.show(&stored.id);
            let Some((lane, deliveries)) = self.events[index] else {
                assert_eq!(shown, None, "swept");
                continue;
            };
            let shown = shown.unwrap();
            assert_eq!(shown.deliveries.len(), deliveries.iter().flatten().count(), "{shown:?}");
            assert_eq!(shown.state == State::Unwanted, deliveries == [None, None], "{shown:?}");
            for delivery in shown.deliveries {
                let handler = HANDLERS.iter().position(|name| *name == delivery.handler).unwrap();
                let expected = deliveries[handler].unwrap();
                assert_eq!((delivery.state, delivery.attempts), (expected.state, expected.attempts), "{index}");
                let first = self.first(lane, handler).unwrap_or(index);
                let waits_for = (expected.state == State::Pending && first < index).then(|| &self.stored[first].id);
                assert_eq!(delivery.waits_for.as_ref(), waits_for, "{index}");
                assert!(waits_for.is_none() || delivery.due.is_none(), "{index}");
            }
        }
        for body in 0..BODIES {
            let shown = self.show(&refused_id(body)).map(|shown| (shown.copies, shown.state, shown.deliveries.len()));
            let state = |known: &Refused| if known.discarded { State::Discarded } else { State::Refused };
            assert_eq!(shown, self.refused.get(&body).map(|known| (Some(known.copies), state(known), 0)), "{body}");
        }
    }

    /// What is listed by state and handler is what the model says, the newest first.
    pub(super) fn compare_lists(&self) {
        let states = [State::Pending, State::Done, State::Dead, State::Discarded, State::Refused, State::Unwanted];
        for state in states.into_iter().map(Some).chain([None]) {
            for handler in [None, Some(0), Some(1)] {
                let name = handler.map(|index: usize| HANDLERS[index].to_owned());
                let filter = Filter { state, handler: name, limit: 1000, ..Filter::default() };
                let listed = self.runtime.block_on(self.inbox.list(&filter)).unwrap();
                let events = self.live().filter(|(_, (_, deliveries))| is_listed(deliveries, state, handler));
                let refused = self.refused.iter().filter(|(_, known)| match state {
                    None => handler.is_none(),
                    Some(State::Refused) => handler.is_none() && !known.discarded,
                    Some(State::Discarded) => handler.is_none() && known.discarded,
                    Some(_) => false,
                });
                let ids: BTreeSet<_> = events
                    .map(|(number, _)| self.stored[number].id.clone())
                    .chain(refused.map(|(body, _)| refused_id(*body)))
                    .collect();
                let expected: Vec<_> = self.order.iter().rev().filter(|id| ids.contains(*id)).cloned().collect();
                let listed: Vec<_> = listed.into_iter().map(|event| event.id).collect();
                assert_eq!(listed, expected, "{state:?} {handler:?}");
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
        let is_pending = |all: &[Option<Delivery>; 2]| all.iter().flatten().any(|one| one.state == State::Pending);
        let left = self.live().filter(|(_, (_, all))| is_pending(all));
        assert_eq!(left.count(), 0);
        self.compare();
    }
}

/// Whether an event with these deliveries is listed for a state and a handler.
fn is_listed(deliveries: &[Option<Delivery>; 2], state: Option<State>, handler: Option<usize>) -> bool {
    let states: Vec<_> = deliveries.iter().flatten().map(|delivery| delivery.state).collect();
    match (handler, state) {
        (Some(index), None) => deliveries[index].is_some(),
        (Some(index), Some(state)) => deliveries[index].is_some_and(|delivery| delivery.state == state),
        (None, None) => true,
        (None, Some(State::Unwanted)) => states.is_empty(),
        (None, Some(State::Done)) => !states.is_empty() && states.iter().all(|one| *one == State::Done),
        (None, Some(state)) => states.contains(&state),
    }
}

/// One of the bodies that are refused.
fn refused(body: usize) -> RefusedBody {
    RefusedBody {
        received: Timestamp::now(),
        path: "/".to_owned(),
        content_type: None,
        reason: "no JSON".to_owned(),
        status: 400,
        body: Bytes::from(format!("refused {body}")),
    }
}

fn refused_id(body: usize) -> String {
    refused(body).key().1
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
