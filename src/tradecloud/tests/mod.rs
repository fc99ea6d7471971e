//! The client against a Tradecloud on loopback that answers as a test tells it to, and remembers what it was asked.
//!
//! Requests take real time, which is short; what takes minutes is skipped by the clock of the runtime between them.

#![expect(clippy::disallowed_types, reason = "the system behind answers as the test wants")]

mod answers;
mod ban;
mod documents;
mod queue;
mod secrets;
mod session;
mod settings;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use secrecy::SecretString;

use super::Api;
use super::Needs;
use super::error::ApiError;
use super::line::Bounds;
use super::settings::{Legacy, Login, Settings};
use crate::model::What;

const PASSWORD: &str = "correct horse";
const LOGIN: &str = "/v2/authentication/login";
const REFRESH: &str = "/v2/authentication/refresh";
const LOGOUT: &str = "/v2/authentication/logout";
const AUTHENTICATED: &str = r#"{"username":"integration@yourcompany.com","status":"authenticated"}"#;
const INVALID: &str = "The supplied authentication is invalid";

/// A request as it arrived.
#[derive(Debug, Clone)]
struct Call {
    method: String,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What is answered.
#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    before: Duration,
    then: Then,
}

/// What follows the body.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    End,
    Silence,
    More,
}

impl Reply {
    fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), before: Duration::ZERO, then: Then::End }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn after(self, before: Duration) -> Self {
        Self { before, ..self }
    }

    fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

/// A login or refresh that worked.
fn session(number: u32) -> Reply {
    access_only(number).with("set-refresh-token", format!("EXAMPLE-REFRESH-TOKEN-{number}"))
}

fn access_only(number: u32) -> Reply {
    Reply::new(200, AUTHENTICATED).with("set-authorization", access(number))
}

fn access(number: u32) -> String {
    format!("EXAMPLE-ACCESS-TOKEN-{number}.header.payload.signature")
}

type Answering = Box<dyn FnMut(&Call) -> Reply + Send>;

/// A running Tradecloud; it ends with the test's runtime.
struct Tradecloud {
    url: String,
    state: Arc<Mutex<Inside>>,
}

struct Inside {
    answering: Answering,
    calls: Vec<Call>,
    open: usize,
    most_open: usize,
}

impl Tradecloud {
    async fn start(answering: impl FnMut(&Call) -> Reply + Send + 'static) -> Self {
        let inside = Inside { answering: Box::new(answering), calls: Vec::new(), open: 0, most_open: 0 };
        let state = Arc::new(Mutex::new(inside));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// One whose logins always work, giving the first session, and which answers all else so.
    async fn with_logins(mut answering: impl FnMut(&Call) -> Reply + Send + 'static) -> Self {
        Self::start(move |call| if call.path == LOGIN { session(1) } else { answering(call) }).await
    }

    /// One that gives these answers, one after the other, and the last of them again and again.
    async fn scripted(answers: impl IntoIterator<Item = Reply>) -> Self {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        let mut next = move || if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Self::start(move |_| next().unwrap()).await
    }

    fn answers(&self, answering: impl FnMut(&Call) -> Reply + Send + 'static) {
        self.state.lock().unwrap().answering = Box::new(answering);
    }

    /// From now on, all is well.
    fn is_well(&self) {
        self.answers(|call| if [LOGIN, REFRESH].contains(&&*call.path) { session(9) } else { Reply::new(200, "{}") });
    }

    fn api(&self) -> Api {
        self.api_within(&bounds())
    }

    fn api_within(&self, bounds: &Bounds) -> Api {
        Api::within(&self.settings(), bounds).unwrap()
    }

    fn settings(&self) -> Settings {
        let (username, password) = ("integration@yourcompany.com".to_owned(), SecretString::from(PASSWORD));
        let login = Login { username, password };
        let legacy = Legacy { url: format!("{}/api/v1", self.url).parse().unwrap(), login: login.clone() };
        Settings {
            url: self.url.parse().unwrap(),
            roots: Vec::new(),
            login,
            spacing: Duration::ZERO,
            company: None,
            not_found_after: Duration::from_secs(600),
            legacy: Some(legacy),
        }
    }

    /// What has arrived since the last time: `GET /path` each.
    fn heard(&self) -> Vec<String> {
        self.calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    fn most_open(&self) -> usize {
        self.state.lock().unwrap().most_open
    }
}

async fn answer(State(state): State<Arc<Mutex<Inside>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().to_string();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let call = Call { method: head.method.to_string(), path, headers: head.headers, body };
    let reply = {
        let mut inside = state.lock().unwrap();
        inside.open += 1;
        inside.most_open = inside.most_open.max(inside.open);
        let reply = (inside.answering)(&call);
        inside.calls.push(call);
        reply
    };
    tokio::time::sleep(reply.before).await;
    state.lock().unwrap().open -= 1;
    let body = match reply.then {
        Then::End => Body::from(reply.body),
        then => Body::new(Dripping { first: Some(reply.body), then }),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

/// A body that does not end.
struct Dripping {
    first: Option<Bytes>,
    then: Then,
}

impl http_body::Body for Dripping {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match (self.first.clone(), self.then) {
            (Some(bytes), Then::More) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (Some(bytes), _) => {
                self.first = None;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            (None, _) => Poll::Pending,
        }
    }
}

/// The usual ones, without the moment that is waited for.
fn bounds() -> Bounds {
    Bounds { moment: Duration::from_millis(1), ..Bounds::USUAL }
}

/// So much later, without waiting for it.
async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

const fn minutes(number: u64) -> Duration {
    Duration::from_secs(60 * number)
}

async fn order(api: &Api) -> Result<Bytes, ApiError> {
    api.fetch(What::OrderId, "order-1").await
}

/// How long nothing is asked, of an error that says so.
fn pause(result: Result<Bytes, ApiError>) -> Duration {
    match result {
        Err(ApiError::Unavailable { pause: Some(pause), .. }) => pause,
        other => panic!("{other:?}"),
    }
}

/// Everything that is logged while the guard lives, in this thread.
fn logged() -> (Arc<Mutex<Vec<u8>>>, tracing::subscriber::DefaultGuard) {
    struct Page(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let page = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&page);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || Page(Arc::clone(&writer)))
        .finish();
    (page, tracing::subscriber::set_default(subscriber))
}

fn lines(page: &Mutex<Vec<u8>>, part: &str) -> usize {
    String::from_utf8_lossy(&page.lock().unwrap()).lines().filter(|line| line.contains(part)).count()
}
