//! What an operator can do about an event, from its page; and what he has just done.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::sent::once;
use crate::admin::access::Role;
use crate::admin::pages::address::encoded;
use crate::admin::pages::marks::Badge;
use crate::admin::pages::visit::Visit;
use crate::desk::{Configured, Desk, Errand};
use crate::inbox::{Deed, EventView, FETCH, State};

/// What there is to press.
pub(in crate::admin::pages) struct Buttons {
    /// What the visitor has just done, if he comes from there,
    pub(in crate::admin::pages) did: Option<Did>,
    /// the id of the form,
    pub(in crate::admin::pages) once: String,
    /// what to deliver is called now, if there is something to deliver,
    pub(in crate::admin::pages) deliver: Option<&'static str>,
    /// whether there is something to set aside,
    pub(in crate::admin::pages) discard: bool,
    /// and the handlers that can be given it by name.
    pub(in crate::admin::pages) handlers: Vec<ToHandler>,
}

/// What was done.
pub(in crate::admin::pages) struct Did {
    pub(in crate::admin::pages) words: &'static str,
    /// Whether that can be taken back at once.
    pub(in crate::admin::pages) undo: bool,
}

/// A handler that can be given it.
pub(in crate::admin::pages) struct ToHandler {
    pub(in crate::admin::pages) name: String,
    /// As a part of an address.
    pub(in crate::admin::pages) encoded: String,
    /// How far it is there; nothing, if it never went there.
    pub(in crate::admin::pages) state: Option<Badge>,
}

impl Buttons {
    /// Those of an event for this visitor: none for whoever only looks.
    pub(in crate::admin::pages) fn of(visit: &Visit, event: &EventView, desk: &Desk) -> Self {
        let may = visit.visitor.role == Role::Operator;
        let deliver = deliver(event, desk).filter(|_| may);
        let did = did(visit, event);
        Self {
            // The button for it says so.
            did: did.map(|did| Did { undo: did.undo && deliver.is_some(), ..did }),
            once: once(),
            deliver,
            discard: may && discard(event),
            handlers: if may { handlers(event, desk) } else { Vec::new() },
        }
    }

    /// Whether to deliver it takes back what was just done.
    pub(in crate::admin::pages) fn undo(&self) -> bool {
        self.did.as_ref().is_some_and(|did| did.undo)
    }

    /// Whether there is nothing to be shown.
    pub(in crate::admin::pages) fn is_empty(&self) -> bool {
        self.did.is_none() && self.deliver.is_none() && !self.discard && self.handlers.is_empty()
    }
}

/// What to deliver it is called.
fn deliver(event: &EventView, desk: &Desk) -> Option<&'static str> {
    if event.erased.is_some() {
        return None;
    }
    if event.kind.is_none() {
        return matches!(event.state, State::Refused | State::Discarded).then_some("Take it as an event");
    }
    let of = |state: State| event.deliveries.iter().any(|one| one.state == state);
    let is_of_fetching = event.deliveries.iter().any(|one| one.handler == FETCH && one.state == State::Dead);
    // What is due, is paused, or waits for another cannot be hurried.
    let waits = event.deliveries.iter().any(|one| {
        let later = one.due.is_some_and(|due| due > Timestamp::now());
        one.state.is_to_be_made() && later && desk.configured(&one.handler) == Configured::Yes
    });
    if of(State::Dead) {
        Some(if is_of_fetching { "Fetch it again" } else { "Deliver again" })
    } else if of(State::Discarded) {
        Some("Deliver it after all")
    } else {
        waits.then_some("Deliver now")
    }
}

fn discard(event: &EventView) -> bool {
    match event.kind {
        None => event.state == State::Refused && event.erased.is_none(),
        Some(_) => event.deliveries.iter().any(|one| one.state.is_to_be_made() || one.state == State::Dead),
    }
}

fn handlers(event: &EventView, desk: &Desk) -> Vec<ToHandler> {
    if event.kind.is_none() || event.erased.is_some() {
        return Vec::new();
    }
    // What is still to be fetched has nothing to give.
    if event.deliveries.iter().any(|one| one.handler == FETCH && one.state != State::Done) {
        return Vec::new();
    }
    let routes = desk.routes();
    let configured = routes.iter().map(|route| route.name.as_str());
    let known: BTreeSet<_> = configured.filter(|name| *name != FETCH).collect();
    let state = |name: &str| event.deliveries.iter().find(|one| one.handler == name).map(|one| one.state);
    let all = known.into_iter().map(|name| (name, state(name)));
    // What is on its way to it anyhow is not given to it besides.
    let can_be = all.filter(|(_, state)| state.is_none_or(|state| !state.is_to_be_made()));
    can_be
        .map(|(name, state)| ToHandler { name: name.to_owned(), encoded: encoded(name), state: state.map(Badge) })
        .collect()
}

/// What the visitor has just done, by what is kept of it: no address makes anybody believe something else.
fn did(visit: &Visit, event: &EventView) -> Option<Did> {
    let query = visit.uri.query()?;
    let id = query.split('&').find_map(|pair| pair.strip_prefix("did="))?.parse().ok()?;
    let ids = Errand::ids_of(id);
    let action = event.actions.iter().rfind(|action| ids.contains(&action.id))?;
    Some(match action.what {
        Deed::Deliver => Did { words: "You had it delivered.", undo: false },
        Deed::Discard => Did { words: "You set it aside: it is not delivered.", undo: true },
        Deed::Accept => Did { words: "You took it as an event, which goes to whoever wants it.", undo: false },
        Deed::Erase => Did { words: "You erased it.", undo: false },
    })
}
