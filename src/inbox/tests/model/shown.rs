//! What people are shown of the inbox, and what the model says.

use std::collections::BTreeSet;

use super::{BODIES, Both, Delivery, HANDLERS, Refused, refused_id};
use crate::inbox::{EventView, Filter, State};

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
            assert_eq!(shown.state == State::Unwanted, deliveries == [None, None], "{shown:?}");
            for delivery in shown.deliveries {
                let handler = HANDLERS.iter().position(|name| *name == delivery.handler).unwrap();
                let expected = deliveries[handler].unwrap();
                assert_eq!((delivery.state, delivery.attempts), (expected.state, expected.attempts), "{index}");
                let first = self.first(lane, handler).unwrap_or(index);
                let waits_for = (expected.state == State::Pending && first < index).then(|| &self.stored[first].id);
                assert_eq!(delivery.waits_for.as_ref(), waits_for, "{index}");
                assert!(waits_for.is_none() || delivery.due.is_none(), "{index}");
            }
        }
        for body in 0..BODIES {
            let shown = self.show(&refused_id(body)).map(|shown| (shown.copies, shown.state, shown.deliveries.len()));
            let state = |known: &Refused| if known.discarded { State::Discarded } else { State::Refused };
            assert_eq!(shown, self.refused.get(&body).map(|known| (Some(known.copies), state(known), 0)), "{body}");
        }
    }

    /// What is listed by state and handler is what the model says, the newest first.
    pub(in crate::inbox::tests) fn compare_lists(&self) {
        let states = [State::Pending, State::Done, State::Dead, State::Discarded, State::Refused, State::Unwanted];
        for state in states.into_iter().map(Some).chain([None]) {
            for handler in [None, Some(0), Some(1)] {
                let name = handler.map(|index: usize| HANDLERS[index].to_owned());
                let filter = Filter { state, handler: name, limit: 1000, ..Filter::default() };
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
                let listed: Vec<_> = listed.into_iter().map(|event| event.id).collect();
                assert_eq!(listed, expected, "{state:?} {handler:?}");
            }
        }
    }
}

/// Whether an event with these deliveries is listed for a state and a handler.
fn is_listed(deliveries: &[Option<Delivery>; 2], state: Option<State>, handler: Option<usize>) -> bool {
    let states: Vec<_> = deliveries.iter().flatten().map(|delivery| delivery.state).collect();
    match (handler, state) {
        (Some(index), None) => deliveries[index].is_some(),
        (Some(index), Some(state)) => deliveries[index].is_some_and(|delivery| delivery.state == state),
        (None, None) => true,
        (None, Some(State::Unwanted)) => states.is_empty(),
        (None, Some(State::Done)) => !states.is_empty() && states.iter().all(|one| *one == State::Done),
        (None, Some(state)) => states.contains(&state),
    }
}
