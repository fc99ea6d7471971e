//! What the inbox knows of an order or shipment: which of its states have come, however they did.
//!
//! It is made from the events themselves, whose bodies say which state they bring. An event names only the lines that it
//! is about, so each line is looked at for itself: one that is newer than all that came of it has not come.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::decode::{self, Body, StateOf};
use crate::inbox::{Archive, EventKey, Filter, InboxError};
use crate::model::Kind;

/// Events of one order or shipment that are looked at, the newest of them.
const LOOKED_AT: usize = 200;

/// Of one order or shipment, the times of all that has come.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The newest state.
    pub(crate) updated: Option<Timestamp>,
    lines: HashMap<String, Timestamp>,
    /// The id of the event that brought the newest.
    pub(crate) by: Option<String>,
    /// The body of the event that came last.
    last: Option<Body>,
}

impl Known {
    /// What the events in the inbox say of that order or shipment, without the one that has that key.
    pub(crate) async fn of(
        archive: &dyn Archive,
        kind: Kind,
        id: &str,
        except: Option<EventKey>,
    ) -> Result<Self, InboxError> {
        let filter = Filter { number: Some(id.to_owned()), limit: LOOKED_AT, ..Filter::default() };
        let sequences = archive.sequences(&filter).await?;
        let mut known = Self::default();
        for view in archive.views(&sequences).await? {
            let is_of_kind = view.kind.is_some_and(|found| is_of(found, kind));
            let is_it = is_of_kind && view.subject.as_deref() == Some(id);
            if !is_it || view.size == 0 || except.is_some_and(|key| key.0 == *view.key.as_bytes()) {
                continue;
            }
            let body = Body::kept(view.content_type, archive.body(view.sequence).await?);
            if let Some(state) = decode::state_of(&body) {
                known.add(&state, &view.id);
            }
            if known.last.is_none() {
                known.by.get_or_insert(view.id);
                known.last = Some(body);
            }
        }
        Ok(known)
    }

    fn add(&mut self, state: &StateOf, event: &str) {
        if state.updated > self.updated {
            self.updated = state.updated;
            self.by = Some(event.to_owned());
        }
        for (line, updated) in &state.lines {
            let newest = self.lines.entry(line.clone()).or_insert(*updated);
            *newest = (*newest).max(*updated);
        }
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
    pub(crate) fn has(&self, body: Body) -> bool {
        match decode::state_of(&body).filter(|state| state.updated.is_some()) {
            Some(state) => self.updated.is_some() && self.news(&state, None).is_empty(),
            None => self.last.clone().is_some_and(|last| decode::say_the_same(&[last, body])),
        }
    }
}

/// Whether events of the kind that was found are about the same as those of the other.
fn is_of(found: Kind, kind: Kind) -> bool {
    (found == Kind::Shipment) == (kind == Kind::Shipment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn state(updated: i64, lines: &[(&str, i64)]) -> StateOf {
        let lines = lines.iter().map(|(line, second)| ((*line).to_owned(), at(*second))).collect();
        StateOf { updated: Some(at(updated)), lines }
    }

    #[test]
    fn a_line_that_no_event_was_about_is_news_although_a_later_event_came() {
        let mut known = Known::default();
        known.add(&state(20, &[("2", 20)]), "of line 2");

        assert_eq!(known.news(&state(20, &[("1", 10), ("2", 20)]), None), [at(10)]);
        assert_eq!(known.news(&state(20, &[("1", 10), ("2", 20)]), Some(at(10))), [], "it was found out before");
        assert_eq!(known.news(&state(20, &[("2", 20)]), None), []);
        assert_eq!(known.news(&state(21, &[("2", 20)]), None), [at(21)]);
    }

    #[test]
    fn of_what_nobody_has_seen_everything_is_news() {
        assert_eq!(Known::default().news(&state(20, &[("1", 10)]), None), [at(20), at(10)]);
    }
}
