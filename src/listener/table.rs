//! Who may send what where: what a reload exchanges as a whole.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::client::Proxies;
use super::lingering::MOST_OF_STRANGERS;
use crate::auth::{AddressList, Gate};
use crate::config::settings::Endpoint;

/// The endpoints by their paths. A request looks into it once, and is worked on as it said then.
pub(crate) struct Table {
    endpoints: HashMap<String, Arc<Endpoint>>,
    anywhere: Gate,
    nowhere: Gate,
    tradecloud: AddressList,
    /// Who passes requests on, and which of their words counts.
    pub(crate) proxies: Proxies,
}

impl Table {
    /// These endpoints, and the gate for requests to other paths.
    pub(crate) fn new(endpoints: Vec<Endpoint>, anywhere: Gate, proxies: Proxies) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.path.clone(), Arc::new(endpoint)));
        let nowhere = Gate { credentials: Vec::new(), allow_from: None };
        Self { endpoints: endpoints.collect(), anywhere, nowhere, tradecloud: AddressList::tradecloud(), proxies }
    }

    /// The endpoint at that path.
    pub(crate) fn endpoint(&self, path: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.get(path).cloned()
    }

    /// The gates of a request to that endpoint, or to a path that is none: one with the credentials that are good for
    /// something from `address`, and one with those that are not. Of the latter nobody there may learn whether they are
    /// right.
    pub(crate) fn gates<'t>(
        &'t self,
        endpoint: Option<&'t Endpoint>,
        address: IpAddr,
    ) -> (Cow<'t, Gate>, Cow<'t, Gate>) {
        let all = Cow::Borrowed(endpoint.map_or(&self.anywhere, |endpoint| &endpoint.gate));
        let none = Cow::Borrowed(&self.nowhere);
        if !self.is_secretive(endpoint, address) {
            return (all, none);
        }
        if endpoint.is_some() {
            return (none, all);
        }
        let allowing = || self.endpoints.values().filter(|endpoint| endpoint.gate.allows(address));
        let (open, shut) = self.anywhere.credentials.iter().cloned().partition(|(name, _)| {
            allowing().any(|endpoint| endpoint.gate.credentials.iter().any(|(other, _)| other == name))
        });
        let gate = |credentials| Cow::Owned(Gate { credentials, allow_from: None });
        (gate(open), gate(shut))
    }

    /// How much of a body is taken in if nobody wants it: of those that may be an event, as much as an event may have.
    pub(crate) fn patience(
        &self,
        endpoint: Option<&Endpoint>,
        address: IpAddr,
        headers: &HeaderMap,
        largest: usize,
    ) -> usize {
        // Where nobody is told whether his credentials are right, he must not see it by how much of his body is taken.
        let is_untold = self.is_untold(endpoint, address, headers);
        // Events are expected from `allow_from`, or where there is none, from Tradecloud's own addresses.
        let expects = |gate: &Gate| gate.allow_from.as_ref().unwrap_or(&self.tradecloud).contains(address);
        let most = if is_untold || self.any(endpoint, expects) { largest } else { 0 };
        most.max(MOST_OF_STRANGERS)
    }

    /// Whether the caller shows credentials of which it may not learn if they are right.
    pub(crate) fn is_untold(&self, endpoint: Option<&Endpoint>, address: IpAddr, headers: &HeaderMap) -> bool {
        headers.contains_key(AUTHORIZATION) && self.is_secretive(endpoint, address)
    }

    /// Whether there are credentials, there or anywhere, of which nobody at `address` may learn if they are right.
    fn is_secretive(&self, endpoint: Option<&Endpoint>, address: IpAddr) -> bool {
        self.any(endpoint, |gate| !gate.allows(address))
    }

    fn any(&self, endpoint: Option<&Endpoint>, holds: impl Fn(&Gate) -> bool) -> bool {
        match endpoint {
            Some(endpoint) => holds(&endpoint.gate),
            None => self.endpoints.values().any(|endpoint| holds(&endpoint.gate)),
        }
    }
}
