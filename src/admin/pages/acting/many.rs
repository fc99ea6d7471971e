//! The filter of a list, as something that many events can be acted on by.

use crate::admin::access::Role;
use crate::admin::pages::address::Query;
use crate::admin::pages::visit::Visit;
use crate::inbox::{Filter, State};

/// Where to go from a list to act on all of it.
#[derive(Default)]
pub(in crate::admin::pages) struct Many {
    pub(in crate::admin::pages) deliver: Option<String>,
    pub(in crate::admin::pages) discard: Option<String>,
}

impl Many {
    /// From the list of what matches, for whoever may. What wants attention, and what takes a look into bodies, cannot be
    /// acted by.
    pub(in crate::admin::pages) fn of(visit: &Visit, filters: &Query, filter: &Filter) -> Self {
        let cannot_be =
            filters.pairs().iter().any(|(name, _)| ["attention", "partner", "item"].contains(&name.as_str()));
        if visit.visitor.role != Role::Operator || cannot_be {
            return Self::default();
        }
        let has = |states: &[State]| filter.states.iter().any(|state| states.contains(state));
        let can_be = has(&[State::Dead, State::Refused, State::Discarded, State::Pending, State::Fetching]);
        let open = has(&[State::Dead, State::Refused, State::Pending, State::Fetching]);
        Self {
            // Without a state the dead ones are delivered.
            deliver: (can_be || filter.states.is_empty() || filter.handler.is_some()).then(|| filters.link("deliver")),
            discard: open.then(|| filters.link("discard")),
        }
    }
}

/// A filter in words, one for each of its parts.
pub(super) fn words(filters: &Query) -> Vec<String> {
    let word = |(name, value): &(String, String)| match name.as_str() {
        "state" => format!("state {}", value.replace(',', " or ")),
        "event" => format!("event {value}"),
        "origin" => format!("came by {value}"),
        name => format!("{name} {value}"),
    };
    filters.pairs().iter().filter(|(name, _)| name != "undo").map(word).collect()
}
