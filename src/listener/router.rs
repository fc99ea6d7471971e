//! Every route of the public address, and the layers around them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderValue;
use axum::http::header::STRICT_TRANSPORT_SECURITY;
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::client;
use super::receive::{Reception, misdirected, receive, refuse};
use crate::respond::{Answer, ComeAgain, Why};

/// The endpoints of the reception's table, and an answer for every other path.
pub(crate) fn router(reception: Arc<Reception>) -> Router {
    let answer = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let reception = Arc::clone(&reception);
        async move {
            let table = reception.table.load_full();
            let address = client::address(&reception.server.trusted_proxies, peer.ip(), &request);
            if let Some(endpoint) = table.endpoint(request.uri().path()) {
                receive(reception, endpoint, address, request).await
            } else {
                let refusal = refuse(Why::NoSuchPath, "there is no endpoint at this path; see [[endpoints]]");
                misdirected(reception, &table.anywhere(), address, request, refusal).await
            }
        }
    };
    Router::new()
        .fallback(answer)
        // Inside the header layer, so that the answer to a panic has its headers too.
        .layer(CatchPanicLayer::custom(answer_to_panic))
        .layer(SetResponseHeaderLayer::overriding(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        ))
}

/// Our own fault, so the sender is to come again; the layer's default of 500 would lose the event.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn answer_to_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(what, "a request ended in a panic; the sender will repeat it");
    Answer::ComeAgain(ComeAgain::Unforeseen).into_response()
}
