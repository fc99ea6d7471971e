//! The event names that Tradecloud documents, by the kind of event. It may add others at any time, which are taken like
//! these: the list is there to tell a slip of the pen in a configuration.

use super::Kind;

/// What a bare order or shipment counts as, which has no name.
pub(crate) const CHANGED: &str = "Changed";

const ORDERS: [&str; 48] = [
    "OrderIssuedByBuyer",
    "OrderLinesIssuedByBuyer",
    "OrderLinesReissuedByBuyer",
    "OrderLinesUpdatedByBuyer",
    "OrderLinesAcceptedBySupplier",
    "OrderLinesRejectedBySupplier",
    "OrderLinesConfirmedByBuyer",
    "OrderLinesConfirmedBySupplier",
    "OrderChangesProposedBySupplier",
    "OrderChangesProposalApprovedByBuyer",
    "OrderChangesProposalRejectedByBuyer",
    "OrderLinesUpdatedBySupplier",
    "OrderLinesItemDetailsChanged",
    "OrderLinesItemDetailsChangedBySupplier",
    "OrderLinesReopenRequestedByBuyer",
    "OrderLinesReopenRequestRevertedByBuyer",
    "OrderLinesReopenRequestApprovedBySupplier",
    "OrderLinesReopenRequestRejectedBySupplier",
    "OrderLinesReopenRequestedBySupplier",
    "OrderLinesReopenRequestRevertedBySupplier",
    "OrderLinesReopenRequestApprovedByBuyer",
    "OrderLinesReopenRequestRejectedByBuyer",
    "OrderLinesReconfirmationRequestedByBuyer",
    "OrderLinesReconfirmedBySupplier",
    "OrderLinesCancelledByBuyer",
    "CancelledOrderLinesRevertedByBuyer",
    "OrderLinesCompletedByBuyer",
    "CompletedOrderLinesRevertedByBuyer",
    "OrderLinesMarkedAsOpenByBuyer",
    "OrderLinesMarkedAsOpenBySupplier",
    "OrderLinesShippedByBuyer",
    "OrderLinesMarkedAsDeliveredByBuyer",
    "OrderLinesMarkedAsDeliveredBySupplier",
    "OrderLinesDeliveryHistoryAppendedByBuyer",
    "OrderLinesDeliveryHistorySetByBuyer",
    "OrderLinesDeliveryScheduleLogisticsUpdatedByBuyer",
    "OrderLinesDeliveryScheduleLogisticsUpdatedBySupplier",
    "OrderLinesShipmentRescheduleRequestedBySupplier",
    "OrderLinesShipmentRescheduleApprovedByBuyer",
    "OrderLinesShipmentRescheduleRejectedByBuyer",
    "OrderContactReassignedByBuyer",
    "OrderContactReassignedBySupplier",
    "OrderCustomLabelsUpdatedByBuyer",
    "OrderCustomLabelsUpdatedBySupplier",
    "OrderResentByBuyer",
    "OrderResentBySupplier",
    "OrderSynced",
    CHANGED,
];

const ORDER_DOCUMENTS: [&str; 2] = ["OrderDocumentsAttachedByBuyer", "OrderDocumentsAttachedBySupplier"];

const SHIPMENTS: [&str; 8] = [
    "ShipmentIssuedBySupplier",
    "ShipmentReissuedBySupplier",
    "ShipmentApprovedByBuyer",
    "ShipmentRejectedByBuyer",
    "ShipmentHeaderUpdatedBySupplier",
    "ShipmentDocumentAttachedByBuyer",
    "ShipmentDocumentAttachedBySupplier",
    "ShipmentResentByBuyer",
];

impl Kind {
    /// The names of its events that are documented.
    const fn event_names(self) -> &'static [&'static str] {
        match self {
            Self::Order => &ORDERS,
            Self::OrderDocuments => &ORDER_DOCUMENTS,
            Self::Shipment => &SHIPMENTS,
        }
    }
}

/// Every event name that is documented, with the kind of event.
pub(crate) fn event_names() -> impl Iterator<Item = (&'static str, Kind)> {
    Kind::ALL.into_iter().flat_map(|kind| kind.event_names().iter().map(move |name| (*name, kind)))
}

/// The documented name that is most likely meant by a pattern which matches none (`*` and `?`), if one is near enough.
pub(crate) fn nearest_event_name(pattern: &str) -> Option<&'static str> {
    let pattern = pattern.to_ascii_lowercase();
    // Of a pattern with wildcards its longest part is looked for wherever it may stand: at the beginning only, if it is
    // what the pattern begins with.
    let part = pattern.split(['*', '?']).max_by_key(|part| part.len()).filter(|part| part.is_ascii())?;
    let is_whole = part.len() == pattern.len();
    let places = if pattern.starts_with(part) { 1 } else { usize::MAX };
    let away = |name: &str| {
        let name = name.to_ascii_lowercase();
        if is_whole || name.len() <= part.len() {
            return strsim::damerau_levenshtein(part, &name);
        }
        let stretches = (0..=name.len() - part.len()).take(places).map(|at| &name[at..at + part.len()]);
        stretches.map(|stretch| strsim::damerau_levenshtein(part, stretch)).min().unwrap_or(usize::MAX)
    };
    let near = event_names().map(|(name, _)| (away(name), name)).min_by_key(|(away, _)| *away)?;
    (near.0 <= part.len() / 5).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let names: HashSet<_> = event_names().map(|(name, _)| name).collect();

        assert_eq!(names.len(), event_names().count());
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        for (pattern, nearest) in [
            ("OrderLinesConfirmdBySupplier", Some("OrderLinesConfirmedBySupplier")),
            ("orderissuedbybuyer", Some("OrderIssuedByBuyer")),
            ("OrderIssuedBySupplier", None),
            ("OrderLinesAcceptdBy*", Some("OrderLinesAcceptedBySupplier")),
            ("*Docuemnt*", Some("OrderDocumentsAttachedByBuyer")),
            ("shipment*", Some("ShipmentIssuedBySupplier")),
            ("[Order*", None),
            ("Change", Some("Changed")),
            ("*Painted*", None),
            ("*x*", None),
            ("Größe", None),
            ("", None),
        ] {
            assert_eq!(nearest_event_name(pattern), nearest, "{pattern}");
        }
    }
}
