//! What people are shown of the inbox, and what the model says.

use std::collections::BTreeSet;

use clap::ValueEnum as _;
use uuid::Uuid;

use super::{BODIES, Both, Deliveries, HANDLERS, Refused, number_of, refused_id};
use crate::inbox::{Count, Deed, DeedView, EventView, Filter, State};
use crate::model::Kind;

impl Both {
    fn show(&self, id: &str) -> Option<EventView> {
        self.runtime.block_on(self.inbox.show(id)).unwrap()
    }

    /// What people are shown is what the model says.
    pub(in crate::inbox::tests) fn compare(&self) {
        for (index, stored) in self.stored.iter().enumerate() {
            let shown = self.show(&stored.id);
            let Some((lane, deliveries)) = self.events[index] else {
                assert_eq!(shown, None, "swept");
                continue;
            };
            let shown = shown.unwrap();
            assert_eq!(shown.deliveries.len(), deliveries.iter().flatten().count(), "{shown:?}");
            let states: Vec<_> = seen(&deliveries).collect();
            let order = [State::Dead, State::Fetching, State::Pending, State::Discarded, State::Done];
            let state = order.into_iter().find(|state| states.contains(state));
            assert_eq!(shown.state, state.unwrap_or(State::Unwanted), "{shown:?}");
            let attempts =
                shown.attempts.iter().map(|one| (handler_of(&one.handler), one.attempt, one.outcome.unwrap()));
            let kept = &self.kept[index];
            assert_eq!(attempts.collect::<Vec<_>>(), kept.attempts, "{index}");
            let said = shown.attempts.iter().all(|one| one.answer.is_some() || kept.erased);
            assert!(said && (!kept.erased || shown.size == 0), "{shown:?}");
            let deeds: Vec<_> = shown.actions.iter().map(|action| action.what).collect();
            assert_eq!((shown.repeats, deeds, shown.erased.is_some()), (kept.repeats, kept.deeds.clone(), kept.erased));
            for delivery in shown.deliveries {
                let handler = handler_of(&delivery.handler);
                let expected = deliveries[handler].unwrap();
                let state = expected.seen(handler);
                assert_eq!(
                    (delivery.state, delivery.attempts, delivery.round),
                    (state, expected.attempts, expected.round),
                    "{index}"
                );
                let first = self.first(lane, handler).unwrap_or(index);
                let waits_for = (expected.state == State::Pending && first < index).then(|| &self.stored[first].id);
                assert_eq!(delivery.waits_for.as_ref(), waits_for, "{index}");
                assert!(waits_for.is_none() || delivery.due.is_none(), "{index}");
            }
        }
        self.compare_notices();
        for body in 0..BODIES {
            let shown = self.show(&refused_id(body)).map(|shown| (shown.copies, shown.state, shown.deliveries.len()));
            let state = |known: &Refused| if known.discarded { State::Discarded } else { State::Refused };
            assert_eq!(shown, self.refused.get(&body).map(|known| (Some(known.copies), state(known), 0)), "{body}");
            let deeds = self.runtime.block_on(self.inbox.actions(&refused_id(body))).unwrap();
            let deeds: Vec<_> = deeds.into_iter().map(|action| action.what).collect();
            assert_eq!(
                deeds,
                self.deeds_on_refused.get(&body).cloned().unwrap_or_default(),
                "whether it is there or not"
            );
        }
    }

    /// What is listed by state and handler is what the model says, the newest first.
    pub(in crate::inbox::tests) fn compare_lists(&self) {
        for state in State::value_variants().iter().copied().map(Some).chain([None]) {
            for handler in [None, Some(0), Some(1), Some(2)] {
                let name = handler.map(|index: usize| HANDLERS[index].to_owned());
                let states: Vec<_> = state.into_iter().collect();
                let filter = Filter { states, handler: name, limit: 1000, ..Filter::default() };
                let listed = self.runtime.block_on(self.inbox.list(&filter)).unwrap();
                let events = self.live().filter(|(_, (_, deliveries))| is_listed(deliveries, state, handler));
                let refused = self.refused.iter().filter(|(_, known)| match state {
                    None => handler.is_none(),
                    Some(State::Refused) => handler.is_none() && !known.discarded,
                    Some(State::Discarded) => handler.is_none() && known.discarded,
                    Some(_) => false,
                });
                let ids: BTreeSet<_> = events
                    .map(|(number, _)| self.stored[number].id.clone())
                    .chain(refused.map(|(body, _)| refused_id(*body)))
                    .collect();
                let expected: Vec<_> = self.order.iter().rev().filter(|id| ids.contains(*id)).cloned().collect();
                let sequences: Vec<_> = listed.iter().map(|event| event.sequence).collect();
                let listed: Vec<_> = listed.into_iter().map(|event| event.id).collect();
                assert_eq!(listed, expected, "{state:?} {handler:?}");
                self.compare_pages(&filter, &sequences);
            }
        }
        self.compare_finds();
        self.compare_deeds();
    }

