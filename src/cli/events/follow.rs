//! `events list --follow`: what comes, and what becomes of it, as it happens. Each second the inbox is asked for its newest
//! events and for those of the shown ones that something may still happen to: as many as a page, whatever lies in it.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::list::Listing;
use crate::desk::Page;
use crate::inbox::{AT_ONCE, EventView, Filter, InboxError, State};

const EVERY: Duration = Duration::from_secs(1);

/// So many pages are read at once, if very much has come.
const PAGES: usize = 40;

/// What is known of an event that was shown: enough to see that something has become of it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    state: State,
    repeats: u32,
    /// Of each handler.
    deliveries: Vec<(State, u32, u32)>,
}

/// Shows the newest, the oldest of them first; then what comes, until somebody ends it. Returns whether each could be read.
pub(super) async fn run(mut listing: Listing<'_>, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut followed = Followed::begin(&listing).await?;
    let mut all = followed.show_first(&mut listing, out).await?;
    out.flush()?;
    let ended = tokio::signal::ctrl_c();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            ended = &mut ended => return Ok(ended.map(|()| all)?),
            () = tokio::time::sleep(EVERY) => {}
        }
        match followed.look(&mut listing, out).await {
            Ok(read) => all &= read,
            // It is asked again in a second.
            Err(error) if matches!(error.downcast_ref(), Some(InboxError::TooLong | InboxError::Busy)) => {}
            Err(error) => return Err(error),
        }
        out.flush()?;
    }
}

struct Followed {
    /// Those that were there or were shown, by sequence; the state of what was shown.
    known: BTreeMap<i64, Option<Seen>>,
    /// What lies below was there before.
    floor: i64,
}

impl Followed {
    async fn begin(listing: &Listing<'_>) -> anyhow::Result<Self> {
        let mut newest = listing.desk.newest(&Filter { limit: AT_ONCE, ..listing.filter.clone() }).await?;
        let is_all = newest.len() < AT_ONCE;
        let floor = newest.last().copied().filter(|_| !is_all).unwrap_or(i64::MIN);
        newest.reverse();
        let page = listing.desk.page(&newest).await?;
        let mut known: BTreeMap<_, _> = newest.into_iter().map(|sequence| (sequence, None)).collect();
        known.extend(page.events.iter().map(|event| (event.sequence, Some(Seen::of(event)))));
        Ok(Self { known, floor })
    }

    async fn show_first(&mut self, listing: &mut Listing<'_>, out: &mut impl Write) -> anyhow::Result<bool> {
        let first: Vec<_> = self.known.keys().rev().take(listing.filter.limit).rev().copied().collect();
        self.show(&first, listing, out).await
    }

    /// Shows what is new, and what has become of the others.
    async fn look(&mut self, listing: &mut Listing<'_>, out: &mut impl Write) -> anyhow::Result<bool> {
        let open = self.known.iter().rev().filter(|(_, seen)| seen.as_ref().is_some_and(Seen::is_open));
        let mut open: Vec<_> = open.map(|(sequence, _)| *sequence).take(AT_ONCE).collect();
        open.reverse();
        let page = listing.desk.page(&open).await?;
        let mut changed = Page { unreadable: page.unreadable, ..Page::default() };
        for event in page.events {
            let now = Some(Seen::of(&event));
            if self.known.get(&event.sequence) != Some(&now) {
                self.known.insert(event.sequence, now);
                changed.events.push(event);
            }
        }
        let all = listing.page(&changed, out)?;
        for damaged in &changed.unreadable {
            self.known.insert(damaged.0, None);
        }
        let new = self.came(listing).await?;
        let shown = self.show(&new, listing, out).await?;
        self.forget();
        Ok(all && shown)
    }

    /// The sequences that were not there before. One that is stored late may have a lower number than others.
    async fn came(&mut self, listing: &Listing<'_>) -> anyhow::Result<Vec<i64>> {
        let mut filter = Filter { limit: AT_ONCE, ..listing.filter.clone() };
        let mut new = Vec::new();
        for _ in 0..PAGES {
            let page = listing.desk.newest(&filter).await?;
            if filter.before.is_none() {
                self.leave(&page);
            }
            let is_over = page.len() < AT_ONCE || page.iter().any(|sequence| self.known.contains_key(sequence));
            filter.before = page.last().copied();
            new.extend(
                page.into_iter().filter(|sequence| *sequence > self.floor && !self.known.contains_key(sequence)),
            );
            if is_over {
                break;
            }
        }
        new.reverse();
        Ok(new)
    }

    /// What does not match any more, and is over, is new if it matches once more.
    fn leave(&mut self, newest: &[i64]) {
        let lowest = newest.last().copied().filter(|_| newest.len() == AT_ONCE).unwrap_or(i64::MIN);
        self.known.retain(|sequence, seen| {
            *sequence < lowest || seen.as_ref().is_some_and(Seen::is_open) || newest.contains(sequence)
        });
    }

    async fn show(
        &mut self,
        sequences: &[i64],
        listing: &mut Listing<'_>,
        out: &mut impl Write,
    ) -> anyhow::Result<bool> {
        let mut all = true;
        for batch in sequences.chunks(AT_ONCE) {
            let page = listing.desk.page(batch).await?;
            all &= listing.page(&page, out)?;
            self.known.extend(batch.iter().map(|sequence| (*sequence, None)));
            self.known.extend(page.events.iter().map(|event| (event.sequence, Some(Seen::of(event)))));
        }
        Ok(all)
    }

    /// What is not among the newest any more need not be known.
    fn forget(&mut self) {
        while self.known.len() > 4 * AT_ONCE {
            let Some((sequence, _)) = self.known.pop_first() else { break };
            self.floor = self.floor.max(sequence);
        }
    }
}

impl Seen {
    fn of(event: &EventView) -> Self {
        let deliveries = event.deliveries.iter().map(|one| (one.state, one.attempts, one.round)).collect();
        Self { state: event.state, repeats: event.repeats, deliveries }
    }

    /// Whether something is to happen to it still, by the receiver or by somebody.
    const fn is_open(&self) -> bool {
        !matches!(self.state, State::Done | State::Unwanted)
    }
}
