//! What becomes of deliveries: claimed, finished, delivered again, discarded.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::shown::seen;
use super::{Both, Deliveries, Delivery, FETCHES, HANDLERS, NEW};
use crate::inbox::tests::{How, action};
use crate::inbox::{Action, Attempt, Deed, Ending, Finish, State};

impl Both {
    /// The events that could be claimed for `handler`: of each lane where nobody works, the first that
    /// is pending; if that one is not waiting for its time.
    fn claimable(&self, handler: usize) -> (BTreeSet<usize>, bool) {
        let mut seen: BTreeSet<usize> =
            self.claims.iter().filter(|(_, by, _)| *by == handler).map(|(lane, ..)| *lane).collect();
        let (mut found, mut waiting) = (BTreeSet::new(), false);
        for (event, (lane, deliveries)) in self.live() {
            let pending = deliveries[handler].filter(|delivery| delivery.state == State::Pending);
            if let Some(delivery) = pending
                && seen.insert(lane)
            {
                if delivery.later {
                    waiting = true;
                } else {
                    found.insert(event);
                }
            }
        }
        (found, waiting)
    }

    pub(super) fn claim(&mut self, handler: usize, most: usize) {
        let (claimable, waiting) = self.claimable(handler);
        let due = self.runtime.block_on(self.inbox.claim(HANDLERS[handler], most)).unwrap();
        assert_eq!(due.claims.len(), most.min(claimable.len()), "of {claimable:?}: {due:?}");
        assert_eq!(due.next.is_some(), claimable.len() > most || waiting, "{due:?}");
        for claim in due.claims {
            let event = self.stored.iter().position(|stored| stored.key == claim.key).unwrap();
            assert!(claimable.contains(&event), "{claim:?} is not one of {claimable:?}");
            let (lane, deliveries) = self.events[event].unwrap();
            let expected = deliveries[handler].map(|delivery| (delivery.attempts, delivery.round));
            assert_eq!(Some((claim.attempts, claim.round)), expected, "{claim:?}");
            let loaded = self.runtime.block_on(self.inbox.load(&claim)).unwrap();
            assert_eq!((&loaded.body, loaded.attempt), (&self.stored[event].body, claim.attempts + 1));
            assert!(!self.kept[event].erased, "there is nothing to deliver");
            self.claims.push((lane, handler, claim));
        }
    }

    pub(super) fn finish(&mut self, claim: usize, how: How) {
        let (lane, handler, claim) = self.claims.remove(claim);
        let event = self.stored.iter().position(|stored| stored.key == claim.key).unwrap();
        let later = Timestamp::now() + SignedDuration::from_hours(1);
        let finish = match how {
            How::Done => Finish::Done,
            How::RetryNow => Finish::Retry { at: Timestamp::now(), reason: "now".to_owned() },
            How::RetryLater => Finish::Retry { at: later, reason: "later".to_owned() },
            How::Dead => Finish::Dead { reason: "dead".to_owned(), status: Some(422) },
        };
        let ending = match how {
            How::Done => Ending::Done,
            How::RetryNow | How::RetryLater => Ending::Unreachable,
            How::Dead => Ending::Rejected,
        };
        let answer = Some("said".to_owned());
        let attempt =
            Attempt { begun: Timestamp::now(), took: Duration::from_millis(1), ending, status: Some(200), answer };
        let ended = self.runtime.block_on(self.inbox.finish(&claim, finish, Some(attempt))).unwrap();
        // What was begun anew meanwhile is not over by the attempt before that.
        let is_its = |delivery: &Delivery| delivery.state == State::Pending && delivery.round == claim.round;
        let expected = self.events[event].is_some_and(|(_, all)| all[handler].as_ref().is_some_and(is_its));
        assert_eq!(ended, expected, "{claim:?}");
        if !matches!(how, How::Done) {
            self.fetch_failed(handler, &claim);
        }
        if self.events[event].is_some() {
            self.kept[event].attempts.push((handler, claim.attempts + 1, ending));
        }
        let is_first = self.first(lane, handler) == Some(event);
        let Some((_, deliveries)) = &mut self.events[event] else { return };
        let Some(delivery) = &mut deliveries[handler] else { return };
        if expected {
            delivery.attempts = claim.attempts + 1;
            // One that an earlier event has overtaken meanwhile waits for that, not for a time.
            delivery.later = matches!(how, How::RetryLater) && is_first;
            delivery.state = match how {
                How::Done => State::Done,
                How::RetryNow | How::RetryLater => State::Pending,
                How::Dead => State::Dead,
            };
        }
    }

    /// The first event of a lane that is pending.
    pub(super) fn first(&self, lane: usize, handler: usize) -> Option<usize> {
        let is_pending = |all: &Deliveries| all[handler].is_some_and(|one| one.state == State::Pending);
        self.live().find(|(_, (of, all))| *of == lane && is_pending(all)).map(|(event, _)| event)
    }

    /// The events that have a delivery in that state, the newest first.
    pub(super) fn all_in(&self, state: State) -> Vec<usize> {
        let is_in = |all: &Deliveries| seen(all).any(|one| one == state);
        let mut all: Vec<_> = self.live().filter(|(_, (_, all))| is_in(all)).map(|(event, _)| event).collect();
        all.reverse();
        all
    }

