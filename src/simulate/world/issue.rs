//! How orders begin.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::order::{Line, Order, Phase, Side, Terms};
use super::parties::{ITEMS, QUANTITIES, SUPPLIERS};
use super::{Content, Event, Object, Subject, World, object};

/// Every so manieth order came from the platform of before.
const LEGACY: usize = 7;

/// Every so manieth number has a slash in it.
const SLASHED: usize = 5;

impl World {
    /// The buyer issues another order.
    pub(super) fn issue(&mut self, now: Timestamp) -> Event {
        self.numbered += 1;
        let count = self.numbered;
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let legacy = count.is_multiple_of(LEGACY).then(|| format!("{:010x}", self.random.bits() >> 24));
        let number = if legacy.is_some() {
            (4_500_000_000_u64 + count as u64).to_string()
        } else if count.is_multiple_of(SLASHED) {
            format!("PO26/{count:05}")
        } else {
            format!("PO26{count:05}")
        };
        let id = match &legacy {
            Some(_) => self.random.uuid().to_string(),
            None => format!("{}-{number}", self.parties.buyer),
        };
        let supplier = self.random.below(SUPPLIERS.len());
        let meta = self.meta(Side::Buyer, supplier, now);
        let lines = (0..=self.random.below(3)).map(|row| self.line(row, now)).collect();
        let place = self.orders.len();
        self.places.insert(id.clone(), place);
        if let Some(legacy) = &legacy {
            self.places.insert(legacy.clone(), place);
        }
        self.orders.push(Arc::new(Order {
            id,
            legacy,
            number,
            supplier,
            version: 1,
            issued: now,
            updated: now,
            lines,
            documents: Vec::new(),
            meta,
        }));
        self.attach_from_the_start(place);
        let order = Arc::clone(&self.orders[place]);
        let lines = order.lines.iter().map(|line| line.id).collect();
        Event { name: "OrderIssuedByBuyer", of: Subject::Order(order), lines, meta, silent: false }
    }

    fn line(&mut self, row: usize, now: Timestamp) -> Line {
        let item = self.random.one(&ITEMS);
        let quantity = if item.charge.is_some() { "1" } else { self.random.one(&QUANTITIES) };
        let date = in_days(now, 14 + self.random.below(60));
        let twice = !self.single && item.kind == "Item" && self.random.chance(0.3);
        let second = twice.then(|| (in_days(now, 90 + self.random.below(30)), *self.random.one(&QUANTITIES)));
        Line {
            id: self.random.uuid(),
            position: format!("{:04}", (row + 1) * 10),
            row: row + 1,
            item,
            wanted: Terms { date, quantity, second, price: item.price },
            agreed: None,
            proposed: None,
            sales_order: None,
            phase: Phase::Issued,
            issued: now,
            updated: now,
            documents: Vec::new(),
        }
    }

    /// A few things that belong to others: their ids are known, and they are not for us.
    pub(super) fn add_strangers(&mut self) {
        let stranger = self.parties.stranger;
        self.strangers.insert(format!("{stranger}-PO9900001"));
        self.strangers.insert(format!("{stranger}-PO99/00002"));
        self.strangers.insert(format!("{}-SN9900001", self.parties.supplier(0)));
        let theirs = Object {
            filename: "price list.pdf".to_owned(),
            content_type: "application/pdf",
            content: Content::Bytes(object::pdf(&["Prices for somebody else"])),
            ours: false,
        };
        let id = self.random.uuid();
        self.objects.insert(id, theirs);
    }
}

/// The day that many days after a moment.
pub(super) fn in_days(after: Timestamp, days: usize) -> Date {
    let day = after.to_zoned(TimeZone::UTC).date();
    day.checked_add(i64::try_from(days).unwrap_or(0).days()).unwrap_or(day)
}
