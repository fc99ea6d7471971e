//! `/help`: what the states mean, and what keys do.

use askama::Template;
use axum::response::Response;
use clap::ValueEnum as _;

use super::marks::Badge;
use super::visit::{Frame, Visit};
use crate::inbox::State;

#[derive(Template)]
#[template(path = "help.html", config = "src/admin/pages/askama.toml")]
struct Help {
    frame: Frame,
    states: Vec<(Badge, &'static str, &'static str)>,
}

pub(super) async fn show(visit: Visit) -> Response {
    let states = State::value_variants().iter().map(|state| {
        let (means, next) = meaning(*state);
        (Badge(*state), means, next)
    });
    let states = states.collect();
    visit.answer(Ok(Help { frame: visit.frame("Help", "help"), states }))
}

/// What a state means, and what happens next.
const fn meaning(state: State) -> (&'static str, &'static str) {
    match state {
        State::Pending => (
            "It is safe in the inbox and on its way to a handler.",
            "The receiver delivers it, and tries again until it is done or its time is over.",
        ),
        State::Fetching => (
            "Only an id has come so far.",
            "The receiver fetches what it stands for from Tradecloud, and then delivers that.",
        ),
        State::Done => ("Every handler that wanted it is done with it.", "Nothing. It is kept for a while."),
        State::Dead => (
            "A handler rejected it, as the ERP would each time, or it was given up after many attempts.",
            "Nothing, until somebody delivers it again or sets it aside. Later events of the order go on.",
        ),
        State::Discarded => ("Somebody set it aside, and said why.", "Nothing, unless somebody delivers it after all."),
        State::Refused => (
            "Tradecloud sent something that cannot be read as an event. It was told so, and does not send it again.",
            "Nothing, until somebody takes it as an event after all or sets it aside.",
        ),
        State::Unwanted => ("No handler of the configuration wanted it.", "Nothing. It is kept for a while."),
    }
}
