//! A purchase order and its lines: how far each is, and what was agreed.

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::parties::Item;

/// How far a line is. The platform tells that in three statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Issued,
    Proposed,
    Rejected,
    Confirmed,
    /// The supplier wants to talk about what was agreed;
    Reopening,
    /// the buyer does, which is our own request.
    ReopeningByBuyer,
    Produced,
    ReadyToShip,
    Shipped,
    Delivered,
    Completed,
    Cancelled,
}

impl Phase {
    /// `status.processStatus`.
    pub(crate) const fn process(self) -> &'static str {
        match self {
            Self::Issued => "Issued",
            Self::Proposed | Self::Reopening | Self::ReopeningByBuyer => "InProgress",
            Self::Rejected => "Rejected",
            Self::Confirmed | Self::Produced | Self::ReadyToShip | Self::Shipped | Self::Delivered => "Confirmed",
            Self::Completed => "Completed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// `status.inProgressStatus`.
    pub(crate) const fn in_progress(self) -> Option<&'static str> {
        match self {
            Self::Proposed => Some("OpenSupplierProposal"),
            Self::Reopening => Some("OpenSupplierReopenRequest"),
            Self::ReopeningByBuyer => Some("OpenBuyerReopenRequest"),
            _ => None,
        }
    }

    /// `status.logisticsStatus`.
    pub(crate) const fn logistics(self) -> &'static str {
        match self {
            Self::Produced => "Produced",
            Self::ReadyToShip => "ReadyToShip",
            Self::Shipped => "Shipped",
            Self::Delivered | Self::Completed => "Delivered",
            Self::Cancelled => "Cancelled",
            _ => "Open",
        }
    }

    /// Nothing more happens to it unless somebody takes it up again.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Buyer,
    Supplier,
}

/// What is asked for, proposed or agreed: when, how many, at which price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) date: Date,
    pub(crate) quantity: &'static str,
    /// A second delivery; never in the form with a single one.
    pub(crate) second: Option<(Date, &'static str)>,
    pub(crate) price: &'static str,
}

/// A document that is attached to something.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Who attached it.
    pub(crate) by: Side,
    pub(crate) code: String,
    pub(crate) name: String,
    /// In Tradecloud's object storage,
    pub(crate) object: Option<Uuid>,
    /// or with the other party.
    pub(crate) url: Option<&'static str>,
    pub(crate) updated: Timestamp,
}

/// Where a message comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) message: Uuid,
    pub(crate) trace: Uuid,
    pub(crate) user: Uuid,
    pub(crate) company: Uuid,
    pub(crate) at: Timestamp,
}

/// A line of an order.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) id: Uuid,
    pub(crate) position: String,
    pub(crate) row: usize,
    pub(crate) item: &'static Item,
    pub(crate) wanted: Terms,
    pub(crate) agreed: Option<Terms>,
    /// What the supplier proposed, and whether that is open, approved or rejected.
    pub(crate) proposed: Option<(Terms, &'static str)>,
    pub(crate) sales_order: Option<String>,
    pub(crate) phase: Phase,
    pub(crate) issued: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) documents: Vec<Document>,
}

/// A purchase order.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: String,
    /// Its id on the platform of before, which orders from there keep.
    pub(crate) legacy: Option<String>,
    pub(crate) number: String,
    /// Which of the suppliers.
    pub(crate) supplier: usize,
    pub(crate) version: u64,
    pub(crate) issued: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) lines: Vec<Line>,
    pub(crate) documents: Vec<Document>,
    pub(crate) meta: Meta,
}

impl Line {
    /// What holds: what was agreed, else what is wanted.
    pub(crate) fn terms(&self) -> Terms {
        self.agreed.unwrap_or(self.wanted)
    }
}

impl Order {
    /// How far the order is, by its lines: the first phase, in the order of a life, that decides.
    pub(crate) fn phase(&self) -> Phase {
        let any =
            |asked: &[Phase]| asked.iter().copied().find(|phase| self.lines.iter().any(|line| line.phase == *phase));
        any(&[Phase::Proposed, Phase::Reopening, Phase::ReopeningByBuyer, Phase::Rejected, Phase::Issued])
            .or_else(|| any(&[Phase::Confirmed, Phase::Produced, Phase::ReadyToShip, Phase::Shipped, Phase::Delivered]))
            .or_else(|| any(&[Phase::Completed]))
            .unwrap_or(Phase::Cancelled)
    }

    /// Where the goods are: as far as those that are the least far.
    pub(crate) fn logistics(&self) -> &'static str {
        let far = ["Open", "Produced", "ReadyToShip", "Shipped", "Delivered"];
        let least = far.into_iter().find(|status| self.lines.iter().any(|line| line.phase.logistics() == *status));
        least.unwrap_or("Cancelled")
    }
}
