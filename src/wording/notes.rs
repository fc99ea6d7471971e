//! Why an event that somebody wants delivered is not delivered now, for those who have no command line before them.

use crate::desk::Note;

/// What is to be said.
pub(crate) fn in_words(note: &Note) -> String {
    match note {
        Note::Due(_) | Note::DueAlready(_) | Note::Follows(..) => "it is on its way".to_owned(),
        Note::NoHandler(name) => format!("handler {name} is not in the configuration"),
        Note::Paused(name) => format!("handler {name} is paused: it gets what is due once that is off"),
        Note::WaitsFor(name, first) => {
            format!("for handler {name} it waits for event {first} of its order or shipment, which is not on its way")
        }
        Note::Gone => "it is not in the inbox any more".to_owned(),
        Note::IsBy(state) => format!("it is {} by now", state.as_str()),
        Note::Erased => "its body was erased, so there is nothing to deliver".to_owned(),
        Note::NotFetched => "nothing was fetched for it so far, so there is nothing to deliver".to_owned(),
        Note::NothingToFetch => "it came with its body, or that was fetched".to_owned(),
        Note::Nothing => {
            "there is nothing to deliver: each handler that wanted it, if any, is done. One that is named \
                          gets it once more"
                .to_owned()
        }
    }
}
