//! What the head of a request says: where it is aimed, what is wrong with that whoever sent it, and where its body
//! comes from.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, request};
use jiff::Timestamp;

use super::endpoints::{Aimed, Endpoint};
use crate::intake::Origin;
use crate::respond::{NOT_FROM_HERE, Refusal, Why};

/// Of a method, whoever invented it, so much is shown.
const LONGEST_METHOD: usize = 20;

/// The endpoint that takes a request from `address` by that method, or why it is refused whatever is in it.
pub(super) fn aim(aimed: Option<&Aimed>, address: IpAddr, method: &Method) -> Result<Arc<Endpoint>, Refusal> {
    match aimed.map(|aimed| &aimed.endpoint) {
        None => Err(Refusal::new(Why::NoSuchPath, no_such_path(method))),
        Some(endpoint) if !endpoint.gate.allows(address) => Err(Refusal::new(Why::Address, NOT_FROM_HERE)),
        Some(endpoint) if brings_events(method) => Ok(Arc::clone(endpoint)),
        Some(endpoint) if endpoint.template.is_none() => Err(Refusal::new(Why::Method, not_taken("", method))),
        Some(_) if *method != Method::GET => Err(Refusal::new(Why::MethodOfNotices, not_taken("GET, ", method))),
        Some(endpoint) => Ok(Arc::clone(endpoint)),
    }
}

/// Where a body comes from.
pub(super) struct Arrival {
    /// For the intake. The path with the query, if it came by a method that brings no events: it says which order it is
    /// about, or may do so.
    pub(super) origin: Origin,
    pub(super) address: IpAddr,
    pub(super) brings_event: bool,
}

impl Arrival {
    /// Of a request that was let through by that credential.
    pub(super) fn new(head: &request::Parts, credential: &str, address: IpAddr) -> Self {
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let brings_event = brings_events(&head.method);
        let target = head.uri.path_and_query().filter(|_| !brings_event);
        let origin = Origin {
            received: Timestamp::now(),
            path: target.map_or_else(|| head.uri.path(), |target| target.as_str()).to_owned(),
            content_type: content_type.map(str::to_owned),
            from: address.to_string(),
            credential: Some(credential.to_owned()),
            address: Some(address),
            answer: None,
        };
        Self { origin, address, brings_event }
    }
}

/// Whether events come by this method.
fn brings_events(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT)
}

fn not_taken(others: &str, method: &Method) -> String {
    format!("this endpoint takes {others}POST and PUT only, and this was {}", shown(method))
}

fn no_such_path(method: &Method) -> String {
    let what = "there is no endpoint at this path; see [[endpoints]]";
    if brings_events(method) { what.to_owned() } else { format!("{what}; this was {}", shown(method)) }
}

/// Anybody may invent one.
fn shown(method: &Method) -> &str {
    let method = method.as_str();
    method.get(..LONGEST_METHOD).unwrap_or(method)
}
