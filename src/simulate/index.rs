//! The index from which polls are answered: it hears of a change at once, or late and out of order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::world::{Order, Shipment};

/// What can be polled.
pub(crate) trait Dated {
    /// Its id.
    fn id(&self) -> &str;
    /// When it changed last.
    fn updated(&self) -> Timestamp;
}

impl Dated for Order {
    fn id(&self) -> &str {
        &self.id
    }
    fn updated(&self) -> Timestamp {
        self.updated
    }
}

impl Dated for Shipment {
    fn id(&self) -> &str {
        &self.id
    }
    fn updated(&self) -> Timestamp {
        self.updated
    }
}

/// The states that can be seen, in the order of their times, and those that cannot be seen yet.
pub(crate) struct Index<T> {
    seen: BTreeMap<(Timestamp, String), Arc<T>>,
    times: HashMap<String, Timestamp>,
    late: Vec<(Instant, Arc<T>)>,
}

impl<T: Dated> Index<T> {
    /// With what is there from the start.
    pub(crate) fn of(all: &[Arc<T>]) -> Self {
        let mut index = Self { seen: BTreeMap::new(), times: HashMap::new(), late: Vec::new() };
        for entry in all {
            index.show(Arc::clone(entry));
        }
        index
    }

    /// A change that can be seen from `now` and `lag` on.
    pub(crate) fn changed(&mut self, entry: Arc<T>, now: Instant, lag: Duration) {
        if lag.is_zero() {
            self.show(entry);
        } else {
            self.late.push((now + lag, entry));
        }
    }

    /// What changed after that time, as far as it can be seen: the first `limit` behind `offset` of those that are
    /// `wanted`, the oldest first, and how many there are.
    pub(crate) fn page(
        &mut self,
        after: Option<Timestamp>,
        (offset, limit): (usize, usize),
        wanted: impl Fn(&T) -> bool,
        now: Instant,
    ) -> (Vec<Arc<T>>, usize) {
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = late;
        for (_, entry) in due as Vec<_> {
            self.show(entry);
        }
        let from = (after.unwrap_or(Timestamp::MIN), String::new());
        let newer = |entry: &&Arc<T>| after.is_none_or(|after| entry.updated() > after) && wanted(entry);
        let mut total = 0;
        let mut page = Vec::new();
        for entry in self.seen.range(from..).map(|(_, entry)| entry).filter(newer) {
            if total >= offset && page.len() < limit {
                page.push(Arc::clone(entry));
            }
            total += 1;
        }
        (page, total)
    }

    /// Shows a state, unless a later one is seen already.
    fn show(&mut self, entry: Arc<T>) {
        let (id, updated) = (entry.id().to_owned(), entry.updated());
        match self.times.get(&id) {
            Some(seen) if *seen >= updated => return,
            Some(seen) => drop(self.seen.remove(&(*seen, id.clone()))),
            None => {}
        }
        self.times.insert(id.clone(), updated);
        self.seen.insert((updated, id), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(&'static str, i64);

    impl Dated for Thing {
        fn id(&self) -> &str {
            self.0
        }
        fn updated(&self) -> Timestamp {
            at(self.1)
        }
    }

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    fn thing(id: &'static str, at: i64) -> Arc<Thing> {
        Arc::new(Thing(id, at))
    }

    fn page(index: &mut Index<Thing>, after: i64, range: (usize, usize), now: Instant) -> (Vec<i64>, usize) {
        let (page, total) = index.page(Some(at(after)), range, |_| true, now);
        (page.iter().map(|thing| thing.1).collect(), total)
    }

    #[test]
    fn a_page_has_what_is_after_that_time_and_the_oldest_first() {
        let mut index = Index::of(&[thing("b", 20), thing("a", 10), thing("c", 20), thing("d", 30)]);
        let now = Instant::now();

        assert_eq!(page(&mut index, 10, (0, 100), now), (vec![20, 20, 30], 3));
        assert_eq!(page(&mut index, 9, (0, 2), now), (vec![10, 20], 4));
        assert_eq!(page(&mut index, 9, (3, 2), now), (vec![30], 4));
        assert_eq!(page(&mut index, 30, (0, 2), now), (vec![], 0));
    }

    #[test]
    fn a_change_is_seen_when_its_lag_is_over_and_never_replaces_a_later_one() {
        let mut index = Index::of(&[thing("a", 10)]);
        let now = Instant::now();
        index.changed(thing("a", 20), now, Duration::from_secs(50));
        index.changed(thing("a", 30), now, Duration::from_secs(5));

        assert_eq!(page(&mut index, 0, (0, 9), now), (vec![10], 1));
        assert_eq!(page(&mut index, 0, (0, 9), now + Duration::from_secs(5)), (vec![30], 1));
        assert_eq!(page(&mut index, 0, (0, 9), now + Duration::from_secs(60)), (vec![30], 1));
    }
}
