//! What `events deliver` says of an event: what is due now, and what keeps the rest.

use crate::desk::{Accepted, Note, Outcome};

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

fn is_now(Accepted { id, repeated, beside }: &Accepted) -> String {
    match beside {
        _ if *repeated => format!("is event {id}, which was there already"),
        Some(other) => format!("is event {id} now, beside event {other}, which has the same messageId or body"),
        None => format!("is event {id} now"),
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
        Note::Nothing => {
            "nothing to deliver: each handler that wanted it, if any, is done. With `--handler NAME` it goes to that \
             handler once more all the same"
                .to_owned()
        }
    }
}
