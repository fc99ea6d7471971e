//! Which events a handler wants.

use std::time::Duration;

use wildmatch::WildMatch;

use crate::config::{Problems, Section, table};
use crate::handlers;
use crate::model::{Actor, Envelope, Kind};

/// What every handler has in common: its name, the events it wants, and the bound of an attempt.
#[derive(Debug, Clone)]
pub struct Route {
    /// The name the configuration gives the handler.
    pub name: String,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether it gets nothing for now: its deliveries wait in the inbox.
    pub paused: bool,
    kinds: Vec<Kind>,
    events: Vec<WildMatch>,
    by: Option<Actor>,
    companies: Vec<String>,
}

impl Route {
    /// Every event, for the handler `name`; 60 seconds for an attempt.
    pub fn all(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            timeout: handlers::DEFAULT_TIMEOUT,
            paused: false,
            kinds: Kind::ALL.to_vec(),
            events: Vec::new(),
            by: None,
            companies: Vec::new(),
        }
    }

    /// Events of these kinds only.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Events whose name matches one of these patterns only (`*` and `?`). A bare order counts as `Changed`.
    #[must_use]
    pub fn events<'p>(mut self, patterns: impl IntoIterator<Item = &'p str>) -> Self {
        self.events = patterns.into_iter().map(WildMatch::new).collect();
        self
    }

    /// Events of which the name says that this side acted, only.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.by = Some(actor);
        self
    }

    /// Events that name one of these companies only: as the one that acted, as buyer or as supplier.
    #[must_use]
    pub fn companies(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.companies = ids.into_iter().collect();
        self
    }

    /// The route of a handler of your own, by keys in TOML: `kinds`, `events`, `by`, `companies`, `timeout` and
    /// `paused`, as in the configuration's table of a handler. Without any key it is [`Route::all`].
    ///
    /// ```
    /// use tradecloud_webhook::dispatch::Route;
    ///
    /// let route = Route::from_toml("mine", "kinds = [\"order\"]\nby = \"supplier\"\ntimeout = \"10s\"")?;
    /// # Ok::<(), tradecloud_webhook::config::Problems>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with its key.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Problems> {
        let (route, _no_warnings) = table::read(name, text, |section| {
            let route = Self::read(&section);
            section.finish();
            Some(route)
        })?;
        // The section takes what stands after a dot for it.
        Ok(Self { name: name.to_owned(), ..route })
    }

    /// Reads what a handler's section says of the events it gets, `timeout` and `paused`.
    pub(crate) fn read(section: &Section) -> Self {
        let mut route = Self { timeout: handlers::timeout(section), ..Self::all(section.name()) };
        if let Some(names) = section.texts("kinds") {
            route.kinds = names.iter().filter_map(|name| Kind::from_name(name)).collect();
            if route.kinds.len() < names.len() || names.is_empty() {
                let names = Kind::ALL.map(|kind| format!("\"{kind}\"")).join(", ");
                section.error("kinds", format!("must list some of {names}"));
            }
        }
        if let Some(patterns) = section.texts("events") {
            if patterns.is_empty() {
                section.error("events", "is empty: no event would reach this handler. Leave it out for all events");
            }
            route = route.events(patterns.iter().map(String::as_str));
        }
        route.by = section.choice("by", &[("buyer", Actor::Buyer), ("supplier", Actor::Supplier)]);
        if let Some(companies) = section.texts("companies") {
            if companies.is_empty() {
                section
                    .error("companies", "is empty: no event would reach this handler. Leave it out for all companies");
            }
            route.companies = companies;
        }
        route.paused = section.boolean("paused").unwrap_or(false);
        route
    }

    /// Whether the handler wants that event.
    pub fn wants(&self, envelope: &Envelope) -> bool {
        let event_name = envelope.event_name_or_changed();
        self.kinds.contains(&envelope.kind)
            && self.by.is_none_or(|actor| envelope.actor() == Some(actor))
            && (self.companies.is_empty() || self.companies.iter().any(|id| envelope.companies.contains(id)))
            && (self.events.is_empty() || self.events.iter().any(|pattern| pattern.matches(event_name)))
    }
}

#[cfg(test)]
mod tests {
    use super::Route;
    use crate::model::{Actor, Envelope, Format, Kind};

    fn envelope(kind: Kind, event_name: Option<&str>) -> Envelope {
        Envelope {
            kind,
            format: Format::Json,
            event_name: event_name.map(str::to_owned),
            message_id: None,
            subject: None,
            number: None,
            company_id: None,
            companies: vec!["buyer-1".to_owned(), "supplier-7".to_owned()],
            created: None,
        }
    }

    #[test]
    fn a_handler_gets_the_events_its_patterns_match() {
        let route = Route::all("erp").events(["Order*ByBuyer", "Changed"]);
        assert!(route.wants(&envelope(Kind::Order, Some("OrderIssuedByBuyer"))));
        assert!(route.wants(&envelope(Kind::Order, None)), "a bare order counts as Changed");
        assert!(!route.wants(&envelope(Kind::Order, Some("OrderLinesUpdatedBySupplier"))));
    }

    #[test]
    fn a_handler_gets_the_kinds_it_lists() {
        let route = Route::all("erp").kinds([Kind::Shipment]);
        assert!(route.wants(&envelope(Kind::Shipment, Some("ShipmentIssuedBySupplier"))));
        assert!(!route.wants(&envelope(Kind::Order, Some("OrderIssuedByBuyer"))));
    }

    #[test]
    fn a_handler_gets_what_one_side_did() {
        let route = Route::all("erp").by(Actor::Supplier);
        assert!(route.wants(&envelope(Kind::Order, Some("OrderLinesAcceptedBySupplier"))));
        assert!(!route.wants(&envelope(Kind::Order, Some("OrderIssuedByBuyer"))));
        assert!(!route.wants(&envelope(Kind::Order, None)), "nobody knows who changed a bare order");
    }

    #[test]
    fn a_handler_gets_the_events_of_its_companies() {
        assert!(Route::all("erp").companies(["x".into(), "supplier-7".into()]).wants(&envelope(Kind::Order, None)));
        assert!(!Route::all("erp").companies(["x".into()]).wants(&envelope(Kind::Order, None)));
    }
}
