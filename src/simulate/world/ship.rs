//! Shipments: how they begin, and what becomes of them.

use std::sync::Arc;

use jiff::Timestamp;

use super::issue::in_days;
use super::order::Side;
use super::shipment::{Shipment, Shipped};
use super::{Event, Subject, World, later};

impl World {
    /// The supplier ships these lines of the order at that place.
    pub(super) fn ship(&mut self, place: usize, affected: &[usize], now: Timestamp) -> Event {
        let order = Arc::clone(&self.orders[place]);
        let at = later(now, order.updated);
        let meta = self.meta(Side::Supplier, order.supplier, at);
        let count = self.shipments.len() + 1;
        let number = if count.is_multiple_of(4) { format!("SN2026/{count:04}") } else { format!("SN26{count:05}") };
        let lines = affected.iter().map(|index| {
            let line = &order.lines[*index];
            let terms = line.terms();
            Shipped {
                order: order.number.clone(),
                position: line.position.clone(),
                item: line.item,
                quantity: terms.quantity,
                later: terms.second.map(|(date, quantity)| (quantity, date)),
                updated: at,
            }
        });
        let lines = lines.collect();
        let by_sea = self.random.chance(0.4);
        let shipment = Shipment {
            id: format!("{}-{number}", self.parties.supplier(order.supplier)),
            number,
            supplier: order.supplier,
            status: "Issued",
            transport: if by_sea { "Sea" } else { "Road transport" },
            tracking: format!("1Z{:016}", self.random.bits() % 10_000_000_000_000_000),
            container: by_sea.then(|| *self.random.one(&["BICU1234565", "MSKU9070323", "CSQU3054383"])),
            lines,
            documents: Vec::new(),
            issued: at,
            updated: at,
        };
        self.places.insert(shipment.id.clone(), self.shipments.len());
        self.shipments.push(Arc::new(shipment));
        let of = Subject::Shipment(Arc::clone(&self.shipments[count - 1]));
        Event { name: "ShipmentIssuedBySupplier", of, lines: Vec::new(), meta, silent: false }
    }

    /// Something happens to the shipment at that place.
    pub(super) fn change_shipment(&mut self, place: usize, now: Timestamp) -> Event {
        let (name, by) = match (self.shipments[place].status, self.random.below(100)) {
            ("Issued", 0..45) => ("ShipmentApprovedByBuyer", Side::Buyer),
            ("Issued", 45..55) => ("ShipmentRejectedByBuyer", Side::Buyer),
            ("Rejected", 0..70) => ("ShipmentReissuedBySupplier", Side::Supplier),
            (_, 0..70) => ("ShipmentDocumentAttachedBySupplier", Side::Supplier),
            _ => ("ShipmentHeaderUpdatedBySupplier", Side::Supplier),
        };
        let supplier = self.shipments[place].supplier;
        let at = later(now, self.shipments[place].updated);
        let meta = self.meta(by, supplier, at);
        let tracking = format!("1Z{:016}", self.random.bits() % 10_000_000_000_000_000);
        if name == "ShipmentDocumentAttachedBySupplier" {
            self.attach_to_shipment(place, at);
        }
        let shipment: &mut Shipment = Arc::make_mut(&mut self.shipments[place]);
        shipment.updated = at;
        match name {
            "ShipmentApprovedByBuyer" => shipment.status = "Approved",
            "ShipmentRejectedByBuyer" => shipment.status = "Rejected",
            "ShipmentHeaderUpdatedBySupplier" => shipment.tracking = tracking,
            "ShipmentReissuedBySupplier" => {
                shipment.status = "Issued";
                for line in &mut shipment.lines {
                    line.updated = at;
                    line.later = Some(("1", in_days(at, 21)));
                }
            }
            _ => {}
        }
        let of = Subject::Shipment(Arc::clone(&self.shipments[place]));
        Event { name, of, lines: Vec::new(), meta, silent: false }
    }
}
