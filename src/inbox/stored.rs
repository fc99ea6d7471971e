//! What the stores keep in the same way, as far as it is no SQL.

use jiff::Timestamp;

use super::{FETCH, Filter, Finish, State};
use crate::model::{Envelope, Format, Kind};

/// Attempts that are kept of each time that a delivery was begun: so many of the first, which tell how it began,
pub(super) const FIRST_KEPT: u32 = 5;
/// and of the last.
pub(super) const ATTEMPTS_KEPT: u32 = 50;

/// Events that one step of a sweep looks at.
pub(super) const SWEEP_STEP: i64 = 500;

/// Deliveries that are made due in one step.
pub(super) const HURRIED: i64 = 500;

// The states of a delivery. The statements have these numbers in them, so they stay.
const PENDING: i16 = 0;
const DONE: i16 = 1;
const DEAD: i16 = 2;
const DISCARDED: i16 = 3;

/// What stands for a pending delivery by [`FETCH`] wherever it is told from others, such as among the states that are
/// listed, where each has the bit of its number. (4 stands for a refused body there.) The delivery itself is pending.
const FETCHING: i16 = 5;

/// The number that stands for a delivery's state; `None` if no delivery is ever in that.
pub(super) fn number(state: State) -> Option<i16> {
    match state {
        State::Pending => Some(PENDING),
        State::Fetching => Some(FETCHING),
        State::Done => Some(DONE),
        State::Dead => Some(DEAD),
        State::Discarded => Some(DISCARDED),
        State::Refused | State::Unwanted => None,
    }
}

/// The state that a number stands for.
pub(super) fn state(number: i16) -> State {
    match number {
        PENDING => State::Pending,
        DONE => State::Done,
        DEAD => State::Dead,
        _ => State::Discarded,
    }
}

/// The state of a delivery by that handler, as it is seen by people.
pub(super) fn state_by(handler: &str, number: i16) -> State {
    let state = state(number);
    if state == State::Pending && handler == FETCH { State::Fetching } else { state }
}

/// The bits of the states of an event's deliveries when they are new.
pub(super) fn states_at_first(handlers: &[String]) -> i16 {
    let bit = |handler: &String| if handler == FETCH { 1 << FETCHING } else { 1 << PENDING };
    handlers.iter().fold(0, |states, handler| states | bit(handler))
}

/// The numbers of the states that the deliveries by the filter's handler are in which it asks for.
pub(super) fn states_asked(filter: &Filter) -> Vec<i16> {
    let by = filter.handler.as_deref().unwrap_or_default();
    let numbers = [PENDING, DONE, DEAD, DISCARDED].into_iter();
    numbers.filter(|number| filter.states.is_empty() || filter.states.contains(&state_by(by, *number))).collect()
}

/// How a delivery stands after an attempt.
pub(super) struct Ended<'f> {
    /// The number of its state.
    pub(super) state: i16,
    /// When it is tried again, if it is pending.
    pub(super) again: Option<Timestamp>,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<&'f str>,
}

impl Ended<'_> {
    /// So it is after an attempt that ended like that.
    pub(super) fn by(finish: &Finish) -> Ended<'_> {
        let (state, again, status, reason) = match finish {
            Finish::Done => (DONE, None, None, None),
            Finish::Retry { at, reason } => (PENDING, Some(*at), None, Some(reason)),
            Finish::Dead { reason, status } => (DEAD, None, *status, Some(reason)),
        };
        Ended { state, again, status, reason: reason.map(String::as_str) }
    }
}

/// Reads an envelope from a row: from its columns kind, format, event name, message id, subject, document, company,
/// companies and created, by their numbers.
pub(super) fn envelope<E>(text: impl Fn(usize) -> Result<Option<String>, E>) -> Result<Envelope, E> {
    Ok(Envelope {
        // Written by a store, so they are known.
        kind: text(0)?.and_then(|kind| Kind::from_name(&kind)).unwrap_or(Kind::Order),
        format: text(1)?.and_then(|format| Format::from_name(&format)).unwrap_or(Format::Json),
        event_name: text(2)?,
        message_id: text(3)?,
        subject: text(4)?,
        number: text(5)?,
        company_id: text(6)?,
        companies: text(7)?.unwrap_or_default().lines().map(str::to_owned).collect(),
        created: text(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_states_are_those_that_inboxes_have_always_held() {
        let states = [State::Pending, State::Done, State::Dead, State::Discarded];
        assert_eq!(states.map(number), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!([0, 1, 2, 3].map(state), states);
        assert_eq!(number(State::Fetching), Some(5), "only as a bit of what is listed");
        let handlers = ["erp".to_owned(), FETCH.to_owned()];
        assert_eq!([0, 1, 2].map(|many| states_at_first(&handlers[..many])), [0, 1, 33]);
        assert_eq!([State::Refused, State::Unwanted].map(number), [None, None], "no delivery is ever so");
    }
}
