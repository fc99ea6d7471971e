//! Every route of the public address, and the layers around them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use tower_http::catch_panic::CatchPanicLayer;

use super::client;
use super::receive::{Reception, misdirected, receive, refuse};
use crate::auth::Gate;
use crate::config::settings::Endpoint;
use crate::respond::{Answer, ComeAgain, Why};

/// Headers of every answer. No browser has business here; one that is led here all the same, say by a link,
/// is to make nothing of what it gets.
const HEADERS: [(HeaderName, &str); 4] = [
    // A year: a rating of A+ asks for half of it at least.
    (STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (CACHE_CONTROL, "no-store"),
];

/// The endpoints, and an answer for every other path.
pub(crate) fn router(reception: Arc<Reception>, endpoints: Vec<Endpoint>, anywhere: Gate) -> Router {
    // Otherwise a path with `/:` or `/*`, which axum once had a meaning for, would end in a panic.
    let mut router = Router::new().without_v07_checks();
    for endpoint in endpoints {
        let path = endpoint.path.clone();
        let endpoint = Arc::new(endpoint);
        let reception = Arc::clone(&reception);
        let handle = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let address = client::address(&reception.server.trusted_proxies, peer.ip(), &request);
            receive(Arc::clone(&reception), Arc::clone(&endpoint), address, request)
        };
        router = router.route(&path, any(handle));
    }
    let anywhere = Arc::new(anywhere);
    let nowhere = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let (reception, anywhere) = (Arc::clone(&reception), Arc::clone(&anywhere));
        async move {
            let refusal = refuse(Why::NoSuchPath, "there is no endpoint at this path; see [[endpoints]]");
            let address = client::address(&reception.server.trusted_proxies, peer.ip(), &request);
            misdirected(reception, &anywhere, address, request, refusal).await
        }
    };
    router
        .fallback(nowhere)
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
    tracing::error!(what, "a request ended in a panic; the sender will repeat it");
    Answer::ComeAgain(ComeAgain::Unforeseen).into_response()
}
