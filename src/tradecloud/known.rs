//! What the inbox knows of an order or shipment: which of its states have come, however they did.
//!
//! It is made from the events themselves, whose bodies say which state they bring. An event names only the lines that it
//! is about, so each line is looked at for itself: one that is newer than all that came of it has not come.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::decode::{self, Body, StateOf};
use crate::inbox::{Archive, EventKey, Filter, InboxError};
use crate::model::Kind;

/// Events of one order or shipment that are looked at together, the newest first,
const AT_ONCE: usize = 100;

/// and at the most.
const MOST: usize = 10_000;

/// A time that is further ahead of the clock is none: whatever came later would count as known for ever.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Of one order or shipment, the times of all that has come.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The newest state.
    pub(crate) updated: Option<Timestamp>,
    /// The newest that came with all of it, and not with its documents alone.
    whole: Option<Timestamp>,
    version: Option<u64>,
    lines: HashMap<String, Timestamp>,
    /// The id of the event that brought the newest.
    pub(crate) by: Option<String>,
    /// The body of the event that came last.
    last: Option<Body>,
}

impl Known {
    /// What the events in the inbox say of that order or shipment, without the one that has that key: from the newest
    /// on, until that is enough to know that `state` has come.
    pub(crate) async fn of(
        archive: &dyn Archive,
        kind: Kind,
        id: &str,
        except: Option<EventKey>,
        state: Option<&StateOf>,
    ) -> Result<Self, InboxError> {
        let mut filter = Filter { number: Some(id.to_owned()), limit: AT_ONCE, ..Filter::default() };
        let (mut known, mut looked) = (Self::default(), 0);
        while looked < MOST && !state.is_some_and(|state| known.covers(state)) {
            let sequences = archive.sequences(&filter).await?;
            let Some(last) = sequences.last() else { break };
            filter.before = Some(*last);
            looked += sequences.len();
            for view in archive.views(&sequences).await? {
                let is_of_kind = view.kind.is_some_and(|found| is_of(found, kind));
                let is_it = is_of_kind && view.subject.as_deref() == Some(id);
                if is_it && view.size > 0 && except.is_none_or(|key| key.0 != *view.key.as_bytes()) {
                    let body = Body::kept(view.content_type, archive.body(view.sequence).await?);
                    known.add_event(body, view.kind == Some(Kind::OrderDocuments), view.id);
                }
            }
        }
        Ok(known)
    }

    /// One more event, older than those before.
    fn add_event(&mut self, body: Body, is_documents: bool, event: String) {
        if let Some(state) = decode::state_of(&body) {
            self.add(&state, is_documents, &event);
        }
        if self.last.is_none() && !is_documents {
            self.by.get_or_insert(event);
            self.last = Some(body);
        }
    }

    fn add(&mut self, state: &StateOf, is_documents: bool, event: &str) {
        let state = believed(state.clone());
        if state.updated > self.updated {
            self.updated = state.updated;
            self.by = Some(event.to_owned());
        }
        if !is_documents {
            self.whole = self.whole.max(state.updated);
            self.version = self.version.max(state.version);
        }
        for (line, updated) in &state.lines {
            let newest = self.lines.entry(line.clone()).or_insert(*updated);
            *newest = (*newest).max(*updated);
        }
    }

    /// Whether all of a state has come, and not only its documents.
    fn covers(&self, state: &StateOf) -> bool {
        let line = |(line, updated): &(String, Timestamp)| self.lines.get(line).is_some_and(|known| known >= updated);
        let is_older = self.version.zip(state.version).is_some_and(|(known, version)| known < version);
        self.whole.is_some() && self.whole >= state.updated && !is_older && state.lines.iter().all(line)
    }

    /// The times of what is new in a state: of the whole, and of each line. Of what is not newer than `after` it was
    /// found out before.
    pub(crate) fn news(&self, state: &StateOf, after: Option<Timestamp>) -> Vec<Timestamp> {
        let is_new = |known: Option<Timestamp>, found: Timestamp| {
            known.is_none_or(|known| found > known) && after.is_none_or(|after| found > after)
        };
        let whole = state.updated.filter(|updated| is_new(self.updated, *updated));
        let lines = state.lines.iter().filter(|(line, updated)| is_new(self.lines.get(line).copied(), *updated));
        whole.into_iter().chain(lines.map(|(_, updated)| *updated)).collect()
    }

