//! An inbox, and beside it what it should hold.

mod deliveries;
mod notices;
mod shown;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::action;
use super::place::Place;
use super::{How, Step};
use crate::inbox::{Archive, Arrival, Claim, Deed, Ending, FETCH, Incoming, Overdue, Receipt, RefusedBody, State};
use crate::model::{Envelope, Format, Kind, Reference, What};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

const HANDLERS: [&str; 3] = ["erp", "disk", FETCH];

/// Those of them that events are stored for.
const WANTING: [&str; 2] = ["erp", "disk"];

/// The number of the one that fetches.
pub(super) const FETCHES: usize = 2;

/// The deliveries of an event, by handler.
type Deliveries = [Option<Delivery>; 3];

/// How many bodies there are that are refused.
pub(super) const BODIES: usize = 3;

/// What the model knows of one delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Delivery {
    state: State,
    attempts: u32,
    round: u32,
    /// Waits for its next attempt.
    later: bool,
}

impl Delivery {
    /// The state it is seen in.
    fn seen(self, handler: usize) -> State {
        if handler == FETCHES && self.state == State::Pending { State::Fetching } else { self.state }
    }
}

const NEW: Delivery = Delivery { state: State::Pending, attempts: 0, round: 1, later: false };

/// What else the model knows of an event, whether it is there or was swept.
#[derive(Debug, Clone, Default, PartialEq)]
struct Kept {
    /// By handler, the number in its round, and how it ended.
    attempts: Vec<(usize, u32, Ending)>,
    repeats: u32,
    deeds: Vec<Deed>,
    erased: bool,
    notice: Option<Noticed>,
}

/// What the model knows of a notice.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Noticed {
    order: usize,
    /// An attempt to fetch it has begun, and has not failed.
    begun: bool,
    fetched: bool,
}

