//! `[[endpoints]]`: who may send what where. A reload exchanges all of it at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::client::Proxies;
use super::lingering::MOST_OF_STRANGERS;
use crate::auth::{AddressList, Credentials, Gate, SharedCredential};
use crate::config::Section;

/// One of `[[endpoints]]`
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its path.
    pub path: String,
    /// Who may use it.
    pub gate: Gate,
    /// When an event counts as taken.
    pub acknowledge: Acknowledge,
    /// How long after the last good credentials wrong ones are answered with a delay; `None` for never.
    pub auth_grace: Option<Duration>,
}

/// When an event counts as taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledge {
    /// Once it is durable.
    Stored,
    /// Once every handler that wants it is done.
    Handled,
}

/// Reads and checks `[[endpoints]]`; the credentials are those of the same configuration.
pub(crate) fn read(root: &Section, credentials: &Credentials) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let sections = root.list_of_tables("endpoints");
    if sections.is_empty() {
        root.error("endpoints", "has no endpoint: nothing could be received. Add `[[endpoints]]` with a `path`");
    }
    for section in sections {
        let path = section.required_text("path", "\"/webhooks/tradecloud\"");
        let acknowledge = section
            .choice("acknowledge", &[("stored", Acknowledge::Stored), ("handled", Acknowledge::Handled)])
            .unwrap_or(Acknowledge::Stored);
        let gate = Gate::read(&section, root, credentials);
        let auth_grace = section.duration("auth_grace");
        if let Some(path) = path {
            let fits = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}?#".contains(&byte));
            if !path.starts_with('/') || !fits {
                section.error(
                    "path",
                    "must start with `/` and hold no `{`, `}`, `?`, `#`, space or letter beyond ASCII (write %20 and \
                     the like for those)",
                );
            } else if endpoints.iter().any(|other| other.path == path) {
                section.error("path", format!("is the path of two endpoints: {path}"));
            } else {
                endpoints.push(Endpoint { path, gate, acknowledge, auth_grace });
            }
        }
        section.finish();
    }
    endpoints
}

/// The one in use. Whoever holds it sees each exchange.
pub(crate) type SharedTable = Arc<ArcSwap<Table>>;

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

    /// Every credential of the configuration.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &SharedCredential> {
        self.anywhere.credentials.iter().map(|(_, credential)| credential)
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
