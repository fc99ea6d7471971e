//! `[[endpoints]]`: who may send what where. A reload exchanges all of it at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};

use super::client::Proxies;
use super::lingering::MOST_OF_STRANGERS;
use super::template::Template;
use crate::auth::{AddressList, Credentials, Gate, SharedCredential};
use crate::config::Section;

/// One of `[[endpoints]]`
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its path, as it is written in the configuration.
    pub path: String,
    /// The placeholder in it, if it has one: then a GET says that something is to be fetched.
    pub template: Option<Template>,
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
        let fitting = path.and_then(|path| {
            let template = template_of(&path, &endpoints).map_err(|what| section.error("path", what)).ok()?;
            Some((path, template))
        });
        if let Some((path, template)) = fitting {
            endpoints.push(Endpoint { path, template, gate, acknowledge, auth_grace });
        }
        section.finish();
    }
    endpoints
}

/// The placeholder in a path, if there is one; or what is wrong with a path beside these others.
fn template_of(path: &str, others: &[Endpoint]) -> Result<Option<Template>, String> {
    let template = Template::read(path)?;
    let may_hold: &[u8] = if template.is_some() { b"#" } else { b"{}?#" };
    let fits = path.bytes().all(|byte| byte.is_ascii_graphic() && !may_hold.contains(&byte));
    if !path.starts_with('/') || !fits {
        let none = if template.is_some() { "`#`" } else { "`{`, `}`, `?`, `#`" };
        return Err(format!(
            "must start with `/` and hold no {none}, space or letter beyond ASCII (write %20 and the like for those)"
        ));
    }
    let is_same = |other: &&Endpoint| match (&template, &other.template) {
        (None, None) => other.path == path,
        (Some(one), Some(other)) => one.is_same(other),
        (None, Some(_)) | (Some(_), None) => false,
    };
    match others.iter().find(is_same) {
        None => Ok(template),
        Some(other) if other.path == path => Err(format!("is the path of two endpoints: {path}")),
        Some(other) => Err(format!("stands for the same calls as that of another endpoint, {}: {path}", other.path)),
    }
}

/// The one in use. Whoever holds it sees each exchange.
pub(crate) type SharedTable = Arc<ArcSwap<Table>>;

/// The endpoint that a request is for.
pub(crate) struct Aimed {
    pub(crate) endpoint: Arc<Endpoint>,
    /// Of an endpoint with a placeholder: the id as it is written in the request, unless there is no place for it.
    pub(crate) written: Option<String>,
    /// The request names several things, and not one.
    pub(crate) names_several: bool,
}

/// The endpoints by their paths. A request looks into it once, and is worked on as it said then.
pub(crate) struct Table {
    exact: HashMap<String, Arc<Endpoint>>,
    /// Those with a placeholder, in the order in which they are looked through.
    templates: Vec<(Template, Arc<Endpoint>)>,
    anywhere: Gate,
    nowhere: Gate,
    tradecloud: AddressList,
    /// Who passes requests on, and which of their words counts.
    pub(crate) proxies: Proxies,
}

impl Table {
    /// These endpoints, and the gate for requests to other paths.
    pub(crate) fn new(endpoints: Vec<Endpoint>, anywhere: Gate, proxies: Proxies) -> Self {
        let (mut exact, mut templates) = (HashMap::new(), Vec::new());
        for endpoint in endpoints.into_iter().map(Arc::new) {
            match endpoint.template.clone() {
                None => drop(exact.insert(endpoint.path.clone(), endpoint)),
                Some(template) => templates.push((template, endpoint)),
            }
        }
        templates.sort_by_key(|(template, _)| template.rank());
        let nowhere = Gate { credentials: Vec::new(), allow_from: None };
        Self { exact, templates, anywhere, nowhere, tradecloud: AddressList::tradecloud(), proxies }
    }

