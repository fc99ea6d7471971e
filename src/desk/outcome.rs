//! What became of an event that somebody has delivered, and all that is to be said of it.

use super::accept::{Accepted, Unreadable};
use crate::inbox::State;

/// What became of one of them.
#[derive(Debug)]
pub enum Outcome {
    /// It was a refused body, and is an event now, or is none still.
    Accepted(Result<Accepted, Unreadable>),
    /// It was an event.
    Delivered(Delivered),
}

/// What became of an event's deliveries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// What is to be said of it: one at the least.
    pub notes: Vec<Note>,
    /// Whether what was asked for is done, as far as it can be by hand.
    pub done: bool,
    /// A receiver delivers something of it now.
    pub due: bool,
    /// Something of it is due once its handler goes on.
    pub paused: bool,
}

/// One thing to be said of an event that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// So many deliveries are due.
    Due(usize),
    /// That handler is not in the configuration.
    NoHandler(String),
    /// That handler is paused.
    Paused(String),
    /// For that handler it waits for that event of its order or shipment, which is not on its way.
    WaitsFor(String, String),
    /// For that handler it follows that event of its order or shipment, which is on its way.
    Follows(String, String),
    /// For that handler it is due already.
    DueAlready(String),
    /// It is not in the inbox any more.
    Gone,
    /// It is in that state by now: a receiver, or somebody else, was quicker.
    IsBy(State),
    /// Its body was erased.
    Erased,
    /// Nothing was fetched for it so far, so there is nothing to deliver.
    NotFetched,
    /// It came with its body, or that was fetched.
    NothingToFetch,
    /// There is nothing to deliver: each handler that wanted it, if any, is done.
    Nothing,
}

impl Outcome {
    /// Whether what was asked for is done.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Accepted(accepted) => accepted.is_ok(),
            Self::Delivered(delivered) => delivered.done,
        }
    }

    /// Whether a receiver delivers something of it now.
    pub fn is_due(&self) -> bool {
        match self {
            Self::Accepted(accepted) => accepted.as_ref().is_ok_and(|accepted| accepted.due),
            Self::Delivered(delivered) => delivered.due,
        }
    }

    /// Whether something of it is due once its handler goes on.
    pub fn is_paused(&self) -> bool {
        match self {
            Self::Accepted(accepted) => accepted.as_ref().is_ok_and(|accepted| accepted.paused),
            Self::Delivered(delivered) => delivered.paused,
        }
    }

    /// The id of the event that a refused body has become.
    pub fn became(&self) -> Option<&str> {
        match self {
            Self::Accepted(Ok(accepted)) => Some(&accepted.id),
            Self::Accepted(Err(_)) | Self::Delivered(_) => None,
        }
    }
}

impl Delivered {
    /// Nothing was done about it.
    pub(super) fn left(note: Note) -> Self {
        let done = matches!(note, Note::IsBy(_));
        Self { notes: vec![note], done, ..Self::default() }
    }
}
