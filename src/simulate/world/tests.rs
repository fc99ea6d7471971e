//! The same seed is the same world, in which everything happens and time goes on.

use std::collections::{HashMap, HashSet};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

fn told(world: &mut World) -> Vec<String> {
    let events = (0..400).flat_map(|second| world.change(at(second)));
    let mut told = Vec::new();
    for event in events.collect::<Vec<_>>() {
        told.push(format!("{} {} {:?} {:?}", event.name, event.of.id(), event.lines, event.meta.message));
    }
    told
}

#[test]
fn the_same_seed_is_the_same_world() {
    let world = |seed| World::new(seed, 30, false, at(0));

    assert_eq!(told(&mut world(5)), told(&mut world(5)));
    assert_ne!(told(&mut world(5)), told(&mut world(6)));
}

#[test]
fn all_that_can_happen_does_happen() {
    let mut world = World::new(3, 40, false, at(0));
    let events: Vec<Event> = (0..4000).flat_map(|second| world.change(at(second))).collect();
    let names: HashSet<&str> = events.iter().map(|event| event.name).collect();

    let wanted = [
        "OrderIssuedByBuyer",
        "OrderLinesAcceptedBySupplier",
        "OrderChangesProposedBySupplier",
        "OrderChangesProposalApprovedByBuyer",
        "OrderLinesReopenRequestedBySupplier",
        "OrderLinesCancelledByBuyer",
        "OrderLinesMarkedAsDeliveredByBuyer",
        "OrderLinesCompletedByBuyer",
        "OrderDocumentsAttachedByBuyer",
        "OrderDocumentsAttachedBySupplier",
        "ShipmentIssuedBySupplier",
        "ShipmentApprovedByBuyer",
        "ShipmentDocumentAttachedBySupplier",
    ];
    for name in wanted {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    assert!(world.orders.iter().any(|order| order.legacy.is_some()));
    assert!(world.orders.iter().any(|order| order.id.contains('/')));
}

#[test]
fn each_change_of_an_order_is_later_than_the_one_before_by_a_millisecond_at_least() {
    let mut world = World::new(9, 5, false, at(0));
    let mut latest: HashMap<String, Timestamp> = HashMap::new();

    for event in (0..200).flat_map(|_| world.change_orders(5, at(0))).collect::<Vec<_>>() {
        let before = latest.insert(event.of.id().to_owned(), event.of.updated());
        assert!(before.is_none_or(|before| before.as_millisecond() < event.of.updated().as_millisecond()));
        if let Subject::Order(order) = &event.of {
            let affected = order.lines.iter().filter(|line| event.lines.contains(&line.id));
            assert!(affected.clone().count() > 0);
            assert!(affected.into_iter().all(|line| line.updated == order.updated));
            assert!(order.lines.iter().all(|line| line.updated <= order.updated));
        }
    }
}

#[test]
fn many_orders_change_at_once_each_another_one() {
    let mut world = World::new(2, 50, false, at(0));

    let events = world.change_orders(50, at(5));
    let orders: HashSet<&str> =
        events.iter().filter(|event| event.of.kind() != "shipment").map(|event| event.of.id()).collect();

    assert_eq!(orders.len(), 50);
}

#[test]
fn an_order_is_found_by_its_id_and_by_nothing_else() {
    let world = World::new(4, 30, false, at(0));

    for order in &world.orders {
        assert_eq!(world.order(&order.id).unwrap().number, order.number);
        assert!(world.order(&order.number).is_none());
        if let Some(legacy) = &order.legacy {
            assert!(world.order(legacy).is_none());
            assert_eq!(world.legacy_order(legacy).unwrap().id, order.id);
        }
    }
    for shipment in &world.shipments {
        assert_eq!(world.shipment(&shipment.id).unwrap().number, shipment.number);
    }
}

#[test]
fn our_own_requests_are_silent() {
    let mut world = World::new(4, 60, false, at(0));

    let asked = world.ask_to_reopen(3, at(1));

    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|event| event.silent && event.name == "OrderLinesReopenRequestedByBuyer"));
}
