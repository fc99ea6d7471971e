//! `/livez` and `/readyz`: is the receiver alive, does it take events? For everybody who reaches the address.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use tokio::time::timeout;

use crate::inbox::SharedInbox;
use crate::listener::connections::certificates::Certificates;
use crate::readiness::Readiness;
use crate::respond;
use crate::shown;
use crate::telemetry::time_zone;

const LIVE: &str = "/livez";
const READY: &str = "/readyz";

/// How long the inbox may take to prove that it can write.
const PROBE: Duration = Duration::from_secs(3);

/// What the answers are made from.
#[derive(Clone)]
pub(crate) struct Condition {
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) inbox: SharedInbox,
    /// `None` where something else terminates TLS.
    pub(crate) certificates: Option<Certificates>,
}

/// Whether that is one of its paths, to the letter.
pub(super) fn is_at(path: &str) -> bool {
    [LIVE, READY].contains(&path)
}

pub(super) fn router(condition: Condition) -> Router {
    Router::new().route(LIVE, get(async || respond::live())).route(READY, get(move || ready(condition.clone())))
}

async fn ready(Condition { readiness, inbox, certificates }: Condition) -> Response {
    let mut obstacles = Vec::new();
    if readiness.is_draining() {
        obstacles.push("shutting down".to_owned());
    }
    match timeout(PROBE, inbox.probe()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => obstacles.push(error.to_string()),
        Err(_) => obstacles.push("the store does not answer".to_owned()),
    }
    let mut notes = Vec::new();
    if let Some(at) = readiness.refused() {
        let at = shown::time(at, &time_zone());
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
