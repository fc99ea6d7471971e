//! The rows of events that lists of them have.

use super::marks::{Badge, Icon, When};
use super::visit::Visit;
use crate::desk::{Desk, Page};
use crate::inbox::EventView;
use crate::wording::names::{number, state_at, title};
use crate::wording::standing;

/// Rows, ready for their template.
pub(super) struct Rows {
    /// What they are, for those who do not see the page.
    pub(super) caption: String,
    /// Where the root is.
    pub(super) root: String,
    pub(super) rows: Vec<Row>,
    /// How many more there are of which the disk is damaged.
    pub(super) unreadable: usize,
}

/// An event.
pub(super) struct Row {
    pub(super) key: String,
    pub(super) badge: Badge,
    pub(super) received: When,
    pub(super) title: String,
    pub(super) times: u32,
    /// What of it is about the number, where that is not all.
    pub(super) part: String,
    pub(super) number: Option<String>,
    /// Who is to act and why, if that is not what a handler said.
    pub(super) act: Option<String>,
    /// Whether it waits for somebody.
    pub(super) wants: bool,
    pub(super) said: Vec<Said>,
}

/// What was said at a handler.
pub(super) struct Said {
    pub(super) icon: Icon,
    pub(super) tone: &'static str,
    pub(super) handler: String,
    pub(super) words: String,
}

impl Rows {
    /// Those of a page; with a handler, as far as that is concerned.
    pub(super) fn of(
        caption: &str,
        page: &Page,
        handler: Option<&str>,
        visit: &Visit,
        desk: &Desk,
        root: &str,
    ) -> Self {
        Self {
            caption: caption.to_owned(),
            root: root.to_owned(),
            rows: page.events.iter().map(|event| Row::of(event, handler, visit, desk)).collect(),
            unreadable: page.unreadable.len(),
        }
    }
}

impl Row {
    pub(super) fn of(event: &EventView, handler: Option<&str>, visit: &Visit, desk: &Desk) -> Self {
        let state = state_at(event, handler);
        let to_act = standing::to_act(event, handler, desk, &visit.zone);
        let to_somebody = to_act.as_deref().and_then(|words| words.strip_prefix("somebody: "));
        let said: Vec<_> = standing::said_at(event, handler, &visit.zone).into_iter().map(Said::of).collect();
        // What is dead is told by what the handler said.
        let is_told = event.deliveries.iter().any(|one| one.state == crate::inbox::State::Dead);
        let act = to_somebody.filter(|_| !is_told).map(str::to_owned);
        let nobody = event.kind.is_some() && event.deliveries.is_empty();
        Self {
            key: event.key.to_string(),
            badge: Badge(state),
            received: visit.when(event.received),
            title: title(event),
            times: event.copies.unwrap_or(event.repeats + 1),
            part: String::new(),
            number: number(event).map(str::to_owned),
            act: act.or_else(|| nobody.then(|| "no handler wanted it".to_owned())),
            wants: to_somebody.is_some(),
            said,
        }
    }
}

impl Said {
    fn of(standing::Said { state, handler, words }: standing::Said) -> Self {
        let icon = Icon::of(state);
        let handler = if handler == crate::inbox::FETCH { "fetching".to_owned() } else { handler };
        Self { icon, tone: icon.tone(), handler, words }
    }
}
