//! Which events a handler wants.

use std::time::Duration;

use wildmatch::WildMatch;

use crate::config::Section;
use crate::model::{Envelope, Kind};

/// What every handler has in common: its name, the events it wants, and the bound of an attempt.
#[derive(Debug, Clone)]
pub struct Route {
    /// The name the configuration gives the handler.
    pub name: String,
    /// How long one attempt may take.
    pub timeout: Duration,
    kinds: Vec<Kind>,
    events: Vec<WildMatch>,
}

impl Route {
    /// How long an attempt may take if nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// Every event, for the handler `name`; 60 seconds for an attempt.
    pub fn all(name: impl Into<String>) -> Self {
        Self { name: name.into(), timeout: Self::DEFAULT_TIMEOUT, kinds: Kind::ALL.to_vec(), events: Vec::new() }
    }

    /// Reads `kinds`, `events` and `timeout` of a handler's section.
    pub(crate) fn read(section: &Section) -> Self {
        let mut route = Self::all(section.name());
        if let Some(timeout) = section.duration("timeout") {
            route.timeout = timeout;
        }
        if let Some(names) = section.texts("kinds") {
            route.kinds = names.iter().filter_map(|name| Kind::from_name(name)).collect();
            if route.kinds.len() < names.len() || names.is_empty() {
                section.error("kinds", "must list some of \"order\", \"order-documents\", \"shipment\"");
            }
        }
        if let Some(patterns) = section.texts("events") {
            if patterns.is_empty() {
                section.error("events", "is empty: no event would reach this handler. Leave it out for all events");
            }
            route.events = patterns.iter().map(|pattern| WildMatch::new(pattern)).collect();
        }
        route
    }

    /// Whether the handler wants that event.
    pub fn wants(&self, envelope: &Envelope) -> bool {
        let event_name = envelope.event_name_or_changed();
        self.kinds.contains(&envelope.kind)
            && (self.events.is_empty() || self.events.iter().any(|pattern| pattern.matches(event_name)))
    }
}

#[cfg(test)]
mod tests {
    use super::Route;
    use crate::model::{Envelope, Format, Kind};
    use wildmatch::WildMatch;

    fn envelope(kind: Kind, event_name: Option<&str>) -> Envelope {
        Envelope {
            kind,
            format: Format::Json,
            event_name: event_name.map(str::to_owned),
            message_id: None,
            subject: None,
            number: None,
            company_id: None,
            created: None,
        }
    }

    #[test]
    fn a_handler_gets_the_events_its_patterns_match() {
        let route =
            Route { events: vec![WildMatch::new("Order*ByBuyer"), WildMatch::new("Changed")], ..Route::all("erp") };
        assert!(route.wants(&envelope(Kind::Order, Some("OrderIssuedByBuyer"))));
        assert!(route.wants(&envelope(Kind::Order, None)), "a bare order counts as Changed");
        assert!(!route.wants(&envelope(Kind::Order, Some("OrderLinesUpdatedBySupplier"))));
    }

    #[test]
    fn a_handler_gets_the_kinds_it_lists() {
        let route = Route { kinds: vec![Kind::Shipment], ..Route::all("erp") };
        assert!(route.wants(&envelope(Kind::Shipment, Some("ShipmentIssuedBySupplier"))));
        assert!(!route.wants(&envelope(Kind::Order, Some("OrderIssuedByBuyer"))));
    }
}
