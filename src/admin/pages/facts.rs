//! What is known of an event: how it came, and what it names.

use super::marks::When;
use super::visit::Visit;
use crate::inbox::EventView;
use crate::wording::names::capitalised;
use crate::wording::numbers::{in_words, times, with_commas};

/// So many names of a kind are shown.
const MOST: usize = 200;

/// What is known of it.
pub(super) enum Fact {
    Text(String),
    /// Something to be copied.
    Id(String),
    When(When),
}

/// How it came, and what it is.
pub(super) fn facts(event: &EventView, visit: &Visit) -> Vec<(&'static str, Fact)> {
    let text = |text: &Option<String>| text.clone().map(Fact::Text);
    let size = match event.erased {
        Some(_) => "erased".to_owned(),
        None => format!("{} bytes", with_commas(usize::try_from(event.size).unwrap_or(usize::MAX))),
    };
    let answered = event.answer.or(event.status).map(|status| Fact::Text(status.to_string()));
    let again = event.repeated.map(|at| Fact::When(visit.when(at)));
    let often = event.copies.unwrap_or(event.repeats + 1);
    let key = event.key.to_string();
    let rows = [
        ("Received", Some(Fact::When(visit.when(event.received)))),
        ("Came", Some(Fact::Text(times(often)))),
        ("Last time", again),
        ("Came by", Some(Fact::Text(event.origin.clone()))),
        ("From", text(&event.address)),
        ("Credential", text(&event.credential)),
        ("Sent to", Some(Fact::Text(event.path.clone()))),
        ("Answered", answered),
        ("Kind", event.kind.map(|kind| Fact::Text(kind.to_string()))),
        ("Event", text(&event.event_name)),
        ("Company", event.company_id.clone().map(Fact::Id)),
        ("Media type", text(&event.content_type)),
        ("Size", Some(Fact::Text(size))),
        ("Id", Some(Fact::Id(event.id.clone()))),
        ("Key", Some(Fact::Id(key.clone())).filter(|_| !key.eq_ignore_ascii_case(&event.id))),
    ];
    rows.into_iter()
        .filter_map(|(what, fact)| Some((what, fact?)))
        .filter(|(what, _)| often > 1 || *what != "Came")
        .collect()
}

/// What it names, one kind after the other.
pub(super) fn names(event: &EventView) -> Vec<(String, Vec<String>)> {
    let mut references: Vec<_> = event.references.iter().flatten().collect();
    references.sort();
    let groups = references.chunk_by(|one, other| one.what == other.what);
    let named = groups.filter_map(|group| {
        let what = capitalised(&in_words(group.first()?.what.as_str()));
        Some((what, group.iter().take(MOST).map(|one| one.value.clone()).collect()))
    });
    named.collect()
}
