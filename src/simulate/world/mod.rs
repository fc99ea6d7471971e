//! The simulated world: companies, orders that live, shipments, and files. Its seed decides all of it but the times.
//!
//! `issue` makes orders, `life` moves them on, `ship` has what becomes of shipments, `attach` what is attached to
//! either. Each change is an [`Event`], which holds its order or shipment as it was at that moment.

mod attach;
mod issue;
mod life;
mod object;
mod order;
mod parties;
mod ship;
mod shipment;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use uuid::Uuid;

use super::random::Random;

pub(crate) use self::object::{Content, Object};
pub(crate) use self::order::{Document, Line, Meta, Order, Side, Terms};
pub(crate) use self::parties::{BUYER, Company, Item, Parties, SUPPLIERS};
pub(crate) use self::shipment::{Shipment, Shipped};

/// How long before the start the first orders were issued.
const PAST: i64 = 30;

/// Everything there is.
pub(crate) struct World {
    pub(crate) parties: Arc<Parties>,
    pub(crate) orders: Vec<Arc<Order>>,
    pub(crate) shipments: Vec<Arc<Shipment>>,
    pub(crate) objects: HashMap<Uuid, Object>,
    /// Orders and shipments of others, by their ids. They are there, but not for us.
    pub(crate) strangers: HashSet<String>,
    /// Where an order or shipment is, by its id; an order also by its legacy id.
    places: HashMap<String, usize>,
    random: Random,
    /// One delivery for a line.
    single: bool,
    /// How many orders and shipments got a number.
    numbered: usize,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) of: Subject,
    /// The lines of an order that it affects.
    pub(crate) lines: Vec<Uuid>,
    pub(crate) meta: Meta,
    /// The platform tells nobody: it is our own request.
    pub(crate) silent: bool,
}

/// What an event is about, as it was then.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Order(Arc<Order>),
    /// Documents were attached: those as new as the order.
    Documents(Arc<Order>),
    Shipment(Arc<Shipment>),
}

impl Subject {
    /// The id of the order or shipment.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Order(order) | Self::Documents(order) => &order.id,
            Self::Shipment(shipment) => &shipment.id,
        }
    }

    /// Its number.
    pub(crate) fn number(&self) -> &str {
        match self {
            Self::Order(order) | Self::Documents(order) => &order.number,
            Self::Shipment(shipment) => &shipment.number,
        }
    }

    /// The order's id on the platform of before.
    pub(crate) fn legacy(&self) -> Option<&str> {
        match self {
            Self::Order(order) | Self::Documents(order) => order.legacy.as_deref(),
            Self::Shipment(_) => None,
        }
    }

    /// `lastUpdatedAt`.
    pub(crate) fn updated(&self) -> Timestamp {
        match self {
            Self::Order(order) | Self::Documents(order) => order.updated,
            Self::Shipment(shipment) => shipment.updated,
        }
    }

    /// `order`, `order-documents` or `shipment`.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Order(_) => "order",
            Self::Documents(_) => "order-documents",
            Self::Shipment(_) => "shipment",
        }
    }
}

impl World {
    /// A world with that many orders, of which each has lived for a while.
    pub(crate) fn new(seed: u64, orders: usize, single: bool, now: Timestamp) -> Self {
        let mut random = Random::apart(seed, 1);
        let parties = Arc::new(Parties::new(&mut random));
        let mut world = Self {
            parties,
            orders: Vec::with_capacity(orders),
            shipments: Vec::new(),
            objects: HashMap::new(),
            strangers: HashSet::new(),
            places: HashMap::new(),
            random,
            single,
            numbered: 0,
        };
        world.add_strangers();
        let begin = now.checked_sub((PAST * 24).hours()).unwrap_or(now);
        let span = now.as_millisecond() - begin.as_millisecond();
        for index in 0..orders {
            // In even steps, so that orders are of all ages.
            let age = i64::try_from(index * 1000 / orders.max(1)).unwrap_or(0);
            let issued = begin.as_millisecond() + span / 1000 * age;
            let at = |share: i64| Timestamp::from_millisecond(issued + (now.as_millisecond() - issued) / 10 * share);
            world.issue(at(0).unwrap_or(now));
            let place = world.orders.len() - 1;
            let steps = world.random.below(9);
            for step in 1..=steps {
                let share = i64::try_from(step).unwrap_or(1);
                world.change_order(place, at(share).unwrap_or(now));
            }
        }
        world
    }

    /// An order, by its id.
    pub(crate) fn order(&self, id: &str) -> Option<&Arc<Order>> {
        self.places.get(id).and_then(|place| self.orders.get(*place)).filter(|order| order.id == id)
    }

    /// An order, by its id on the platform of before.
    pub(crate) fn legacy_order(&self, id: &str) -> Option<&Arc<Order>> {
        let order = self.places.get(id).and_then(|place| self.orders.get(*place));
        order.filter(|order| order.legacy.as_deref() == Some(id))
    }

    /// A shipment, by its id.
    pub(crate) fn shipment(&self, id: &str) -> Option<&Arc<Shipment>> {
        self.places.get(id).and_then(|place| self.shipments.get(*place)).filter(|shipment| shipment.id == id)
    }

    /// One thing happens somewhere.
    pub(crate) fn change(&mut self, now: Timestamp) -> Vec<Event> {
        match self.random.below(100) {
            0..8 => vec![self.issue(now)],
            8..22 if !self.shipments.is_empty() => {
                let place = self.random.below(self.shipments.len());
                vec![self.change_shipment(place, now)]
            }
            _ if self.orders.is_empty() => vec![self.issue(now)],
            _ => {
                let place = self.random.below(self.orders.len());
                self.change_order(place, now)
            }
        }
    }

    /// Something happens to so many orders, each another one as long as there are others; they are drawn.
    pub(crate) fn change_orders(&mut self, count: usize, now: Timestamp) -> Vec<Event> {
        let drawn = self.draw(count);
        drawn.into_iter().flat_map(|place| self.change_order(place, now)).collect()
    }

    /// Something happens to a shipment, so many times; to none if there is none.
    pub(crate) fn change_shipments(&mut self, count: usize, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count && !self.shipments.is_empty() {
            let place = self.random.below(self.shipments.len());
            events.push(self.change_shipment(place, now));
        }
        events
    }

    /// So many places of orders, drawn without putting back until none is left.
    fn draw(&mut self, count: usize) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(count);
        let mut left: Vec<usize> = Vec::new();
        while drawn.len() < count && !self.orders.is_empty() {
            if left.is_empty() {
                left = (0..self.orders.len()).collect();
            }
            let taken = self.random.below(left.len());
            drawn.push(left.swap_remove(taken));
        }
        drawn
    }

    fn meta(&mut self, by: Side, supplier: usize, at: Timestamp) -> Meta {
        let (company, user) = match by {
            Side::Buyer => (self.parties.buyer, self.parties.buyer_user),
            Side::Supplier => self.parties.suppliers.get(supplier).copied().unwrap_or_default(),
        };
        Meta { message: self.random.uuid(), trace: self.random.uuid(), user, company, at }
    }
}

/// The time of a change: now, in milliseconds, and after the one before in any case.
fn later(now: Timestamp, before: Timestamp) -> Timestamp {
    let at = now.as_millisecond().max(before.as_millisecond() + 1);
    Timestamp::from_millisecond(at).unwrap_or(now)
}

#[cfg(test)]
mod tests;
