//! What in a handler's filters is most likely a slip: it would get nothing, and nobody would notice. Tradecloud may add
//! names at any time, so nothing of it is an error.

use uuid::Uuid;

use super::Route;
use crate::config::Section;
use crate::model::names::{event_names, nearest_event_name};
use crate::model::{Actor, Kind};

/// Warns of them.
pub(super) fn note(section: &Section, route: &Route) {
    note_events(section, route);
    note_companies(section, &route.companies);
}

/// Warns of patterns on event names by which nothing will come.
fn note_events(section: &Section, route: &Route) {
    for matches in &route.events {
        let pattern = matches.to_string();
        let matched: Vec<_> = event_names().filter(|(name, _)| matches.matches(name)).collect();
        // There are none if those that are named are wrong, which is said already.
        let of_kind = |(_, kind): &&(&str, Kind)| route.kinds.is_empty() || route.kinds.contains(kind);
        let by = |(name, _): &(&str, Kind)| route.by.is_none_or(|actor| Actor::of_event(name) == Some(actor));
        let leaves_out = |filter: &str| format!("but `{filter}` leaves out every event that it matches");
        let what = if matched.is_empty() {
            let nearest = nearest_event_name(&pattern);
            let nearest = nearest.map_or_else(String::new, |name| format!(". Did you mean `{name}`?"));
            format!("which matches none of the event names that Tradecloud documents{nearest}")
        } else if !matched.iter().any(|known| of_kind(&known)) {
            leaves_out("kinds")
        } else if !matched.iter().filter(of_kind).any(by) {
            leaves_out("by")
        } else {
            continue;
        };
        section.warning("events", format!("has \"{pattern}\", {what}"));
    }
}

/// Warns of what is no id of a company.
fn note_companies(section: &Section, companies: &[String]) {
    for company in companies {
        if company.len() != Uuid::nil().hyphenated().to_string().len() || company.parse::<Uuid>().is_err() {
            let what = "which is no company id of Tradecloud: those are UUIDs, such as \
                        7987736e-ab85-49ce-b65a-b8422914cbbb";
            section.warning("companies", format!("has \"{company}\", {what}"));
        }
    }
}
