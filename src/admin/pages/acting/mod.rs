//! Pages that act: on one event (`one`, from the buttons of its page, `buttons`), and on many (`plans`); and what is told of
//! what somebody did (`told`). `sent` reads a form of somebody who may.
//!
//! Nothing is done by a GET, and nothing twice: a form has an id of its own, which is that of the action, and the inbox does
//! nothing twice under one id. So a double click, a reload and a way back all lead to the page of what was done once.

mod buttons;
mod many;
mod one;
mod plans;
mod sent;
mod told;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub(super) use self::buttons::Buttons;
pub(super) use self::many::Many;

use super::Pages;

/// The pages that act.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/events/{key}/deliver", get(one::ask_deliver).post(one::deliver))
        .route("/events/{key}/discard", get(one::ask_discard).post(one::discard))
        .route("/deliver", get(plans::ask_deliver).post(plans::deliver))
        .route("/discard", get(plans::ask_discard).post(plans::discard))
        .route("/actions/{id}", get(told::show))
        .route("/actions/{id}/stop", post(told::stop))
        .layer(DefaultBodyLimit::max(sent::LARGEST))
}
