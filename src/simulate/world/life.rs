//! How orders go on: from issued to completed, with proposals, changes, and what is taken back.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

use super::order::{Line, Order, Phase, Side, Terms};
use super::{Event, Subject, World, later};
use crate::simulate::random::Random;

/// So often something is attached to an order rather than done to its lines.
const ATTACHED: f64 = 0.12;

/// A step in the life of lines: what it is called, who takes it, and how far they are then.
struct Step {
    name: &'static str,
    by: Side,
    to: Phase,
}

impl World {
    /// Something happens to the order at that place.
    pub(crate) fn change_order(&mut self, place: usize, now: Timestamp) -> Vec<Event> {
        if self.random.chance(ATTACHED) {
            return vec![self.attach(place, now)];
        }
        let order = &self.orders[place];
        let alive: Vec<usize> = (0..order.lines.len()).filter(|index| !order.lines[*index].phase.is_over()).collect();
        let chosen = match alive.as_slice() {
            [] => self.random.below(order.lines.len()),
            alive => *self.random.one(alive),
        };
        let phase = order.lines[chosen].phase;
        let all = self.random.chance(0.5);
        let affected: Vec<usize> =
            (0..order.lines.len()).filter(|at| *at == chosen || (all && order.lines[*at].phase == phase)).collect();
        let shipped = (phase == Phase::ReadyToShip).then(|| self.ship(place, &affected, now));
        let step = step(phase, &mut self.random);
        let moved = self.take(place, &affected, &step, now);
        shipped.into_iter().chain([moved]).collect()
    }

    /// We ask so many suppliers to talk about what was agreed. The platform tells us nothing of that: it is our own.
    pub(crate) fn ask_to_reopen(&mut self, count: usize, now: Timestamp) -> Vec<Event> {
        let mut asked = Vec::new();
        for place in self.draw(self.orders.len()) {
            if asked.len() >= count {
                break;
            }
            let agreed = self.orders[place].lines.iter().position(|line| line.phase == Phase::Confirmed);
            if let Some(line) = agreed {
                let step = step_of("OrderLinesReopenRequestedByBuyer", Side::Buyer, Phase::ReopeningByBuyer);
                let event = self.take(place, &[line], &step, now);
                asked.push(Event { silent: true, ..event });
            }
        }
        asked
    }

    fn take(&mut self, place: usize, affected: &[usize], step: &Step, now: Timestamp) -> Event {
        let supplier = self.orders[place].supplier;
        let at = later(now, self.orders[place].updated);
        let meta = self.meta(step.by, supplier, at);
        let order: &mut Order = Arc::make_mut(&mut self.orders[place]);
        order.updated = at;
        order.version += 1;
        order.meta = meta;
        let mut lines = Vec::with_capacity(affected.len());
        for index in affected {
            let line = &mut order.lines[*index];
            step.apply(line, &mut self.random);
            line.updated = at;
            lines.push(line.id);
        }
        Event { name: step.name, of: Subject::Order(Arc::clone(&self.orders[place])), lines, meta, silent: false }
    }
}

const fn step_of(name: &'static str, by: Side, to: Phase) -> Step {
    Step { name, by, to }
}

/// What may happen to a line that is so far; the more usual more often.
fn step(phase: Phase, random: &mut Random) -> Step {
    let drawn = random.below(100);
    match phase {
        Phase::Issued if drawn < 65 => step_of("OrderLinesAcceptedBySupplier", Side::Supplier, Phase::Confirmed),
        Phase::Issued if drawn < 90 => step_of("OrderChangesProposedBySupplier", Side::Supplier, Phase::Proposed),
        Phase::Issued => step_of("OrderLinesRejectedBySupplier", Side::Supplier, Phase::Rejected),
        Phase::Proposed if drawn < 75 => step_of("OrderChangesProposalApprovedByBuyer", Side::Buyer, Phase::Confirmed),
        Phase::Proposed => step_of("OrderChangesProposalRejectedByBuyer", Side::Buyer, Phase::Issued),
        Phase::Rejected => step_of("OrderLinesReissuedByBuyer", Side::Buyer, Phase::Issued),
        Phase::Confirmed if drawn < 60 => logistics(Phase::Produced),
        Phase::Confirmed if drawn < 75 => step_of("OrderLinesUpdatedBySupplier", Side::Supplier, Phase::Confirmed),
        Phase::Confirmed if drawn < 90 => {
            step_of("OrderLinesReopenRequestedBySupplier", Side::Supplier, Phase::Reopening)
        }
        Phase::Confirmed => step_of("OrderLinesCancelledByBuyer", Side::Buyer, Phase::Cancelled),
        Phase::Reopening if drawn < 60 => step_of("OrderLinesReopenRequestApprovedByBuyer", Side::Buyer, Phase::Issued),
        Phase::Reopening => step_of("OrderLinesReopenRequestRejectedByBuyer", Side::Buyer, Phase::Confirmed),
        Phase::ReopeningByBuyer if drawn < 60 => {
            step_of("OrderLinesReopenRequestApprovedBySupplier", Side::Supplier, Phase::Issued)
        }
        Phase::ReopeningByBuyer => {
            step_of("OrderLinesReopenRequestRejectedBySupplier", Side::Supplier, Phase::Confirmed)
        }
        Phase::Produced => logistics(Phase::ReadyToShip),
        Phase::ReadyToShip => logistics(Phase::Shipped),
        Phase::Shipped => step_of("OrderLinesMarkedAsDeliveredByBuyer", Side::Buyer, Phase::Delivered),
        Phase::Delivered => step_of("OrderLinesCompletedByBuyer", Side::Buyer, Phase::Completed),
        Phase::Completed => step_of("CompletedOrderLinesRevertedByBuyer", Side::Buyer, Phase::Delivered),
        Phase::Cancelled => step_of("CancelledOrderLinesRevertedByBuyer", Side::Buyer, Phase::Issued),
    }
}

const fn logistics(to: Phase) -> Step {
    step_of("OrderLinesDeliveryScheduleLogisticsUpdatedBySupplier", Side::Supplier, to)
}

impl Step {
    fn apply(&self, line: &mut Line, random: &mut Random) {
        match (self.name, line.proposed) {
            ("OrderLinesAcceptedBySupplier", _) => line.agreed = Some(line.wanted),
            ("OrderLinesReissuedByBuyer", _) => line.wanted = postponed(line.wanted, 7),
            ("OrderLinesUpdatedBySupplier", _) => line.agreed = Some(postponed(line.terms(), 2)),
            ("OrderChangesProposedBySupplier", _) => {
                let terms = Terms { price: line.item.asked, ..postponed(line.wanted, 14) };
                line.proposed = Some((terms, "Open"));
            }
            ("OrderChangesProposalApprovedByBuyer", Some((terms, _))) => {
                line.agreed = Some(terms);
                line.proposed = Some((terms, "Approved"));
            }
            ("OrderChangesProposalRejectedByBuyer", Some((terms, _))) => line.proposed = Some((terms, "Rejected")),
            _ => {}
        }
        if self.by == Side::Supplier && line.sales_order.is_none() {
            line.sales_order = Some(format!("SO{:06}", random.below(1_000_000)));
        }
        line.phase = self.to;
    }
}

/// The same, later.
fn postponed(terms: Terms, days: i64) -> Terms {
    Terms { date: terms.date.checked_add(days.days()).unwrap_or(terms.date), ..terms }
}
