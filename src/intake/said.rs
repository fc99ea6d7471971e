//! What the log is told of an event that came in.

use super::{Arrived, Origin, Taken};
use crate::telemetry::events::{self, About};

/// What the log is told of an event besides what becomes of it.
pub(super) struct Told<'o> {
    pub(super) id: String,
    pub(super) number: Option<String>,
    pub(super) event_name: Option<String>,
    pub(super) unwanted: bool,
    pub(super) unnamed: bool,
    pub(super) origin: &'o Origin,
}

impl<'o> Told<'o> {
    pub(super) fn of(arrived: &Arrived<'o>) -> Self {
        let incoming = &arrived.incoming;
        Self {
            id: incoming.id.clone(),
            number: incoming.envelope.number.clone(),
            event_name: incoming.envelope.event_name.clone(),
            unwanted: incoming.handlers.is_empty(),
            unnamed: incoming.is_unnamed(),
            origin: arrived.origin,
        }
    }

    /// What a line is about while nothing has become of it.
    pub(super) fn about(&self) -> About<'_> {
        About { id: Some(&self.id), number: self.number.as_deref(), event: self.event_name.as_deref() }
    }
}

/// Tells the log what became of an event.
pub(super) fn say(taken: &Taken, unwanted: bool, unnamed: bool, origin: &Origin) {
    let tell = match (taken.repeated, taken.kept) {
        (true, _) => events::intake::repeated,
        (false, true) => events::intake::stored,
        (false, false) => events::intake::received,
    };
    tell(taken.about(), unwanted, &origin.from, origin.credential.as_deref());
    match &taken.beside {
        None => {}
        Some(other) if unnamed => events::intake::same_body_again(taken.about(), other),
        Some(other) => events::intake::beside(taken.about(), other),
    }
    if unwanted && !taken.kept {
        events::intake::kept_nowhere(taken.about());
    }
}
