//! What happened: every event, whether a webhook told it, and what came of that.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::forms::time;
use super::world::Event;
use crate::respond::Verdict;

/// Every event since the start, in order.
#[derive(Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
}

/// An event, and its calls.
struct Entry {
    event: Event,
    dropped: bool,
    /// A webhook wanted it, and it was not dropped.
    sent: bool,
    attempts: u32,
    verdict: Option<Verdict>,
    status: Option<u16>,
}

impl Journal {
    /// Notes an event; its place is for what follows.
    pub(crate) fn happened(&mut self, event: Event) -> usize {
        let entry = Entry { event, dropped: false, sent: false, attempts: 0, verdict: None, status: None };
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// Its webhook was lost on purpose.
    pub(crate) fn dropped(&mut self, place: usize) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.dropped = true;
        }
    }

    /// Its webhook is on its way.
    pub(crate) fn sent(&mut self, place: usize) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.sent = true;
        }
    }

    /// An answer came, or none did.
    pub(crate) fn answered(&mut self, place: usize, verdict: Verdict, status: Option<u16>) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.attempts += 1;
            (entry.verdict, entry.status) = (Some(verdict), status);
        }
    }

    /// All of it, for tests.
    pub(crate) fn told(&self) -> Vec<Value> {
        let told = self.entries.iter().map(|entry| {
            let (event, of) = (&entry.event, &entry.event.of);
            json!({
                "messageId": event.meta.message,
                "eventName": event.name,
                "kind": of.kind(),
                "id": of.id(),
                "legacyOrderId": of.legacy(),
                "number": of.number(),
                "lastUpdatedAt": time(of.updated()),
                "lines": event.lines,
                "silent": event.silent,
                "dropped": entry.dropped,
                "sent": entry.sent,
                "attempts": entry.attempts,
                "status": entry.status,
                "verdict": entry.verdict.map(Verdict::as_str),
            })
        });
        told.collect()
    }

    /// What came of all of it, in a few lines.
    pub(crate) fn summary(&self) -> String {
        let count = |verdict| self.entries.iter().filter(|entry| entry.sent && entry.verdict == Some(verdict)).count();
        let sent = self.entries.iter().filter(|entry| entry.sent).count();
        let (delivered, lost) = (count(Verdict::Delivered), count(Verdict::Lost));
        let dropped: Vec<&Entry> = self.entries.iter().filter(|entry| entry.dropped).collect();
        let mut text = format!(
            "{} events, {sent} sent: {delivered} delivered, {lost} lost, {} retrying; {} dropped on purpose",
            self.entries.len(),
            sent - delivered - lost,
            dropped.len()
        );
        for Entry { event, .. } in dropped {
            let (number, id) = (event.of.number(), event.of.id());
            let _ = write!(text, "\n  dropped  {}  {number}  {id}  message {}", event.name, event.meta.message);
        }
        text
    }
}
