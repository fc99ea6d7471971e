//! What is in the inbox, as JSON for programs: lists in pages, one event, its body, the handlers, an overview, all of it
//! as an export. The fields have the names that `events list --json` has.
//!
//! What people do is here too (`acts` to one event, `plans` to many, `actions` tells of it): each is an action of the desk
//! by an operator (`sent`), and done once however often it is sent under one key (`once`). `changes` is for pages that
//! are kept up to date.
//!
//! Every question is one of the desk, which is read apart from the work and for two seconds at the most. `query` is what
//! can be asked, `flow` how much goes out at a time, `csv` the form for a spreadsheet. `openapi.json` describes all of it;
//! the tests hold it against what is served.

pub(super) mod actions;
mod acts;
mod changes;
mod csv;
mod events;
mod export;
pub(super) mod flow;
mod handlers;
mod once;
mod overview;
mod plans;
mod query;
mod sent;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Json;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub(super) use self::events::bytes;
pub(super) use self::handlers::described;
pub(super) use self::plans::not_meant;
pub(super) use self::query::{Asked, cursor};
use crate::desk::{Desk, Page};
use crate::inbox::{Count, InboxError};
use crate::readiness::Readiness;
use crate::respond::{self, Declined};
use crate::shown;

/// Bodies and exports that go out at a time: each holds a body in memory.
const FLOWS: usize = 4;

/// All of it in OpenAPI 3.1, for programs that make clients of that.
const DOCUMENT: &str = include_str!("openapi.json");

/// What the answers are made from.
pub(super) struct Api {
    /// None where nothing is kept.
    pub(super) desk: Option<Arc<Desk>>,
    pub(super) readiness: Arc<Readiness>,
    /// What each handler of the configuration is, in words.
    pub(super) handlers: ArcSwap<BTreeMap<String, String>>,
    pub(super) flows: Arc<Semaphore>,
    answers: once::Answers,
}

impl Api {
    pub(super) fn new(desk: Option<Arc<Desk>>, readiness: Arc<Readiness>) -> Self {
        let (handlers, flows) = (ArcSwap::default(), Arc::new(Semaphore::new(FLOWS)));
        Self { desk, readiness, handlers, flows, answers: once::Answers::default() }
    }

    /// What the handlers are from now on.
    pub(super) fn describe(&self, handlers: Vec<(String, String)>) {
        self.handlers.store(Arc::new(handlers.into_iter().collect()));
    }

    fn desk(&self) -> Result<&Arc<Desk>, Refused> {
        self.desk.as_ref().ok_or_else(|| {
            let detail = "nothing is kept here (inbox.store = \"none\"): the events are where the handlers put them";
            Refused::new(respond::declined(Declined::NotThere, detail))
        })
    }
}

/// An answer that is not what was asked for.
pub(super) struct Refused(Box<Response>);

impl Refused {
    fn new(answer: Response) -> Self {
        Self(Box::new(answer))
    }

    fn because(detail: &str) -> Self {
        Self::new(respond::declined(Declined::NoSense, detail))
    }

    /// What was sent can be read, and cannot be done.
    fn unfit(detail: &str) -> Self {
        Self::new(respond::declined(Declined::Unfit, detail))
    }
}

impl From<InboxError> for Refused {
    fn from(error: InboxError) -> Self {
        let detail = match &error {
            InboxError::TooLong => {
                "looking took longer than two seconds and was ended, so that no delivery has to wait. Ask for less: with \
                 since, until, number or state"
                    .to_owned()
            }
            other => shown::line(&other.to_string()),
        };
        Self::new(respond::declined(Declined::NotNow, &detail))
    }
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// All questions.
pub(super) fn router(api: Arc<Api>) -> Router {
    let document = ([(CONTENT_TYPE, "application/json")], DOCUMENT);
    let routes = Router::new()
        .route("/overview", get(overview::overview))
        .route("/events", get(events::list))
        .route("/events/{key}", get(events::one))
        .route("/events/{key}/body", get(events::body))
        .route("/orders", get(events::order))
        .route("/handlers", get(handlers::list))
        .route("/handlers/{name}", get(handlers::one))
        .route("/export", get(export::export))
        .route("/events/{key}/deliver", post(acts::deliver))
        .route("/events/{key}/discard", post(acts::discard))
        .route("/plans", post(plans::make))
        .route("/plans/{key}/run", post(plans::run))
        .route("/actions", get(actions::list))
        .route("/actions/{key}", get(actions::one))
        .route("/actions/{key}/stop", post(actions::stop))
        .route("/changes", get(changes::changes))
        .route("/openapi.json", get(async move || document))
        .method_not_allowed_fallback(async || {
            respond::declined(Declined::Method, "this address does not take that method")
        })
        .with_state(api);
    Router::new().nest("/api/v1", routes)
}

/// A page of a list, which ends with that sequence if there are more.
fn list(page: &Page, next: Option<i64>) -> Value {
    let mut list = json!({"items": page.events, "next": next.map(cursor)});
    if !page.unreadable.is_empty() {
        let said = page.unreadable.iter();
        let said =
            said.map(|(sequence, error)| json!({"sequence": sequence, "reason": shown::line(&error.to_string())}));
        list["unreadable"] = said.collect();
    }
    list
}

fn answer(value: &Value) -> Response {
    Json(value).into_response()
}

/// A count, which may be of more than it says.
fn counted(count: Count) -> Value {
    match count {
        Count::Exactly(count) => json!({"count": count, "more": false}),
        Count::MoreThan(count) => json!({"count": count, "more": true}),
    }
}

/// The same of what may take too long to be counted.
fn counted_if(count: Result<Count, InboxError>) -> Result<Value, InboxError> {
    match count {
        Err(InboxError::TooLong) => Ok(Value::Null),
        count => count.map(counted),
    }
}
