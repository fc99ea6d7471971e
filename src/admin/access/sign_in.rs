//! The pages on which somebody becomes somebody: `/login` and `/enter`, and `/logout`, after which he is nobody again.
//! Nothing happens by a GET: a link that a program has looked at is still good.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Form, FromRequest as _, Query, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::session::{self, By};
use super::{Access, Visitor, Way, ticket};
use crate::admin::forms;
use crate::respond::{self, Declined};
use crate::telemetry::events;

/// A form is not longer, and takes no longer to come.
const LARGEST: usize = 8 << 10;
const WHILE: Duration = Duration::from_secs(10);

/// For whoever is nobody yet.
const OPEN: [&str; 3] = ["/login", "/enter", "/style.css"];

/// Whether that is for everybody.
pub(super) fn is_open(path: &str) -> bool {
    OPEN.contains(&path)
}

/// The pages.
pub(in crate::admin) fn router(access: Arc<Access>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", get(async || respond::page(forms::login(None))).post(login))
        .route("/enter", get(look).post(enter))
        .route("/logout", post(logout))
        .route("/style.css", get(async || ([(CONTENT_TYPE, "text/css; charset=utf-8")], forms::STYLE).into_response()))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(access)
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Enter {
    ticket: String,
}

async fn home(Extension(visitor): Extension<Visitor>) -> Response {
    respond::page(forms::home(&visitor))
}

async fn login(State(access): State<Arc<Access>>, Extension(way): Extension<Way>, request: Request) -> Response {
    let rules = access.rules.load_full();
    let Some(Login { user, password }) = filled_in(request).await else {
        return respond::page_declined(Declined::NoSense, forms::login(Some(forms::NO_FORM)));
    };
    let password = Zeroizing::new(password);
    match access.by_password(&rules, &user, password.as_bytes(), way.client).await {
        Ok(Some(visitor)) => begin(access, way, visitor, By::Password).await,
        Ok(None) => respond::page_declined(Declined::NotAllowed, forms::login(Some(forms::WRONG))),
        Err(_) => respond::page_declined(Declined::NotNow, forms::login(Some(forms::BUSY))),
    }
}

async fn look(State(access): State<Arc<Access>>, request: Request) -> Response {
    let asked = Query::<Enter>::try_from_uri(request.uri());
    let ticket = asked.map(|Query(Enter { ticket })| ticket).unwrap_or_default();
    let (key, text) = (access.key.clone(), ticket.clone());
    match blocking(move || ticket::look(&key, &text)).await {
        Ok(Some(found)) => respond::page(forms::enter(&found.visitor(), &ticket)),
        other => not_entered(&access, other.err()),
    }
}

async fn enter(State(access): State<Arc<Access>>, Extension(way): Extension<Way>, request: Request) -> Response {
    let Some(Enter { ticket }) = filled_in(request).await else { return not_entered(&access, None) };
    let key = access.key.clone();
    match blocking(move || ticket::enter(&key, &ticket)).await {
        Ok(Some(visitor)) => begin(access, way, visitor, By::Ticket).await,
        other => not_entered(&access, other.err()),
    }
}

async fn logout(State(access): State<Arc<Access>>, Extension(way): Extension<Way>, request: Request) -> Response {
    let (rules, headers) = (access.rules.load_full(), request.headers().clone());
    let ends = Arc::clone(&access);
    match blocking(move || session::end(&ends, &rules, way, &headers)).await {
        Ok(cookie) => with_cookie("login", &cookie),
        Err(error) => key_fails(&access, &error),
    }
}

async fn begin(access: Arc<Access>, way: Way, visitor: Visitor, by: By) -> Response {
    let (rules, begins, who) = (access.rules.load_full(), Arc::clone(&access), visitor.clone());
    match blocking(move || session::begin(&begins, &rules, way, &who, by)).await {
        Ok(cookie) => {
            events::inspector::signed_in(&visitor.name, visitor.role.as_str(), by.as_str(), way.client);
            with_cookie("./", &cookie)
        }
        Err(error) => key_fails(&access, &error),
    }
}

/// What was filled in, if it comes whole and in time.
async fn filled_in<T: DeserializeOwned>(request: Request) -> Option<T> {
    let form = timeout(WHILE, Form::<T>::from_request(request, &())).await.ok()?.ok()?;
    Some(form.0)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn not_entered(access: &Access, error: Option<io::Error>) -> Response {
    match error {
        Some(error) => key_fails(access, &error),
        None => respond::page_declined(Declined::NotAllowed, forms::not_entered()),
    }
}

fn key_fails(access: &Access, error: &io::Error) -> Response {
    access.key_fails.note((access.key.path(), error.to_string()));
    respond::page_declined(Declined::NotNow, forms::login(Some(forms::NO_KEY)))
}

fn with_cookie(location: &str, cookie: &str) -> Response {
    let mut response = respond::elsewhere(location);
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    response
}
