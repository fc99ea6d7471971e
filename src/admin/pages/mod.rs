//! Pages for people: what wants attention, events, orders, handlers, and what there is to set up. They are made here, whole,
//! and work without a script, by keyboard, at any width, and wherever a proxy puts them: every link is relative.
//!
//! A page is a template (`templates`) and a file that asks the desk for what stands in it, with the bounded questions that
//! the commands and the API ask. What others wrote is escaped by the template, and made harmless to the eye in one place
//! ([`visit::Visit::answer`]). Nothing is changed by a GET. `acting` has what changes something.

mod acting;
mod actions;
mod address;
mod assets;
mod body;
mod documents;
mod event;
mod events;
mod facts;
mod handlers;
mod help;
mod home;
mod marks;
mod order;
mod rows;
mod setup;
mod told;
mod tradecloud;
mod trouble;
mod visit;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::get;

pub(in crate::admin) use self::assets::{router as assets, version};
pub(crate) use self::told::{CertificateTold, EndpointTold, PollTold, Told, TradecloudTold};
use super::Around;
use super::api::Api;
use crate::listener::connections::certificates::Certificates;
use crate::listener::requests::turned_away::LastTurnedAway;

/// What the pages are made from.
pub(super) struct Pages {
    api: Arc<Api>,
    told: ArcSwap<Told>,
    /// None where something else terminates TLS.
    certificates: Option<Certificates>,
    last_turned_away: LastTurnedAway,
}

impl Pages {
    pub(super) fn new(api: Arc<Api>, around: Around) -> Self {
        let Around { certificates, last_turned_away, .. } = around;
        Self { api, told: ArcSwap::default(), certificates, last_turned_away }
    }

    /// What the configuration says from now on.
    pub(super) fn tell(&self, told: Told) {
        self.told.store(Arc::new(told));
    }
}

/// All pages but those to sign in.
pub(super) fn router(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/events", get(events::show))
        .route("/events/{key}", get(event::show))
        .route("/events/{key}/body", get(event::body))
        .route("/orders", get(order::show))
        .route("/handlers", get(handlers::all))
        .route("/handlers/{name}", get(handlers::one))
        .route("/tradecloud", get(tradecloud::show))
        .route("/documents/{id}", get(documents::show))
        .route("/actions", get(actions::show))
        .route("/setup", get(setup::show))
        .route("/help", get(help::show))
        .merge(acting::router())
        .fallback(trouble::not_there)
        .method_not_allowed_fallback(trouble::other_method)
        .with_state(pages)
}