/// An event of the model: its lane, and a delivery per handler that is to have it. `None` once it was swept.
type Event = Option<(usize, Deliveries)>;

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
    kept: Vec<Kept>,
    /// By the numbers of the bodies.
    refused: BTreeMap<usize, Refused>,
    /// What was done to each of the refused bodies, also to those that are gone.
    deeds_on_refused: BTreeMap<usize, Vec<Deed>>,
    /// Every action that has changed something, with how many events.
    acted: BTreeMap<Uuid, (Deed, u64)>,
    /// The ids of events and refused bodies, in the order they were stored.
    order: Vec<String>,
    /// The highest sequence that something was given: it is never given again, whatever is removed.
    highest: i64,
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
            kept: Vec::new(),
            refused: BTreeMap::new(),
            deeds_on_refused: BTreeMap::new(),
            acted: BTreeMap::new(),
            order: Vec::new(),
            highest: i64::MIN,
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
            Step::Notice { order } => self.notice(order),
            Step::Fetched { event, wanted } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.fetched(event, wanted);
            }
            Step::Begin { claim } => {
                let Some(claim) = pick(claim, self.claims.len()) else { return };
                self.begin(claim);
            }
            Step::Claim { handler, most } => self.claim(handler, most),
            Step::Finish { claim, how } => {
                let Some(claim) = pick(claim, self.claims.len()) else { return };
                self.finish(claim, how);
            }
            Step::Release { claim } => {
                let Some(claim) = pick(claim, self.claims.len()) else { return };
                let (_, handler, claim) = self.claims.remove(claim);
                self.runtime.block_on(self.inbox.release(&claim));
                self.fetch_failed(handler, &claim);
            }
            Step::Deliver { event, handler, only } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.deliver(&[event], handler, only);
            }
            Step::Discard { event, handler, only } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.discard(&[event], handler, only);
            }
            Step::DeliverAll { only } => {
                let all = self.all_in(only);
                self.deliver(&all, None, Some(only));
            }
            Step::DiscardAll { only } => {
                let all = self.all_in(only);
                self.discard(&all, None, Some(only));
            }
            Step::Erase { event } => {
                let Some(event) = pick(event, self.events.len()) else { return };
                self.erase(event);
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
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone().wanted_by(WANTING))).unwrap();
        assert_eq!(receipt, Receipt::stored(&incoming));
        // An event without order or shipment is alone in its lane.
        self.add(incoming, &receipt, order.unwrap_or(1000 + number));
    }

    /// An event that only some handlers want.
    fn store_for(&mut self, order: usize, wanted: [bool; 2]) {
        let incoming = incoming(Kind::Order, Some(format!("message-{}", self.events.len())), Some(order), "for some");
        let of = WANTING.iter().zip(wanted).filter(|(_, wanted)| *wanted);
        let for_them = incoming.clone().wanted_by(of.map(|(name, _)| *name));
        let receipt = self.runtime.block_on(self.inbox.store(for_them)).unwrap();
        assert_eq!(receipt, Receipt::stored(&incoming));
        self.add(incoming, &receipt, order);
        self.events.pop();
        let [erp, disk] = wanted.map(|wanted| wanted.then_some(NEW));
        self.events.push(Some((order, [erp, disk, None])));
    }

    /// A message as it was sent before.
    fn store_again(&mut self, event: usize) {
        let Incoming { envelope, received, path, content_type, body, id, .. } = self.stored[event].clone();
        let again = Incoming::new(envelope, received, path, content_type, body);
        let first = self.runtime.block_on(self.inbox.show(&again.id)).unwrap();
        // A notice has an id that no message has.
        let is_notice = self.kept[event].notice.is_some();
        if self.events[event].is_none() || again.is_unnamed() || first.is_none() || is_notice {
            return;
        }
        let receipt = self.runtime.block_on(self.inbox.store(again.wanted_by(WANTING))).unwrap();
        assert_eq!((receipt.repeated, receipt.id), (true, id));
        self.kept[event].repeats += 1;
    }

    /// Another message that has the `messageId` of one that is there: it is an event of its own.
    fn store_other(&mut self, event: usize) {
        let (number, base) = (self.events.len(), &self.stored[event]);
        let (Some((lane, _)), Some(message_id)) = (self.events[event], base.envelope.message_id.clone()) else {
            return;
        };
        let is_there = self.runtime.block_on(self.inbox.show(&message_id)).unwrap().is_some();
        if !is_there || self.kept[event].notice.is_some() {
            return;
        }
        let order = (lane < 1000).then_some(lane);
        let incoming = incoming(base.envelope.kind, Some(message_id.clone()), order, &format!("other body {number}"));
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone().wanted_by(WANTING))).unwrap();
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
        let receipt = self.runtime.block_on(self.inbox.store(incoming.clone().wanted_by(WANTING))).unwrap();
        assert_eq!(receipt.repeated.then(|| receipt.id.clone()), same, "{receipt:?}");
        if let Some(same) = self.stored.iter().position(|stored| receipt.repeated && stored.id == receipt.id) {
            self.kept[same].repeats += 1;
        } else {
            assert_eq!(receipt.beside, base.map(|_| incoming.id.clone()), "{receipt:?}");
            self.add(incoming, &receipt, order);
        }
    }

    fn add(&mut self, incoming: Incoming, receipt: &Receipt, lane: usize) {
        assert!(self.stored.iter().all(|stored| stored.key != receipt.key), "{receipt:?}");
        self.stored.push(Incoming { key: receipt.key, id: receipt.id.clone(), ..incoming });
        self.events.push(Some((lane, [Some(NEW), Some(NEW), None])));
        self.kept.push(Kept::default());
        self.order.push(receipt.id.clone());
        self.comes_last(&receipt.id);
    }

    /// What is new has a sequence that nothing has had before.
    fn comes_last(&mut self, id: &str) {
        let sequence = self.runtime.block_on(self.inbox.show(id)).unwrap().unwrap().sequence;
        assert!(sequence > self.highest, "{id} has {sequence}, after {}", self.highest);
        self.highest = sequence;
    }

    fn refuse(&mut self, body: usize) {
        let id = self.runtime.block_on(self.inbox.refuse(refused(body))).unwrap();
        assert_eq!(id, Some(refused_id(body)));
        if !self.refused.contains_key(&body) {
            self.comes_last(&refused_id(body));
        }
        let known = self.refused.entry(body).or_insert_with(|| {
            self.order.push(refused_id(body));
            Refused { copies: 0, discarded: false }
        });
        // Somebody is to look once more.
        *known = Refused { copies: known.copies + 1, discarded: false };
    }

    fn discard_refused(&mut self, body: usize) {
        let Some(known) = self.refused.get_mut(&body) else { return };
        let sequence = self.runtime.block_on(self.inbox.show(&refused_id(body))).unwrap().unwrap().sequence;
        let action = action(Deed::Discard);
        let count = self.runtime.block_on(self.inbox.discard(&[sequence], None, &[], &action)).unwrap();
        assert_eq!(count, [usize::from(!known.discarded)]);
        if !known.discarded {
            self.acted.insert(action.id, (Deed::Discard, 1));
            self.deeds_on_refused.entry(body).or_default().push(Deed::Discard);
        }
        known.discarded = true;
    }

    /// The event that a refused body is after all is always the same.
    fn accept(&mut self, body: usize) {
        let incoming = incoming(Kind::Order, Some(format!("accepted-{body}")), Some(body), "accepted");
        let before = self.stored.iter().position(|stored| stored.id == incoming.id);
        if !self.refused.contains_key(&body) || before.is_some_and(|before| self.events[before].is_none()) {
            return; // Its id is to be had once only here.
        }
        let sequence = self.runtime.block_on(self.inbox.show(&refused_id(body))).unwrap().unwrap().sequence;
        let action = action(Deed::Accept);
        let accepting = self.inbox.accept(sequence, incoming.clone().wanted_by(WANTING), &action);
        let receipt = self.runtime.block_on(accepting).unwrap();
        self.deeds_on_refused.entry(body).or_default().push(Deed::Accept);
        self.acted.insert(action.id, (Deed::Accept, 1));
        assert_eq!(receipt, Receipt { repeated: before.is_some(), ..Receipt::stored(&incoming) });
        self.forget_refused(body);
        if before.is_none() {
            self.add(incoming, &receipt, body);
        }
        let event = before.unwrap_or(self.kept.len() - 1);
        self.kept[event].deeds.push(Deed::Accept);
    }

    fn forget_refused(&mut self, body: usize) {
        self.refused.remove(&body);
        self.order.retain(|id| *id != refused_id(body));
    }

    fn live(&self) -> impl Iterator<Item = (usize, (usize, Deliveries))> {
        self.events.iter().enumerate().filter_map(|(number, event)| Some((number, (*event)?)))
    }

    fn sweep(&mut self, unwanted: bool) {
        let soon = Timestamp::now() + SignedDuration::from_secs(1);
        let possible = soon + SignedDuration::from_hours(24);
        let overdue = Overdue { finished: soon, unwanted: unwanted.then_some(soon), soon, possible };
        while !self.runtime.block_on(self.inbox.sweep(overdue)).unwrap().complete {}
        let is_over = |event: &Event| {
            let finished = |delivery: &Delivery| matches!(delivery.state, State::Done | State::Discarded);
            event.is_some_and(|(_, deliveries)| match deliveries {
                [None, None, None] => unwanted,
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

    fn sequence(&self, event: usize) -> i64 {
        self.runtime.block_on(self.inbox.show(&self.stored[event].id)).unwrap().unwrap().sequence
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
        let is_pending = |all: &Deliveries| all.iter().flatten().any(|one| one.state == State::Pending);
        let left = self.live().filter(|(_, (_, all))| is_pending(all));
        assert_eq!(left.count(), 0);
        self.compare();
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
        arrival: Arrival::default(),
    }
}

/// The purchase order number of an order.
fn number_of(order: usize) -> String {
    format!("PO-00{order}")
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
        number: order.map(number_of),
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    let references = order.map(|order| Reference { what: What::PurchaseOrder, value: number_of(order) });
    let body = order.map_or_else(|| body.to_owned(), |order| format!("{body} of {order}"));
    let incoming = Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from(body));
    incoming.naming(references.into_iter().collect())
}
