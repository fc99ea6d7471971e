//! What the polls have looked at of late, which is given to them again: each begins a little earlier than the one before
//! ended.
//!
//! What was handed on is in the inbox. What is our own is nowhere else, and once the other party has changed the same
//! order, nothing in it says any more that the change before was ours. The same goes for what is waited for: once our own
//! company has changed the same, nothing says any more that a change of the other party is still to come. So both are
//! noted in the inbox, too.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decode::StateOf;
use crate::inbox::{Archive, InboxError};
use crate::model::instant::instant;
use crate::tradecloud::page::Item;

/// What was looked at, by its id.
#[derive(Debug)]
pub(super) struct Seen {
    /// The name under which it is noted what is our own.
    name: String,
    entries: HashMap<String, Entry>,
    /// States that may still come by the webhook.
    waiting: HashMap<String, StateOf>,
    /// What is noted; nothing, before that was looked up.
    noted: Option<String>,
}

#[derive(Debug)]
struct Entry {
    /// Its time, as it was given.
    updated: Option<String>,
    at: Timestamp,
    is_own: bool,
}

/// What is noted in the inbox.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// The times of what is our own, by its id.
    #[serde(default)]
    own: BTreeMap<String, String>,
    #[serde(default)]
    waiting: BTreeMap<String, Waiting>,
}

/// A state that is waited for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    updated: Option<String>,
    lines: Vec<(String, String)>,
}

impl Waiting {
    fn of(state: &StateOf) -> Self {
        let lines = state.lines.iter().map(|(line, at)| (line.clone(), at.to_string())).collect();
        Self { updated: state.updated.map(|at| at.to_string()), lines }
    }

    fn state(self) -> StateOf {
        let lines = self.lines.into_iter().filter_map(|(line, at)| Some((line, instant(&at)?))).collect();
        StateOf { updated: self.updated.as_deref().and_then(instant), lines, version: None }
    }
}

/// The latest time in a state.
fn latest(state: &StateOf) -> Option<Timestamp> {
    state.lines.iter().map(|(_, at)| Some(*at)).chain([state.updated]).max().flatten()
}

impl Seen {
    /// Nothing yet. It is noted under that name.
    pub(super) fn new(name: String) -> Self {
        Self { name, entries: HashMap::new(), waiting: HashMap::new(), noted: None }
    }

    /// Forgets what is older than `from`: it is not given again. At first, looks up what is noted.
    pub(super) async fn begin(&mut self, archive: &dyn Archive, from: Timestamp) -> Result<(), InboxError> {
        if self.noted.is_none() {
            let noted = archive.cursor(&self.name).await?.unwrap_or_default();
            let Noted { own, waiting } = serde_json::from_str(&noted).unwrap_or_default();
            for (id, updated) in own {
                if let Some(at) = instant(&updated) {
                    self.entries.entry(id).or_insert(Entry { updated: Some(updated), at, is_own: true });
                }
            }
            self.waiting.extend(waiting.into_iter().map(|(id, state)| (id, state.state())));
            self.noted = Some(noted);
        }
        self.entries.retain(|_, entry| entry.at >= from);
        self.waiting.retain(|_, state| latest(state).is_some_and(|at| at >= from));
        Ok(())
    }

    /// Whether an entry was looked at as it is.
    pub(super) fn has(&self, item: &Item) -> bool {
        item.updated.is_some() && self.entries.get(&item.id).is_some_and(|entry| entry.updated == item.updated)
    }

    /// Until when all that is new of an order or shipment was looked at.
    pub(super) fn judged(&self, id: &str) -> Option<Timestamp> {
        self.entries.get(id).and_then(|entry| entry.updated.as_deref()).and_then(instant)
    }

    /// An entry was looked at; its time is `at`, and what is new in it is our own or not.
    pub(super) fn add(&mut self, item: &Item, at: Timestamp, is_own: bool) {
        self.waiting.remove(&item.id);
        self.entries.insert(item.id.clone(), Entry { updated: item.updated.clone(), at, is_own });
    }

    /// That state may still come by the webhook.
    pub(super) fn wait(&mut self, id: &str, state: StateOf) {
        self.waiting.insert(id.to_owned(), state);
    }

    /// The state of an order or shipment that is waited for, if one is.
    pub(super) fn waits_for(&self, id: &str) -> Option<&StateOf> {
        self.waiting.get(id)
    }

    /// Notes what is our own and what is waited for, if that has changed. To be called before the cursor moves over it.
    pub(super) async fn note(&mut self, archive: &dyn Archive) -> Result<(), InboxError> {
        let own = self.entries.iter().filter(|(_, entry)| entry.is_own);
        let own = own.filter_map(|(id, entry)| Some((id.clone(), entry.updated.clone()?))).collect();
        let waiting = self.waiting.iter().map(|(id, state)| (id.clone(), Waiting::of(state))).collect();
        let noted = Noted { own, waiting };
        let text = if noted == Noted::default() { String::new() } else { serde_json::json!(noted).to_string() };
        if self.noted.as_ref() != Some(&text) {
            archive.move_cursor(&self.name, &text).await?;
            self.noted = Some(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::inbox::Purpose;
    use crate::inbox::tests::place::open;

    fn item(id: &str, updated: &str) -> Item {
        Item { id: id.to_owned(), updated: Some(updated.to_owned()), body: Bytes::new() }
    }

    #[tokio::test]
    async fn what_is_our_own_and_what_is_waited_for_is_known_after_a_restart_until_it_is_not_given_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("path = '{}'", folder.path().join("inbox.db").display());
        let archive = open("sqlite", &settings, Purpose::Serve).await;
        let (at, later) = ("2026-11-28T10:00:00.5Z", "2026-11-28T10:00:01Z");
        let (ours, theirs) = (item("ours", at), item("theirs", at));
        let mut before = Seen::new("own orders".to_owned());
        before.begin(&*archive, Timestamp::MIN).await.unwrap();
        before.add(&ours, instant(at).unwrap(), true);
        before.add(&theirs, instant(at).unwrap(), false);
        let state =
            StateOf { updated: instant(at), lines: vec![("1".to_owned(), instant(at).unwrap())], version: None };
        before.wait("late", state.clone());
        before.note(&*archive).await.unwrap();

        let mut after = Seen::new("own orders".to_owned());
        after.begin(&*archive, Timestamp::MIN).await.unwrap();

        assert!(after.has(&ours) && !after.has(&theirs) && !after.has(&item("ours", later)));
        assert_eq!(after.judged("ours"), instant(at));
        assert_eq!((after.waits_for("late"), after.waits_for("ours")), (Some(&state), None));
        after.begin(&*archive, instant(later).unwrap()).await.unwrap();
        after.note(&*archive).await.unwrap();
        assert!(!after.has(&ours) && after.waits_for("late").is_none());
        assert_eq!(archive.cursor("own orders").await.unwrap().as_deref(), Some(""));
    }
}
