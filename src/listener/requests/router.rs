//! Every route of the public address, and the layers around them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Version};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::receive::receive;
use super::reception::Reception;
use crate::listener::connections::lease::Lease;
use crate::respond::{Answer, ComeAgain};
use crate::telemetry::events;

/// Headers of every answer. No browser has business here; one that is led here all the same, say by a link,
/// is to make nothing of what it gets.
const HEADERS: [(HeaderName, &str); 4] = [
    // A year: a rating of A+ asks for half of it at least.
    (STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (CACHE_CONTROL, "no-store"),
];

/// The endpoints of the reception's table, and an answer for every other path.
pub(crate) fn router(reception: Arc<Reception>) -> Router {
    let answer = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let reception = Arc::clone(&reception);
        let lease = request.extensions().get::<Lease>().cloned();
        // HTTP/2 has no such header; its callers need few connections.
        let closes = request.version() <= Version::HTTP_11;
        async move {
            let _work = lease.as_ref().map(Lease::work);
            let table = reception.table.load_full();
            let address = table.proxies.client(peer.ip(), &request);
            let answer = receive(reception, &table, address, request).await;
            let mut response = answer.into_response();
            if closes && lease.is_some_and(|lease| lease.is_asked_for()) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    };
    Router::new()
        .fallback(answer)
        // Inside the header layer, so that the answer to a panic has its headers too.
        .layer(CatchPanicLayer::custom(answer_to_panic))
        .layer(map_response(with_headers))
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Our own fault, so the sender is to come again; the layer's default of 500 would lose the event.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn answer_to_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    events::intake::panicked(what);
    Answer::ComeAgain(ComeAgain::Unforeseen).into_response()
}
