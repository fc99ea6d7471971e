//! The rows of events that lists of them have.

use super::marks::{Badge, Icon, When};
use super::visit::Visit;
use crate::desk::{Configured, Desk, Page};
use crate::inbox::{EventView, FETCH, State};
use crate::wording::names::{capitalised, number, state_at, title};
use crate::wording::standing;

/// Rows, ready for their template.
pub(super) struct Rows {
    /// What they are, for those who do not see the page.
    pub(super) caption: String,
    /// Where the root is.
    pub(super) root: String,
    pub(super) list: Vec<Row>,
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
    /// The colour of that.
    pub(super) tone: &'static str,
    /// How the row is marked if it waits for somebody.
    pub(super) bar: &'static str,
    pub(super) said: Vec<Said>,
}

/// What was said at a handler.
pub(super) struct Said {
    pub(super) icon: Icon,
    pub(super) tone: &'static str,
    pub(super) handler: String,
    pub(super) words: String,
    pub(super) is_done: bool,
}

impl Rows {
    /// None.
    pub(super) fn none() -> Self {
        Self { caption: String::new(), root: String::new(), list: Vec::new(), unreadable: 0 }
    }

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
            list: page.events.iter().map(|event| Row::of(event, handler, visit, desk)).collect(),
            unreadable: page.unreadable.len(),
        }
    }
}

impl Row {
    pub(super) fn of(event: &EventView, handler: Option<&str>, visit: &Visit, desk: &Desk) -> Self {
        let state = state_at(event, handler);
        let to_act = standing::to_act(event, handler, desk, &visit.zone);
        let to_somebody = to_act.as_deref().and_then(|words| words.strip_prefix("somebody: "));
        let said =
            standing::said_at(event, handler, &visit.zone).into_iter().map(|said| Said::of(said, desk)).collect();
        let is_refused = event.kind.is_none() && state == State::Refused;
        let nobody = event.kind.is_some() && event.deliveries.is_empty();
        let act = match to_somebody {
            // What a handler said, or why it says nothing, stands beside its name.
            Some(words) if is_refused => Some(words.to_owned()),
            _ => nobody.then(|| "no handler wanted it".to_owned()),
        };
        let bar = match to_somebody {
            Some(_) if is_refused || state == State::Dead => "wants",
            Some(_) => "waits",
            None => "",
        };
        Self {
            key: event.key.to_string(),
            badge: Badge(state),
            received: visit.when(event.received),
            title: capitalised(&title(event)),
            times: event.copies.unwrap_or(event.repeats + 1),
            part: String::new(),
            number: number(event).map(str::to_owned),
            act,
            tone: if is_refused { "bad" } else { "muted" },
            bar,
            said,
        }
    }
}

impl Said {
    fn of(standing::Said { state, handler, words }: standing::Said, desk: &Desk) -> Self {
        let icon = Icon::of(state);
        let words = match desk.configured(&handler) {
            Configured::Paused if state.is_to_be_made() => "waits, as it is paused".to_owned(),
            Configured::No if state.is_to_be_made() => "waits, as it is not in the configuration".to_owned(),
            _ => words,
        };
        let handler = if handler == FETCH { "fetching".to_owned() } else { handler };
        Self { icon, tone: icon.tone(), handler, words, is_done: state == State::Done }
    }
}
