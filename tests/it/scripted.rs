//! A receiver that answers what a test tells it to, and remembers what it was sent.

#![expect(clippy::disallowed_types, reason = "the system behind answers as the test wants")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

/// One request as it arrived.
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A running scripted receiver; it ends with the test's runtime.
pub(crate) struct Scripted {
    pub(crate) url: String,
    state: Shared,
}

type Shared = Arc<Mutex<(VecDeque<(u16, String)>, Vec<Request>)>>;

impl Scripted {
    /// Answers the first request with the first of `answers` (status and body), and so on; the last
    /// one also answers all that follow.
    pub(crate) async fn start(answers: &[(u16, &str)]) -> Self {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let state = Shared::new(Mutex::new((answers, Vec::new())));
        let router = Self::router(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/tradecloud", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    fn router(state: Shared) -> Router {
        Router::new().fallback(answer).with_state(state)
    }

    /// What has arrived since the last call.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().1)
    }
}

async fn answer(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response<String> {
    let mut state = state.lock().unwrap();
    let (answers, requests) = &mut *state;
    requests.push(Request { headers, body });
    let (status, body) = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if status == 307 {
        response.headers_mut().insert("location", "/elsewhere".parse().unwrap());
    }
    response
}
