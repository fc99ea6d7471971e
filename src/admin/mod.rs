//! The machine's own address: is the receiver alive, does it take events?

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use tokio::time::timeout;

use crate::listener::connections::certificates::Certificates;
use crate::listener::requests::receive::Reception;
use crate::respond;

/// How long the inbox may take to prove that it can write.
const PROBE: Duration = Duration::from_secs(3);

/// `/livez` and `/readyz`.
pub(crate) fn router(reception: Arc<Reception>, certificates: Option<Certificates>) -> Router {
    Router::new()
        .route("/livez", get(async || respond::live()))
        .route("/readyz", get(move || ready(Arc::clone(&reception), certificates.clone())))
}

async fn ready(reception: Arc<Reception>, certificates: Option<Certificates>) -> Response {
    let mut obstacles = Vec::new();
    if reception.draining.load(Ordering::Relaxed) {
        obstacles.push("shutting down".to_owned());
    }
    match timeout(PROBE, reception.inbox.probe()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => obstacles.push(error.to_string()),
        Err(_) => obstacles.push("the store does not answer".to_owned()),
    }
    let mut notes = Vec::new();
    if let Some(at) = reception.refused.load_full() {
        notes.push(format!("the configuration of {at} was refused (see the log); the one before it serves on"));
    }
    // No obstacle: to give one, the CA has to get through to this machine.
    if certificates.is_some_and(|certificates| certificates.are_missing()) {
        notes.push(
            "there is no certificate yet, and until the CA gives one nobody can connect (see the log)".to_owned(),
        );
    }
    respond::ready(&obstacles, &notes)
}
