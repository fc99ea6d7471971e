//! The pages on which somebody becomes somebody: `/login` and `/enter`, and `/logout`, after which he is nobody again.
//! Nothing happens by a GET: a link that a program has looked at is still good.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use askama::filters::urlencode_strict;
use axum::extract::{DefaultBodyLimit, Form, FromRequest as _, Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
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
const OPEN: [&str; 4] = ["/login", "/enter", "/style.css", "/icon.svg"];

/// Whether that is for everybody.
pub(super) fn is_open(path: &str) -> bool {
    OPEN.contains(&path)
}

/// The pages.
pub(in crate::admin) fn router(access: Arc<Access>) -> Router {
    Router::new()
        .route("/login", get(ask).post(login))
        .route("/enter", get(look).post(enter))
        .route("/logout", post(logout))
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

/// Where to go once somebody has signed in: the page that he asked for. It is one of ours, whatever it says.
#[derive(Default, Deserialize)]
struct To {
    #[serde(default)]
    to: String,
}

impl To {
    fn of(uri: &Uri) -> String {
        let Query(Self { to }) = Query::try_from_uri(uri).unwrap_or_default();
        if is_page(&to) { to } else { String::new() }
    }
}

/// Whether it is the address of a page from the root on: no way up, no other scheme, no other host.
fn is_page(to: &str) -> bool {
    let path = to.split('?').next().unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./%".contains(&byte);
    to.len() <= LARGEST
        && path.starts_with(|first: char| first.is_ascii_lowercase())
        && path.bytes().all(fits)
        && !path.split('/').any(|part| ["", ".", ".."].contains(&part))
        && to.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Where somebody signs in who has asked for a page first, relative to that.
pub(super) fn login_for(uri: &Uri) -> String {
    let up = "../".repeat(uri.path().matches('/').count().saturating_sub(1));
    let to = uri.path_and_query().map(|page| page.as_str().trim_start_matches('/')).unwrap_or_default();
    if !is_page(to) {
        return format!("{up}login");
    }
    match urlencode_strict(to) {
        Ok(to) => format!("{up}login?to={to}"),
    }
}

async fn ask(uri: Uri) -> Response {
    respond::page(forms::login(None, &To::of(&uri)))
}

async fn login(State(access): State<Arc<Access>>, Extension(way): Extension<Way>, request: Request) -> Response {
    let (rules, to) = (access.rules.load_full(), To::of(request.uri()));
    let Some(Login { user, password }) = filled_in(request).await else {
        return respond::page_declined(Declined::NoSense, forms::login(Some(forms::NO_FORM), &to));
    };
    let password = Zeroizing::new(password);
    match access.by_password(&rules, &user, password.as_bytes(), way.client).await {
        Ok(Some(visitor)) => begin(access, way, visitor, By::Password, &to).await,
        Ok(None) => respond::page_declined(Declined::NotAllowed, forms::login(Some(forms::WRONG), &to)),
        Err(_) => respond::page_declined(Declined::NotNow, forms::login(Some(forms::BUSY), &to)),
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
        Ok(Some(visitor)) => begin(access, way, visitor, By::Ticket, "").await,
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

async fn begin(access: Arc<Access>, way: Way, visitor: Visitor, by: By, to: &str) -> Response {
    let (rules, begins, who) = (access.rules.load_full(), Arc::clone(&access), visitor.clone());
    match blocking(move || session::begin(&begins, &rules, way, &who, by)).await {
        Ok(cookie) => {
            events::inspector::signed_in(&visitor.name, visitor.role.as_str(), by.as_str(), way.client);
            with_cookie(if to.is_empty() { "./" } else { to }, &cookie)
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
    respond::page_declined(Declined::NotNow, forms::login(Some(forms::NO_KEY), ""))
}

fn with_cookie(location: &str, cookie: &str) -> Response {
    let mut response = respond::elsewhere(location);
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::is_page;

    #[test]
    fn nobody_is_sent_elsewhere_once_he_has_signed_in() {
        for page in ["events", "events/2b607af1-7", "orders?number=PO%2F1&x=//y", "documents/a%2Fb"] {
            assert!(is_page(page), "{page}");
        }
        for other in [
            "",
            "/",
            "//x.example",
            "https://x.example",
            "../x",
            "a/../../x",
            "a//b",
            "\\\\x",
            "a\r\nb",
            "javascript:x",
        ] {
            assert!(!is_page(other), "{other}");
        }
    }
}
