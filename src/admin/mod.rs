//! The machine's own address, for people and what watches the receiver: is it alive, does it take events (`health`); and
//! for whoever may look, what is in the inbox (`pages`, and `api` for programs).
//!
//! Only the first is for everybody. All else wants to know who it is, on loopback too, where every user and container of
//! the machine is: `access` finds that out before anything is looked up. `pages` are for people, `forms` the few of them
//! that it takes to sign in, `serve` has the connections, and `settings` reads `[admin]`.

mod access;
mod api;
mod forms;
mod health;
mod pages;
mod serve;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use self::access::{Role, is_name, link, was_opened};
pub(crate) use self::health::Condition;
pub(crate) use self::pages::{CertificateTold, EndpointTold, PollTold, Told, TradecloudTold};
pub(crate) use self::serve::serve;
pub(crate) use self::settings::{Rules, Settings};

use self::access::Access;
use self::api::Api;
use self::pages::Pages;
use crate::desk::Desk;
use crate::listener::connections::certificates::Certificates;
use crate::listener::requests::turned_away::LastTurnedAway;
use crate::readiness::Readiness;
use crate::respond::{self, Declined};
use crate::telemetry::events;

/// Headers of every answer that has none of its own of that name. Nothing of it comes from elsewhere or is kept, and
/// nobody has it in a frame.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// What people look at in a running receiver, and who may.
pub(crate) struct Inspector {
    access: Arc<Access>,
    api: Arc<Api>,
    pages: Arc<Pages>,
}

/// What people are told of a receiver besides what is in its inbox.
pub(crate) struct Around {
    readiness: Arc<Readiness>,
    /// `None` where something else terminates TLS.
    certificates: Option<Certificates>,
    last_turned_away: LastTurnedAway,
}

impl Around {
    pub(crate) fn new(
        readiness: &Arc<Readiness>,
        certificates: Option<&Certificates>,
        last_turned_away: LastTurnedAway,
    ) -> Self {
        Self { readiness: Arc::clone(readiness), certificates: certificates.cloned(), last_turned_away }
    }
}

impl Inspector {
    /// By these settings, with its key in `folder`; without a desk where nothing is kept.
    pub(crate) fn new(settings: &Settings, folder: PathBuf, desk: Option<Arc<Desk>>, around: Around) -> Self {
        let api = Arc::new(Api::new(desk, Arc::clone(&around.readiness)));
        let pages = Arc::new(Pages::new(Arc::clone(&api), around));
        Self { access: Arc::new(Access::new(settings, folder)), api, pages }
    }

    /// From now on by these rules, with these handlers (the name of each, and what it is in words), and with what else the
    /// configuration says.
    pub(crate) fn exchange(&self, rules: Rules, handlers: Vec<(String, String)>, told: Told) {
        self.access.exchange(rules);
        self.api.describe(handlers);
        self.pages.tell(told);
    }
}

/// Everything that is served there.
pub(crate) fn router(condition: Condition, inspector: &Inspector) -> Router {
    health::router(condition)
        .merge(access::router(Arc::clone(&inspector.access)))
        .merge(api::router(Arc::clone(&inspector.api)))
        .merge(pages::router(Arc::clone(&inspector.pages)))
        .merge(pages::assets())
        .layer(from_fn_with_state(Arc::clone(&inspector.access), access::guard))
        .layer(CatchPanicLayer::custom(answer_to_panic))
        .layer(map_response(with_headers))
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn answer_to_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    events::inspector::panicked(what);
    respond::declined(Declined::NotNow, "something went wrong here; the log of the receiver says more")
}
