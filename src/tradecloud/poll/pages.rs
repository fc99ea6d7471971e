//! The pages of a set that changes while it is read.
//!
//! An order that is changed moves to the end, and what stood behind it moves up: so no page is asked for by its number.
//! The next one begins just before the time of the last entry there was, and what comes again is for the reader to know.

use jiff::{SignedDuration, Timestamp};

use super::round::RoundError;
use crate::model::instant::instant;
use crate::tradecloud::api::{Api, Polled};
use crate::tradecloud::page::{Item, Page};

/// The finest step of Tradecloud's times.
pub(super) const STEP: SignedDuration = SignedDuration::from_millis(1);

/// Further than this no page is asked for by its number: the index behind it takes no more.
const DEEPEST: usize = 9_900;

/// Reads one page after the other.
pub(crate) struct Pages<'a> {
    api: &'a Api,
    of: Polled,
    after: Timestamp,
    offset: usize,
    /// Whether the pages are asked for by their numbers, because the set is in no order.
    by_number: bool,
    is_over: bool,
}

impl<'a> Pages<'a> {
    /// What has changed after that time.
    pub(crate) fn after(api: &'a Api, of: Polled, after: Timestamp) -> Self {
        Self { api, of, after, offset: 0, by_number: false, is_over: false }
    }

    /// The same, of a set that is in no order.
    pub(super) fn by_number(api: &'a Api, of: Polled, after: Timestamp) -> Self {
        Self { by_number: true, ..Self::after(api, of, after) }
    }

    /// The next page, if there is one.
    ///
    /// # Errors
    /// [`RoundError::Unordered`] if the set is in no order, or too much of it has one single time.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, RoundError> {
        if self.is_over {
            return Ok(None);
        }
        let offset = u32::try_from(self.offset).unwrap_or(u32::MAX);
        let page = self.api.poll(self.of, &as_sent(self.after), offset).await?;
        if !self.by_number && !is_in_order(&page) {
            return Err(RoundError::Unordered(self.of.as_str()));
        }
        let read = page.len();
        self.is_over = read == 0 || self.offset.saturating_add(read) as u64 >= page.total;
        let last = page.items.iter().filter_map(time).max().map(|last| last.saturating_sub(STEP).unwrap_or(last));
        match last.filter(|last| !self.by_number && *last > self.after) {
            Some(last) => (self.after, self.offset) = (last, 0),
            // A page of one single time.
            None => self.offset += read,
        }
        if self.offset > DEEPEST && !self.is_over {
            return Err(RoundError::Unordered(self.of.as_str()));
        }
        Ok(Some(page))
    }
}

/// When an entry was changed last.
pub(crate) fn time(item: &Item) -> Option<Timestamp> {
    item.updated.as_deref().and_then(instant)
}

/// Whether the entries stand in the order of their times.
fn is_in_order(page: &Page) -> bool {
    let times: Option<Vec<_>> = page.items.iter().map(time).collect();
    // One that fits on a page needs no order.
    page.total <= page.len() as u64 || times.is_some_and(|times| times.is_sorted())
}

/// A time as Tradecloud documents it: to the millisecond, and never later than it is.
pub(super) fn as_sent(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
