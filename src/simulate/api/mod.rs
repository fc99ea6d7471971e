//! The API of the simulated platform, as strict as the real one: `operation` knows what is asked, `session` who asks,
//! and `gate` how often; `polls` and `objects` have their answers, `reply` the form of all of them. `control` is for
//! tests alone.

mod control;
mod gate;
mod objects;
mod operation;
mod polls;
mod reply;
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, Request};
use axum::response::Response;

use self::operation::{Operation, Proof};
use self::session::{Renewed, Tokens};
use super::forms::{Form, legacy, order, shipment};
use super::{Simulation, lock};

pub(crate) use self::gate::Gate;
pub(crate) use self::objects::Presigner;
pub(crate) use self::session::Accounts;

/// No request has more to say.
const LONGEST_BODY: usize = 1 << 20;

const SET_AUTHORIZATION: HeaderName = HeaderName::from_static("set-authorization");
const SET_REFRESH_TOKEN: HeaderName = HeaderName::from_static("set-refresh-token");
const REFRESH_TOKEN: &str = "refresh-token";

/// Everything that the simulated platform answers.
pub(crate) fn router(simulation: Arc<Simulation>) -> Router {
    Router::new().fallback(answer).with_state(simulation)
}

async fn answer(State(simulation): State<Arc<Simulation>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(asked) = parts.uri.path().strip_prefix("/simulate/") {
        return control::answer(&simulation, &parts.method, asked, parts.uri.query().unwrap_or_default());
    }
    let (operation, id) = Operation::of(&parts.method, parts.uri.path());
    let _turn = {
        let mut gate = lock(&simulation.gate);
        gate.count(operation.name());
        match operation.is_limited().then(|| gate.enter(Instant::now())) {
            None => None,
            Some(Ok(())) => Some(Turn(&simulation)),
            Some(Err(why)) => return reply::too_many(why),
        }
    };
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return reply::text(400, "The request content could not be read");
    };
    if let Some(fault) = fault(&simulation).await {
        return fault;
    }
    if !proven(&simulation, operation.proof(), &parts.headers) {
        return reply::unknown_caller();
    }
    match operation {
        Operation::Login | Operation::Refresh | Operation::Logout => session(&simulation, operation, &parts.headers),
        Operation::Order | Operation::Shipment | Operation::PurchaseOrder => by_id(&simulation, operation, &id),
        Operation::PollOrders => polls::orders(&simulation, &body, Form::Schedule),
        Operation::PollSingleDelivery => polls::orders(&simulation, &body, Form::Single),
        Operation::PollShipments => polls::shipments(&simulation, &body),
        Operation::Metadata => objects::metadata(&simulation, &id),
        Operation::Document => objects::document(&simulation, &id),
        Operation::Download => objects::download(&simulation, &parts),
        Operation::WrongMethod => reply::text(405, "HTTP method not allowed"),
        Operation::Unknown => reply::not_found(),
    }
}

/// One request that was let in, until its answer is made or its client has left.
struct Turn<'a>(&'a Simulation);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.gate).leave();
    }
}

/// Now and then something goes wrong: an answer in place of the right one, or a while before it.
async fn fault(simulation: &Simulation) -> Option<Response> {
    // What is lost of the webhooks depends on the seed, and not on how often somebody has asked.
    if simulation.options.faults <= 0.0 {
        return None;
    }
    let (drawn, pause) = {
        let mut fate = lock(&simulation.fate);
        if !fate.chance(simulation.options.faults) {
            return None;
        }
        (fate.below(5), Duration::from_millis(2000 + fate.bits() % 4000))
    };
    match drawn {
        0 => Some(reply::too_many("Too many requests (on purpose)")),
        1 => Some(reply::text(503, "upstream connect error or disconnect/reset before headers")),
        2 => Some(reply::text(500, "There was an internal server error.")),
        3 => Some(reply::cut()),
        _ => {
            tokio::time::sleep(pause).await;
            None
        }
    }
}

fn proven(simulation: &Simulation, proof: Proof, headers: &HeaderMap) -> bool {
    let authorization = text(headers, AUTHORIZATION.as_str());
    let now = Instant::now();
    let mut accounts = lock(&simulation.accounts);
    match proof {
        Proof::None => true,
        Proof::Basic => accounts.basic(authorization, now),
        Proof::Bearer => accounts.bearer(authorization, now),
        Proof::Either => accounts.bearer(authorization, now) || accounts.basic(authorization, now),
    }
}

fn session(simulation: &Simulation, operation: Operation, headers: &HeaderMap) -> Response {
    let (authorization, token) = (text(headers, AUTHORIZATION.as_str()), text(headers, REFRESH_TOKEN));
    let now = Instant::now();
    let mut accounts = lock(&simulation.accounts);
    match operation {
        Operation::Login => match accounts.log_in(authorization, now) {
            Some(tokens) => {
                let username = accounts.username();
                let said = serde_json::json!({ "username": username, "status": "authenticated" });
                with_tokens(reply::json(&said), &tokens)
            }
            None => reply::unknown_caller(),
        },
        Operation::Refresh => match accounts.renew(token, authorization, now) {
            Renewed::New(tokens) => with_tokens(reply::empty(), &tokens),
            Renewed::Still => reply::empty(),
            Renewed::Refused => reply::unknown_caller(),
        },
        _ if accounts.log_out(token) => {
            let none = Tokens { access: String::new(), refresh: String::new() };
            with_tokens(reply::empty(), &none)
        }
        _ => reply::unknown_caller(),
    }
}

fn with_tokens(mut response: Response, tokens: &Tokens) -> Response {
    reply::header(&mut response, SET_AUTHORIZATION, &tokens.access);
    reply::header(&mut response, SET_REFRESH_TOKEN, &tokens.refresh);
    response
}

fn by_id(simulation: &Simulation, operation: Operation, id: &str) -> Response {
    let living = lock(&simulation.living);
    let (world, parties) = (&living.world, &living.world.parties);
    let found = match operation {
        Operation::Order => world.order(id).map(|of| order(of, parties, Form::Schedule, None)),
        Operation::Shipment => world.shipment(id).map(|of| shipment(of, parties)),
        _ => world.legacy_order(id).map(|of| legacy(of, id, parties)),
    };
    match found {
        Some(found) => reply::json(&found),
        None if world.strangers.contains(id) => reply::forbidden(),
        None => reply::not_found(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