    /// Whether a whole order or shipment brings nothing new. One that does not say which state it is, is compared with
    /// what came last.
    pub(crate) fn has(&self, body: Body, state: Option<StateOf>) -> bool {
        match state.filter(|state| state.updated.is_some()) {
            Some(state) => self.covers(&state),
            None => self.last.clone().is_some_and(|last| decode::say_the_same(&[last, body])),
        }
    }
}

/// Whether a change may have been made at that time.
pub(crate) fn is_believed(at: Timestamp) -> bool {
    at <= Timestamp::now().saturating_add(AHEAD).unwrap_or(Timestamp::MAX)
}

/// A state without the times that cannot be believed.
pub(crate) fn believed(state: StateOf) -> StateOf {
    let updated = state.updated.filter(|updated| is_believed(*updated));
    let mut lines = state.lines;
    lines.retain(|(_, updated)| is_believed(*updated));
    StateOf { updated, lines, ..state }
}

/// What of a state is newer than that.
pub(crate) fn newer(state: StateOf, after: Timestamp) -> StateOf {
    let updated = state.updated.filter(|updated| *updated > after);
    let mut lines = state.lines;
    lines.retain(|(_, updated)| *updated > after);
    StateOf { updated, lines, ..state }
}

/// Whether events of the kind that was found are about the same as those of the other.
fn is_of(found: Kind, kind: Kind) -> bool {
    (found == Kind::Shipment) == (kind == Kind::Shipment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn state(updated: i64, lines: &[(&str, i64)]) -> StateOf {
        let lines = lines.iter().map(|(line, second)| ((*line).to_owned(), at(*second))).collect();
        StateOf { updated: Some(at(updated)), lines, version: None }
    }

    #[test]
    fn a_line_that_no_event_was_about_is_news_although_a_later_event_came() {
        let mut known = Known::default();
        known.add(&state(20, &[("2", 20)]), false, "of line 2");

        assert_eq!(known.news(&state(20, &[("1", 10), ("2", 20)]), None), [at(10)]);
        assert_eq!(known.news(&state(20, &[("1", 10), ("2", 20)]), Some(at(10))), [], "it was found out before");
        assert_eq!(known.news(&state(20, &[("2", 20)]), None), []);
        assert_eq!(known.news(&state(21, &[("2", 20)]), None), [at(21)]);
    }

    #[test]
    fn documents_that_came_later_are_not_what_was_changed_before_them() {
        let mut known = Known::default();
        known.add(&state(10, &[]), false, "issued");
        known.add(&state(30, &[]), true, "documents");

        assert!(!known.covers(&state(30, &[])) && known.covers(&state(10, &[])));
        assert_eq!(known.news(&state(30, &[]), None), [], "that something came for that time is known");
    }

    #[test]
    fn a_later_version_of_the_same_time_has_not_come() {
        let mut known = Known::default();
        let version = |version| StateOf { version: Some(version), ..state(10, &[]) };
        known.add(&version(4), false, "issued");

        assert!(known.covers(&version(4)) && known.covers(&state(10, &[])) && !known.covers(&version(5)));
    }

    #[test]
    fn a_time_in_a_distant_future_makes_nothing_known() {
        let mut known = Known::default();
        let distant = Timestamp::now() + SignedDuration::from_hours(48);
        let odd = StateOf { updated: Some(distant), lines: vec![("1".to_owned(), distant)], version: None };
        known.add(&odd, false, "odd");

        assert_eq!(known.news(&state(20, &[("1", 10)]), None), [at(20), at(10)]);
    }

    #[test]
    fn of_what_nobody_has_seen_everything_is_news() {
        assert_eq!(Known::default().news(&state(20, &[("1", 10)]), None), [at(20), at(10)]);
    }
}
