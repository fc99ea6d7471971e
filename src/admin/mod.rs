//! The machine's own address: is the receiver alive, does it take events?

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use tokio::time::timeout;

use crate::listener::receive::Reception;
use crate::respond;

/// How long the inbox may take to prove that it can write.
const PROBE: Duration = Duration::from_secs(3);

/// `/livez` and `/readyz`.
pub(crate) fn router(reception: Arc<Reception>) -> Router {
    Router::new()
        .route("/livez", get(async || respond::live()))
        .route("/readyz", get(move || ready(Arc::clone(&reception))))
}

async fn ready(reception: Arc<Reception>) -> Response {
    let mut obstacles = Vec::new();
    if reception.draining.load(Ordering::Relaxed) {
        obstacles.push("shutting down".to_owned());
    }
    match timeout(PROBE, reception.inbox.probe()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => obstacles.push(error.to_string()),
        Err(_) => obstacles.push("the store does not answer".to_owned()),
    }
    let refused = reception.refused.load_full();
    let note =
        refused.map(|at| format!("the configuration of {at} was refused (see the log); the one before it serves on"));
    respond::ready(&obstacles, note.as_deref())
}