    /// The endpoint of requests to that target: one whose placeholder is a parameter that is there, else the one of
    /// just that path, else one whose path has a placeholder; of those, the one with the longest text before it. At the
    /// path of a placeholder in the query a request without the parameter is still for that endpoint, if it is the only
    /// one: it may bring an event.
    pub(crate) fn endpoint(&self, target: &Uri) -> Option<Aimed> {
        let (path, query) = (target.path(), target.query());
        let in_place = |in_query: bool| {
            let mut templates = self.templates.iter().filter(move |(template, _)| template.is_in_query() == in_query);
            templates.find_map(|(template, endpoint)| {
                let written = Some(template.id_in(path, query)?.to_owned());
                let names_several = template.is_ambiguous(query);
                Some(Aimed { endpoint: Arc::clone(endpoint), written, names_several })
            })
        };
        let bare =
            |endpoint: &Arc<Endpoint>| Aimed { endpoint: Arc::clone(endpoint), written: None, names_several: false };
        let exact = || self.exact.get(path).map(bare);
        let without_parameter = || {
            let mut at = self.templates.iter().filter(|(template, _)| template.is_in_query() && template.is_at(path));
            let (_, endpoint) = at.next().filter(|_| at.next().is_none())?;
            Some(bare(endpoint))
        };
        in_place(true).or_else(exact).or_else(|| in_place(false)).or_else(without_parameter)
    }

    fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.exact.values().chain(self.templates.iter().map(|(_, endpoint)| endpoint))
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
        let allowing = || self.endpoints().filter(|endpoint| endpoint.gate.allows(address));
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
            None => self.endpoints().any(|endpoint| holds(&endpoint.gate)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path of the endpoint that a request to that target is for, and the id in it.
    fn aimed(paths: &[&str], target: &str) -> Option<(String, Option<String>)> {
        let gate = Gate { credentials: Vec::new(), allow_from: None };
        let mut endpoints = Vec::new();
        for path in paths {
            let template = template_of(path, &endpoints).unwrap();
            let (acknowledge, gate) = (Acknowledge::Stored, gate.clone());
            endpoints.push(Endpoint { path: (*path).to_owned(), template, gate, acknowledge, auth_grace: None });
        }
        let aimed = Table::new(endpoints, gate, Proxies::default()).endpoint(&target.parse().unwrap())?;
        Some((aimed.endpoint.path.clone(), aimed.written))
    }

    #[test]
    fn of_several_endpoints_the_one_that_says_most_is_meant() {
        let paths = [
            "/w/{orderId}",
            "/w/order/{orderId}",
            "/w/order/{legacyOrderId}/old",
            "/w/order/all",
            "/q",
            "/q?o={orderId}",
            "/q?s={shipmentId}",
            "/q?kind=old&o={legacyOrderId}",
            "/r?o={orderId}",
        ];
        for (target, path, id) in [
            ("/w/1", "/w/{orderId}", Some("1")),
            ("/w/order", "/w/{orderId}", Some("order")),
            ("/w/order/1", "/w/order/{orderId}", Some("1")),
            ("/w/order/1/old", "/w/order/{legacyOrderId}/old", Some("1")),
            ("/w/order/all", "/w/order/all", None),
            ("/w/order/all?o=1", "/w/order/all", None),
            ("/q", "/q", None),
            ("/q?x=1", "/q", None),
            ("/q?o=1", "/q?o={orderId}", Some("1")),
            ("/q?s=1", "/q?s={shipmentId}", Some("1")),
            ("/q?o=1&kind=old", "/q?kind=old&o={legacyOrderId}", Some("1")),
            ("/r?o=", "/r?o={orderId}", Some("")),
            ("/r", "/r?o={orderId}", None),
            ("/r?p=1", "/r?o={orderId}", None),
        ] {
            let expected = Some((path.to_owned(), id.map(str::to_owned)));
            assert_eq!(aimed(&paths, target), expected, "{target}");
            let turned: Vec<_> = paths.into_iter().rev().collect();
            assert_eq!(aimed(&turned, target), expected, "{target}, whatever their order");
        }
        assert_eq!(aimed(&paths, "/else"), None);
        assert_eq!(aimed(&["/q?o={orderId}", "/q?s={shipmentId}"], "/q"), None, "whose it would be nobody knows");
    }

    #[test]
    fn what_is_wrong_with_a_path_is_told() {
        for (path, what) in [
            ("webhooks/{orderId}", "must start with `/` and hold no `#`, space"),
            ("/w/{orderId}#1", "must start with `/` and hold no `#`, space"),
            ("/ü/{orderId}", "must start with `/` and hold no `#`, space"),
            ("/w?x=1", "must start with `/` and hold no `{`, `}`, `?`, `#`, space"),
        ] {
            let told = template_of(path, &[]).unwrap_err();
            assert!(told.starts_with(what), "{path}: {told}");
        }
    }
}
