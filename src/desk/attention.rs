//! What somebody has to look at: what is dead or refused, and what waits for longer than it should.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::find::COUNTED;
use super::{Desk, Page};
use crate::inbox::{Count, Filter, InboxError, State};

/// What has not been delivered after so long wants somebody's attention, though the receiver goes on trying.
pub const LONG: Duration = Duration::from_secs(15 * 60);

impl Desk {
    /// Of the events that match, those that want attention, the newest first; and how many there are, whatever the limit.
    /// The filter's states are left aside.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn attention(&self, filter: &Filter) -> Result<(Page, Count), InboxError> {
        let sequences = self.wanting(filter).await?;
        let mut shown: Vec<_> = sequences.iter().rev().take(filter.limit).copied().collect();
        shown.reverse();
        let mut page = Page::default();
        for batch in shown.chunks(crate::inbox::AT_ONCE) {
            let read = self.page(batch).await?;
            page.events.extend(read.events);
            page.unreadable.extend(read.unreadable);
        }
        page.events.reverse();
        page.unreadable.reverse();
        let all = sequences.len();
        Ok((page, if all > COUNTED { Count::MoreThan(COUNTED) } else { Count::Exactly(all) }))
    }

    /// The newest of them, by sequence, as many as are counted and one more at least. An event that is dead with one handler
    /// may wait for another: it is one all the same.
    async fn wanting(&self, filter: &Filter) -> Result<BTreeSet<i64>, InboxError> {
        let most = filter.limit.max(COUNTED + 1);
        let mut found = BTreeSet::new();
        for filter in [undecided(filter, most), waiting(filter, most)] {
            found.extend(self.inbox.sequences(&filter).await?);
        }
        Ok(found)
    }
}

/// What waits for a person.
fn undecided(filter: &Filter, limit: usize) -> Filter {
    Filter { states: vec![State::Dead, State::Refused], limit, ..filter.clone() }
}

/// What came long ago and still waits for the receiver.
fn waiting(filter: &Filter, limit: usize) -> Filter {
    let long_ago = Timestamp::now().saturating_sub(LONG).unwrap_or(Timestamp::MIN);
    let until = Some(filter.until.map_or(long_ago, |until| until.min(long_ago)));
    Filter { states: vec![State::Pending, State::Fetching], until, limit, ..filter.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_looked_for_until_a_while_ago_or_until_the_time_that_was_asked_for() {
        let ends = |until: Option<Timestamp>| waiting(&Filter { until, ..Filter::default() }, 1).until.unwrap();
        let now = Timestamp::now();

        assert_eq!(ends(Some(Timestamp::UNIX_EPOCH)), Timestamp::UNIX_EPOCH);
        for end in [ends(None), ends(Some(now))] {
            assert!(end <= now.saturating_sub(LONG).unwrap() + Duration::from_secs(60) && end < now, "{end}");
        }
    }
}