    pub(super) fn deliver(&mut self, events: &[usize], handler: Option<usize>, only: Option<State>) {
        let events: Vec<_> = events.iter().copied().filter(|event| self.events[*event].is_some()).collect();
        let sequences: Vec<_> = events.iter().map(|event| self.sequence(*event)).collect();
        let name = handler.map(|index| HANDLERS[index]);
        let only_these: Vec<_> = only.into_iter().collect();
        let action = action(Deed::Deliver);
        let deliver = self.inbox.deliver(&sequences, name, &only_these, &action);
        let counts = self.runtime.block_on(deliver).unwrap();
        let expected: Vec<_> = events.iter().map(|event| self.delivered(*event, handler, only)).collect();
        assert_eq!(counts, expected);
        // Whoever repeats himself has said nothing new.
        let again = self.inbox.deliver(&sequences, name, &only_these, &action);
        assert!(self.runtime.block_on(again).unwrap().iter().all(|count| *count == 0));
        self.note(&events, &counts, &action);
    }

    /// What the model makes of it: how many deliveries were changed.
    fn delivered(&mut self, event: usize, handler: Option<usize>, only: Option<State>) -> usize {
        let Some((lane, before)) = self.events[event].filter(|_| !self.kept[event].erased) else { return 0 };
        let mut expected = 0;
        let notice = self.kept[event].notice;
        for (index, delivery) in before.iter().enumerate() {
            let state = delivery.map(|delivery| delivery.seen(index));
            let can_be_made = match (index, notice.map(|notice| notice.fetched)) {
                (FETCHES, None) => false,
                (FETCHES, Some(fetched)) => !fetched || state != Some(State::Done),
                (_, fetched) => fetched != Some(false),
            };
            if !can_be_made {
                continue;
            }
            let wanted = match handler {
                None => state.is_some_and(|state| state != State::Done),
                // Whether it wanted the event or not.
                Some(one) => one == index,
            };
            if !wanted || only.is_some_and(|only| Some(only) != state) {
                continue;
            }
            if !state.is_some_and(State::is_to_be_made) {
                expected += 1;
                for (of, deliveries) in self.events[event + 1..].iter_mut().flatten() {
                    // Those behind it wait for it again.
                    if let Some(behind) = &mut deliveries[index] {
                        behind.later &= *of != lane;
                    }
                }
                if let Some((_, deliveries)) = &mut self.events[event] {
                    let round = delivery.map_or(1, |delivery| delivery.round + 1);
                    deliveries[index] = Some(Delivery { round, ..NEW });
                }
            } else if delivery.is_some_and(|delivery| delivery.later) {
                expected += 1;
                if let Some((_, deliveries)) = &mut self.events[event] {
                    deliveries[index] = delivery.map(|delivery| Delivery { later: false, ..delivery });
                }
            }
        }
        expected
    }

    pub(super) fn discard(&mut self, events: &[usize], handler: Option<usize>, only: Option<State>) {
        let events: Vec<_> = events.iter().copied().filter(|event| self.events[*event].is_some()).collect();
        let sequences: Vec<_> = events.iter().map(|event| self.sequence(*event)).collect();
        let only_these: Vec<_> = only.into_iter().collect();
        let action = action(Deed::Discard);
        let name = handler.map(|index| HANDLERS[index]);
        let counts = self.runtime.block_on(self.inbox.discard(&sequences, name, &only_these, &action)).unwrap();
        let expected: Vec<_> = events.iter().map(|event| self.discarded(*event, handler, only)).collect();
        assert_eq!(counts, expected);
        self.note(&events, &counts, &action);
    }

    fn discarded(&mut self, event: usize, handler: Option<usize>, only: Option<State>) -> usize {
        let open = |index: usize, delivery: &Delivery| {
            let state = delivery.seen(index);
            (state.is_to_be_made() || state == State::Dead) && only.is_none_or(|only| only == state)
        };
        let mut expected = 0;
        if let Some((_, deliveries)) = &mut self.events[event] {
            let of_it = deliveries.iter_mut().enumerate().filter(|(index, _)| handler.is_none_or(|one| one == *index));
            let of_it = of_it.filter_map(|(index, delivery)| Some((index, delivery.as_mut()?)));
            for (_, delivery) in of_it.filter(|(index, delivery)| open(*index, delivery)) {
                delivery.state = State::Discarded;
                delivery.later = false;
                expected += 1;
            }
        }
        expected
    }

    pub(super) fn erase(&mut self, event: usize) {
        if self.events[event].is_none() {
            return;
        }
        let sequence = self.sequence(event);
        let action = action(Deed::Erase);
        let erased = self.runtime.block_on(self.inbox.erase(sequence, &action)).unwrap();
        assert_eq!(erased, !self.kept[event].erased);
        if erased {
            self.acted.insert(action.id, (Deed::Erase, 1));
            self.discarded(event, None, None);
            self.kept[event].erased = true;
            self.kept[event].deeds.push(Deed::Erase);
        }
    }

    fn note(&mut self, events: &[usize], counts: &[usize], action: &Action) {
        for (event, _) in events.iter().zip(counts).filter(|(_, count)| **count > 0) {
            self.kept[*event].deeds.push(action.what);
            self.acted.entry(action.id).or_insert((action.what, 0)).1 += 1;
        }
    }
}
