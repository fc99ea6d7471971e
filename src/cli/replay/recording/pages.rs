//! The pages of webhook.site: it gives 50 requests at a time, 100 at the most, and says how many there are.

use std::collections::{BTreeMap, HashSet};

use super::{Kind, Recording};

/// What a list says of itself; all of it may be missing.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Whose requests they are: the id in the URL of webhook.site.
    pub(super) token: Option<String>,
    /// How many there are on all pages.
    pub(super) total: Option<u64>,
    /// From 1.
    pub(super) number: Option<u64>,
    pub(super) is_last: Option<bool>,
}

/// The lists that lack a page, each by the last recording of it: what is missing, and where to get it.
pub(in crate::cli::replay) fn missing_pages(recordings: &[Recording]) -> Vec<(&Recording, String)> {
    let mut lists: BTreeMap<&Option<String>, Vec<&Recording>> = BTreeMap::new();
    for recording in recordings.iter().filter(|recording| recording.kind == Kind::WebhookSite) {
        lists.entry(&recording.page.token).or_default().push(recording);
    }
    lists.values().filter_map(|pages| Some((*pages.last()?, missing(pages)?))).collect()
}

/// What is missing of the pages of one list.
fn missing(pages: &[&Recording]) -> Option<String> {
    let mut ids = HashSet::new();
    let entries = pages.iter().flat_map(|page| &page.entries);
    let there = entries.filter(|entry| entry.id.is_none_or(|id| ids.insert(id))).count() as u64;
    let total = pages.iter().filter_map(|page| page.page.total).max();
    let has = |number| pages.iter().any(|page| page.page.number == Some(number));
    let goes_on =
        |page: &&Recording| page.page.is_last == Some(false) && !page.page.number.is_some_and(|number| has(number + 1));
    let what = match total {
        Some(total) if total > there => format!("{} of {total} requests are missing", total - there),
        _ if pages.iter().any(goes_on) => "the requests of the next pages are missing".to_owned(),
        // Of pages that say no number there is none to be missing before them.
        _ if pages.iter().filter_map(|page| page.page.number).min().is_some_and(|first| first > 1) => {
            "the requests of the first pages are missing".to_owned()
        }
        _ => return None,
    };
    let token = pages.first()?.page.token.as_deref().unwrap_or("<the id in your URL>");
    Some(format!(
        "{what}: get all pages, https://webhook.site/token/{token}/requests?sorting=oldest&per_page=100&page=1, 2 and \
         so on, and name their files together"
    ))
}
