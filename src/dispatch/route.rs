//! Which events a handler wants.

use std::ops::RangeInclusive;
use std::time::Duration;

use wildmatch::WildMatch;

use super::doubts;
use crate::config::{Problems, Section, table};
use crate::event::Event;
use crate::handlers;
use crate::inbox::FETCH;
use crate::model::{Actor, Envelope, Kind};

/// What `max_per_second` may be: what is slower stands still, and nothing is faster.
pub(super) const PACES: RangeInclusive<f64> = 0.001..=100_000.0;

/// What every handler has in common: its name, the events it wants, and how much of them it gets at once.
#[derive(Debug, Clone)]
pub struct Route {
    /// The name the configuration gives the handler.
    pub name: String,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether it gets nothing for now: its deliveries wait in the inbox.
    pub paused: bool,
    /// How many orders and shipments it gets at once, one at least; `None`: as many as `[delivery] lanes` says.
    pub lanes: Option<usize>,
    /// How many attempts begin in a second at the most, in this receiver, from 0.001 to 100000; `None`: any number.
    pub max_per_second: Option<f64>,
    /// Whether it gets an event only once its documents are on disk (see [`Event::documents`]).
    ///
    /// [`Event::documents`]: crate::event::Event::documents
    pub documents: bool,
    /// Whether it hands them on itself, for each of which it has the time that it has for an attempt.
    pub(super) hands_documents_on: bool,
    pub(super) kinds: Vec<Kind>,
    pub(super) events: Vec<WildMatch>,
    pub(super) by: Option<Actor>,
    pub(super) companies: Vec<String>,
}

impl Route {
    /// The kinds that it wants, and the patterns of event names; any name, if there are none.
    pub(crate) fn wanted(&self) -> (&[Kind], Vec<String>) {
        (&self.kinds, self.events.iter().map(WildMatch::pattern).collect())
    }

    /// Every event, for the handler `name`; 60 seconds for an attempt.
    pub fn all(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            timeout: handlers::DEFAULT_TIMEOUT,
            paused: false,
            lanes: None,
            max_per_second: None,
            documents: false,
            hands_documents_on: false,
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

    /// The route of a handler of your own, by keys in TOML: `kinds`, `events`, `by`, `companies`, `timeout`, `paused`,
    /// `lanes`, `max_per_second` and `documents`, as in the configuration's table of a handler. Without any key it is [`Route::all`].
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

    /// Reads what a handler's section says of the events it gets, and how.
    pub(crate) fn read(section: &Section) -> Self {
        let mut route = Self { timeout: handlers::timeout(section), ..Self::all(section.name()) };
        if route.name == FETCH {
            section.error("", "is how the inbox calls what fetches from Tradecloud. Give the handler another name");
        }
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
        doubts::note(section, &route);
        route.paused = section.boolean("paused").unwrap_or(false);
        route.lanes = section.count("lanes", 1).and_then(|lanes| usize::try_from(lanes).ok());
        route.max_per_second = section.number("max_per_second");
        if route.max_per_second.is_some_and(|most| !PACES.contains(&most)) {
            section.error("max_per_second", format!("must be from {} to {}", PACES.start(), PACES.end()));
        }
        route.documents = section.boolean("documents").unwrap_or(false);
        route.hands_documents_on = section.has("documents_url");
        route
    }

    /// How long an attempt at that event may take.
    pub(super) fn patience(&self, event: &Event) -> Duration {
        let documents = event.documents.as_deref().filter(|_| self.hands_documents_on).unwrap_or_default();
        self.timeout.saturating_mul(u32::try_from(documents.len()).unwrap_or(u32::MAX).saturating_add(1))
    }

    /// Whether the handler wants that event.
    pub fn wants(&self, envelope: &Envelope) -> bool {
        self.left_out_by(envelope).is_none()
    }

    /// The key of the filter that leaves that event out, if one does.
    pub fn left_out_by(&self, envelope: &Envelope) -> Option<&'static str> {
        let event_name = envelope.event_name_or_changed();
        let is_ours = |company: &String| self.companies.iter().any(|id| id.eq_ignore_ascii_case(company));
        if !self.kinds.contains(&envelope.kind) {
            Some("kinds")
        } else if self.by.is_some_and(|actor| envelope.actor() != Some(actor)) {
            Some("by")
        } else if !self.companies.is_empty() && !envelope.companies.iter().any(is_ours) {
            Some("companies")
        } else if !self.events.is_empty() && !self.events.iter().any(|pattern| pattern.matches(event_name)) {
            Some("events")
        } else {
            None
        }
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
    fn no_handler_is_called_what_fetches_is_called() {
        let text = "[handlers.\"(fetch)\"]\ntype = \"file\"\ndirectory = \"d\"";
        let source = config::File::from_str(text, config::FileFormat::Toml);
        let values = config::Config::builder().add_source(source).build().unwrap().try_deserialize().unwrap();
        let findings = std::rc::Rc::default();
        let root = crate::config::Section::new("", values, std::rc::Rc::clone(&findings));

        let routes: Vec<_> = root.tables("handlers").iter().map(Route::read).collect();

        assert_eq!(routes.len(), 1);
        let said = format!("{findings:?}");
        assert!(said.contains("handlers.(fetch)") && said.contains("another name"), "{said}");
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
        assert!(Route::all("erp").companies(["BUYER-1".into()]).wants(&envelope(Kind::Order, None)), "as UUIDs go");
    }
}
