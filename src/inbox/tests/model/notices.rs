//! What is to be fetched, and what has come of it.

use jiff::Timestamp;

use super::{Both, Delivery, FETCHES, Kept, NEW, Noticed, WANTING, incoming};
use crate::inbox::{Arrival, Claim, Incoming, Notice, State};
use crate::model::{Kind, Reference, What};

/// The id of an order.
fn id_of(order: usize) -> String {
    format!("order-{order}")
}

impl Both {
    pub(super) fn notice(&mut self, order: usize) {
        let arrival = Arrival { origin: "get", answer: Some(202), ..Arrival::default() };
        let (received, path) = (Timestamp::now(), format!("/order/{}", id_of(order)));
        let notice = Notice { what: What::OrderId, of: id_of(order), received, path, arrival };
        let waiting = self.live().find(|(event, (_, deliveries))| {
            let waits = deliveries[FETCHES].is_some_and(|delivery| delivery.state == State::Pending);
            let notice = self.kept[*event].notice;
            waits && notice.is_some_and(|notice| notice.order == order && !notice.begun && !notice.fetched)
        });
        let waiting = waiting.map(|(event, _)| event);
        let receipt = self.runtime.block_on(self.inbox.notice(notice.clone())).unwrap();
        assert_eq!((receipt.repeated, &receipt.beside), (waiting.is_some(), &None));
        if let Some(event) = waiting {
            assert_eq!((receipt.key, &receipt.id), (self.stored[event].key, &self.stored[event].id));
            self.kept[event].repeats += 1;
            return;
        }
        let stored = Incoming { key: receipt.key, id: receipt.id.clone(), ..notice.into_incoming() };
        self.add(stored, &receipt, order);
        self.events.pop();
        self.events.push(Some((order, [None, None, Some(NEW)])));
        self.kept.pop();
        let notice = Some(Noticed { order, begun: false, fetched: false });
        self.kept.push(Kept { notice, ..Kept::default() });
    }

    pub(super) fn begin(&mut self, claim: usize) {
        let (lane, handler, claim) = self.claims[claim].clone();
        let event = self.stored.iter().position(|stored| stored.key == claim.key).unwrap();
        let delivery = self.events[event].and_then(|(_, deliveries)| deliveries[handler]);
        let is_its = |delivery: Delivery| delivery.state == State::Pending && delivery.round == claim.round;
        let is_its_turn = delivery.is_some_and(is_its) && self.first(lane, handler) == Some(event);
        assert_eq!(self.runtime.block_on(self.inbox.begin(&claim)).unwrap(), is_its_turn);
        if let Some(notice) = self.kept[event].notice.as_mut().filter(|_| is_its_turn && handler == FETCHES) {
            notice.begun = true;
        }
    }

    /// An attempt has ended without what was to be fetched, if it was one to fetch.
    pub(super) fn fetch_failed(&mut self, handler: usize, claim: &Claim) {
        let event = self.stored.iter().position(|stored| stored.key == claim.key).unwrap();
        if let Some(notice) = self.kept[event].notice.as_mut().filter(|_| handler == FETCHES) {
            notice.begun = false;
        }
    }

    /// Puts something in the place of what there is, whatever that is.
    pub(super) fn fetched(&mut self, event: usize, wanted: [bool; 2]) {
        let base = self.stored[event].clone();
        let notice = self.kept[event].notice;
        let order = notice.map(|notice| notice.order);
        let kept = &self.kept[event];
        let is_open = |(_, deliveries): (usize, [Option<Delivery>; 3])| {
            deliveries.iter().flatten().any(|delivery| delivery.state != State::Discarded)
        };
        let expected = notice.is_some() && !kept.erased && self.events[event].is_some_and(is_open);
        let body = format!("fetched for {event}, {wanted:?}");
        let handlers = WANTING.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(name, _)| *name);
        let fetched = incoming(Kind::Order, None, order, &body).wanted_by(handlers);
        let fetched = Incoming { key: base.key, id: base.id.clone(), ..fetched };
        assert_eq!(self.runtime.block_on(self.inbox.fetched(fetched.clone())).unwrap(), expected);
        let Some(notice) = self.kept[event].notice.as_mut().filter(|_| expected) else { return };
        if !notice.fetched {
            notice.fetched = true;
            let mut envelope = fetched.envelope.clone();
            envelope.message_id.clone_from(&base.envelope.message_id);
            let mut references = fetched.references;
            references.push(Reference { what: What::OrderId, value: id_of(notice.order) });
            self.stored[event] = Incoming { envelope, references, body: fetched.body, ..base };
        }
        let Some((lane, before)) = self.events[event] else { return };
        for handler in (0..WANTING.len()).filter(|handler| wanted[*handler] && before[*handler].is_none()) {
            for (of, deliveries) in self.events[event + 1..].iter_mut().flatten() {
                // Those behind it wait for it.
                if let Some(behind) = &mut deliveries[handler] {
                    behind.later &= *of != lane;
                }
            }
            if let Some((_, deliveries)) = &mut self.events[event] {
                deliveries[handler] = Some(NEW);
            }
        }
    }

    /// What is known of each notice, and of what was fetched for it.
    pub(super) fn compare_notices(&self) {
        for (event, stored) in self.stored.iter().enumerate() {
            let known = self.runtime.block_on(self.inbox.noticed(stored.key)).unwrap();
            let notice = self.kept[event].notice.filter(|_| self.events[event].is_some());
            assert_eq!(known, notice.map(|notice| (What::OrderId, id_of(notice.order))), "{event}");
            if notice.is_none() || self.kept[event].erased {
                continue;
            }
            let shown = self.runtime.block_on(self.inbox.show(&stored.id)).unwrap().unwrap();
            assert_eq!(shown.references.as_deref(), Some(&*stored.references), "{event}");
            assert_eq!((shown.origin.as_str(), shown.answer), ("get", Some(202)), "{event}");
            assert_eq!(shown.document_number, stored.envelope.number, "{event}");
            let body = self.runtime.block_on(self.inbox.body(shown.sequence)).unwrap();
            assert_eq!(body, stored.body, "{event}");
        }
        let verified = self.runtime.block_on(self.inbox.verify(i64::MIN)).unwrap();
        assert_eq!(verified.damaged, []);
    }
}