    /// What people did is listed in pages, the newest first and each once, with how many events it has changed.
    fn compare_deeds(&self) {
        let (mut listed, mut before) = (Vec::new(), None);
        loop {
            let page = self.runtime.block_on(self.inbox.deeds(before, 3)).unwrap();
            let Some(last) = page.last() else { break };
            before = Some((last.at, last.id));
            listed.extend(page);
        }
        assert!(listed.windows(2).all(|two| (two[0].at, two[0].id) > (two[1].at, two[1].id)), "{listed:?}");
        assert_eq!(listed.len(), self.acted.len());
        for deed in &listed {
            assert_eq!(Some(&(deed.what, deed.events)), self.acted.get(&deed.id), "{deed:?}");
            assert_eq!(self.runtime.block_on(self.inbox.deed(deed.id)).unwrap().as_ref(), Some(deed));
            self.compare_acted(deed);
        }
        assert_eq!(self.runtime.block_on(self.inbox.deed(Uuid::nil())).unwrap(), None);
    }

    /// The events that something was done to are found from it, in pages.
    fn compare_acted(&self, deed: &DeedView) {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = self.runtime.block_on(self.inbox.acted(deed.id, after, 2)).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(*last);
            listed.extend(page);
        }
        // A refused body and what has become of it are one.
        let expected = if deed.what == Deed::Accept { 2 } else { deed.events };
        assert_eq!(listed.len() as u64, expected, "{deed:?} {listed:?}");
        for one in &listed {
            let Some(sequence) = one.sequence else { continue };
            let views = self.runtime.block_on(self.inbox.views(&[sequence])).unwrap();
            assert!(views[0].actions.iter().any(|action| action.id == deed.id), "{deed:?} {views:?}");
        }
    }

    /// In pages of two it is the same, and it is counted, up to a bound.
    fn compare_pages(&self, filter: &Filter, expected: &[i64]) {
        let (mut paged, mut page) = (Vec::new(), Filter { limit: 2, ..filter.clone() });
        loop {
            let some = self.runtime.block_on(self.inbox.sequences(&page)).unwrap();
            let Some(last) = some.last() else { break };
            page.before = Some(*last);
            paged.extend(some);
        }
        assert_eq!(paged, expected, "{filter:?}");
        let count = |most| self.runtime.block_on(self.inbox.count(filter, most)).unwrap();
        assert_eq!(count(expected.len()), Count::Exactly(expected.len()), "{filter:?}");
        if !expected.is_empty() {
            assert_eq!(count(expected.len() - 1), Count::MoreThan(expected.len() - 1), "{filter:?}");
        }
    }

    /// What names an order is found by any spelling of its number, whatever else is asked.
    fn compare_finds(&self) {
        for order in 0..3 {
            let spelled = format!("po 00{order}");
            for (kind, state) in [(None, None), (Some(Kind::Order), None), (None, Some(State::Done))] {
                let filter = Filter {
                    number: Some(spelled.clone()),
                    kind,
                    states: state.into_iter().collect(),
                    limit: 1000,
                    ..Filter::default()
                };
                let found = self.runtime.block_on(self.inbox.sequences(&filter)).unwrap();
                let expected = self.live().filter(|(event, (_, deliveries))| {
                    let stored = &self.stored[*event];
                    stored.references.iter().any(|one| one.value == number_of(order))
                        && kind.is_none_or(|kind| stored.envelope.kind == kind)
                        && is_listed(deliveries, state, None)
                });
                let mut expected: Vec<_> = expected.map(|(event, _)| self.sequence(event)).collect();
                expected.reverse();
                assert_eq!(found, expected, "{filter:?}");
            }
        }
    }
}

/// The states that the deliveries are seen in.
pub(super) fn seen(deliveries: &Deliveries) -> impl Iterator<Item = State> {
    let there = deliveries.iter().enumerate().filter_map(|(index, delivery)| Some((index, (*delivery)?)));
    there.map(|(index, delivery)| delivery.seen(index))
}

fn handler_of(name: &str) -> usize {
    HANDLERS.iter().position(|handler| *handler == name).unwrap()
}

/// Whether an event with these deliveries is listed for a state and a handler.
fn is_listed(deliveries: &Deliveries, state: Option<State>, handler: Option<usize>) -> bool {
    let states: Vec<_> = seen(deliveries).collect();
    match (handler, state) {
        (Some(index), None) => deliveries[index].is_some(),
        (Some(index), Some(state)) => deliveries[index].is_some_and(|delivery| delivery.seen(index) == state),
        (None, None) => true,
        (None, Some(State::Unwanted)) => states.is_empty(),
        (None, Some(State::Done)) => !states.is_empty() && states.iter().all(|one| *one == State::Done),
        (None, Some(state)) => states.contains(&state),
    }
}
