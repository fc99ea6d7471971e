//! What `events` commands say alike of an event that is to be delivered: what is due now, and what keeps the rest.

use crate::desk::{Accepted, Note, Outcome};
use crate::inbox::State;
pub(super) use crate::wording::numbers::{counted, events, in_words, times, with_commas};

/// What to say of an event, and whether it was done.
pub(super) fn said(outcome: &Outcome) -> Result<String, String> {
    match outcome {
        Outcome::Accepted(Ok(accepted)) => Ok(is_now(accepted)),
        Outcome::Accepted(Err(error)) => Err(format!("still not readable as an event: {error}")),
        Outcome::Delivered(delivered) => {
            let notes: Vec<String> = delivered.notes.iter().map(note).collect();
            let notes = notes.join("; ");
            if delivered.done { Ok(notes) } else { Err(notes) }
        }
    }
}

fn is_now(Accepted { id, repeated, beside, known, state, .. }: &Accepted) -> String {
    if *repeated {
        return format!("is event {id}, which was there already{}", as_it_is(id, *state));
    }
    let nobody = if *state == Some(State::Unwanted) { "; no handler wanted it" } else { "" };
    let twice = known.as_ref().map(|known| format!("; the state it brings was handed on before, with event {known}"));
    let twice = twice.unwrap_or_default();
    match beside {
        Some(other) => {
            format!("is event {id} now, beside event {other}, which has the same messageId or body{nobody}{twice}")
        }
        None => format!("is event {id} now{nobody}{twice}"),
    }
}

/// How an event is that is left as it is, and what to do if that is not what was wanted.
fn as_it_is(id: &str, state: Option<State>) -> String {
    match state {
        Some(state @ (State::Dead | State::Discarded)) => {
            format!(", and is {}: `events deliver {id}` has it delivered once more", state.as_str())
        }
        Some(state) => format!(", and is {}", state.as_str()),
        None => String::new(),
    }
}

/// That what is set aside is under way to these handlers, if it is.
pub(super) fn under_way(handlers: &[String]) -> String {
    let (word, is) = if handlers.len() == 1 { ("handler", "is") } else { ("handlers", "are") };
    match handlers {
        [] => String::new(),
        _ => {
            format!("; {word} {} {is} being given it at this moment: look at `events show` again", handlers.join(", "))
        }
    }
}

fn note(note: &Note) -> String {
    match note {
        Note::Due(deliveries) => format!("{deliveries} delivery(s) due"),
        Note::NoHandler(handler) => format!("handler {handler} is not in the configuration"),
        Note::Paused(handler) => format!("handler {handler} is paused"),
        Note::WaitsFor(handler, first) => {
            format!("for handler {handler} it waits for event {first} of its order or shipment")
        }
        Note::Follows(handler, first) => {
            format!("for handler {handler} it follows event {first} of its order or shipment")
        }
        Note::DueAlready(handler) => {
            format!("for handler {handler} it is due already: a running receiver is at it, or will be within seconds")
        }
        Note::Gone => "nothing to deliver: it is not in the inbox any more".to_owned(),
        Note::IsBy(state) => format!("it is {} by now", state.as_str()),
        Note::Erased => "nothing to deliver: its body was erased".to_owned(),
        Note::NotFetched => {
            "nothing to deliver: nothing has been fetched for it so far. With `--handler '(fetch)'` that is done at once, \
             and each handler that wants it gets it"
                .to_owned()
        }
        Note::NothingToFetch => "nothing to fetch: it is here with its body, which does not change any more".to_owned(),
        Note::Nothing => {
            "nothing to deliver: each handler that wanted it, if any, is done. With `--handler NAME` it goes to that \
             handler once more all the same"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_there_already_the_state_is_told_and_what_to_do() {
        let there = |state| Accepted {
            id: "e".to_owned(),
            repeated: true,
            beside: None,
            known: None,
            state,
            due: false,
            paused: false,
        };

        assert_eq!(is_now(&there(Some(State::Done))), "is event e, which was there already, and is done");
        assert_eq!(
            is_now(&there(Some(State::Dead))),
            "is event e, which was there already, and is dead: `events deliver e` has it delivered once more"
        );
        assert_eq!(
            is_now(&Accepted { repeated: false, ..there(Some(State::Unwanted)) }),
            "is event e now; no handler wanted it"
        );
    }
}
