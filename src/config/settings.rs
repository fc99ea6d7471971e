//! The checked settings: what the rest of the program is built from.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Marks, Section};
use crate::auth::{self, AddressList, Gate, SharedCredential};
use crate::dispatch::{Route, Schedule};
use crate::handlers::{self, Common};
use crate::inbox;
use crate::listener::connections::tls;
use crate::listener::requests::client::Proxies;
use crate::telemetry;

/// Everything the configuration says, checked as a whole.
#[derive(Debug)]
pub struct Settings {
    /// `[server]`
    pub server: Server,
    /// `[[endpoints]]`, with their credentials.
    pub endpoints: Vec<Endpoint>,
    /// The gate for requests to paths that are no endpoint: any credential there is. What such a
    /// caller sent is kept.
    pub anywhere: Gate,
    /// `[inbox]`
    pub inbox: inbox::Settings,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[handlers]`, by name.
    pub handlers: Vec<Handler>,
    /// `admin.listen`
    pub admin: SocketAddr,
    /// `[log]`
    pub log: telemetry::Settings,
    /// What of it an operator has written.
    pub written: Written,
    /// What all of this was read from, to tell at the next reading what has changed.
    pub marks: Marks,
}

/// What an operator has written, and has to take away with intent. For the rest, something stands in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Whether there are `[[endpoints]]` besides the default one.
    pub endpoints: bool,
    /// Whether there is a handler, other than that of a development set-up.
    pub handlers: bool,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    /// Address and port for Tradecloud.
    pub listen: SocketAddr,
    /// Time for the answer to a request, without the time in which its body arrives.
    pub answer_within: Duration,
    /// How long work may go on after SIGTERM.
    pub shutdown_grace: Duration,
    /// Certificate and key; `None` for `tls = "off"`: somebody else terminates TLS.
    pub tls: Option<tls::Settings>,
    /// Proxies whose word counts for whom they pass requests on for.
    pub proxies: Proxies,
    /// `[server.limits]`
    pub limits: Limits,
}

/// `[server.limits]`
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body in bytes.
    pub body: usize,
    /// Bytes of all bodies together.
    pub bodies_in_memory: usize,
    /// Open connections.
    pub connections: usize,
    /// Time for the head of a request.
    pub header_read: Duration,
    /// Longest pause within a body.
    pub body_idle: Duration,
    /// Time for the TLS handshake.
    pub tls_handshake: Duration,
}

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

/// `[delivery]`
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The pauses between attempts.
    pub schedule: Schedule,
    /// Orders and shipments that each handler works on at once.
    pub lanes: usize,
    /// Bytes of memory that the deliveries of each handler may take, all together.
    pub bodies_in_memory: usize,
}

/// One of `[handlers]`
#[derive(Debug)]
pub struct Handler {
    /// Which events it wants, under which name, and how long an attempt may take.
    pub route: Route,
    /// What it is.
    pub settings: Box<dyn handlers::Configured>,
}

impl Settings {
    /// Checks the whole configuration. `None` if a part is missing; every problem is noted.
    pub(crate) fn read(root: Section) -> Option<Self> {
        let server = root.table("server").and_then(Server::read);
        let credentials = read_credentials(&root);
        let endpoints = read_endpoints(&root, &credentials);
        let inbox = root.table("inbox").and_then(inbox::Settings::read);
        let delivery = root.table("delivery").and_then(Delivery::read);
        let handlers = read_handlers(&root);
        let admin = root.table("admin").and_then(read_admin);
        let log = root.table("log").and_then(telemetry::Settings::read);
        if let Some(inbox) = &inbox {
            check_together(&root, inbox, &endpoints, &handlers);
        }
        root.finish();
        Some(Self {
            server: server?,
            anywhere: Gate {
                allow_from: allowed_somewhere(&endpoints),
                credentials: credentials.into_iter().collect(),
            },
            endpoints,
            inbox: inbox?,
            delivery: delivery?,
            handlers,
            admin: admin?,
            log: log?,
            written: Written::default(),
            marks: Marks::default(),
        })
    }
}

/// What there is to know about the inbox without the rest of the configuration.
#[derive(Debug)]
pub struct Kept {
    /// `[inbox]`
    pub inbox: inbox::Settings,
    /// Which events each of `[handlers]` wants.
    pub routes: Vec<Route>,
}

impl Kept {
    pub(crate) fn read(root: &Section) -> Option<Self> {
        let routes = root.tables("handlers").iter().map(Route::read).collect();
        Some(Self { inbox: root.table("inbox").and_then(inbox::Settings::read)?, routes })
    }
}

impl Server {
    fn read(section: Section) -> Option<Self> {
        let listen = address(&section, "listen");
        let answer_within = section.duration("answer_within");
        let shutdown_grace = section.duration("shutdown_grace");
        let tls = if section.is_text("tls") {
            read_tls_off(&section, listen).map(|()| None)
        } else {
            section.table("tls").and_then(tls::Settings::read).map(Some)
        };
        let proxies = Proxies::read(&section);
        let limits = section.table("limits").and_then(Limits::read);
        section.finish();
        Some(Self {
            listen: listen?,
            answer_within: answer_within?,
            shutdown_grace: shutdown_grace?,
            tls: tls?,
            proxies,
            limits: limits?,
        })
    }
}

/// `tls = "off"`: only where nobody but a neighbour can listen in.
fn read_tls_off(section: &Section, listen: Option<SocketAddr>) -> Option<()> {
    if section.text("tls")? != "off" {
        section.error("tls", "must be a table with `certificate` and `private_key`, or \"off\"");
        return None;
    }
    let listen = listen?;
    let near = match listen.ip().to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    };
    if !near {
        let what = format!(
            "is \"off\", but `listen` is {listen}, which others can reach: credentials and orders would go over the \
             network unprotected. Listen on a loopback or private address, or give a certificate"
        );
        section.error("tls", what);
        return None;
    }
    Some(())
}

impl Limits {
    fn read(section: Section) -> Option<Self> {
        /// Beyond that, SQLite takes no value and PostgreSQL neither.
        const LARGEST_BODY: usize = 512 << 20;
        let body = section.size("body").and_then(|size| usize::try_from(size).ok());
        let bodies_in_memory = section.size("bodies_in_memory").and_then(|size| usize::try_from(size).ok());
        let connections = section.count("connections", 1);
        let header_read = section.duration("header_read");
        let body_idle = section.duration("body_idle");
        let tls_handshake = section.duration("tls_handshake");
        if body.is_some_and(|body| body > LARGEST_BODY) {
            section.error("body", "must be \"512 MiB\" or less");
        }
        if let (Some(body), Some(all)) = (body, bodies_in_memory)
            && body > all
        {
            section.error(
                "bodies_in_memory",
                "is smaller than `body`: a body of the largest size would never be taken. Raise it, or lower `body`",
            );
        }
        section.finish();
        Some(Self {
            body: body?,
            bodies_in_memory: bodies_in_memory?,
            connections: connections? as usize,
            header_read: header_read?,
            body_idle: body_idle?,
            tls_handshake: tls_handshake?,
        })
    }
}

impl Delivery {
    fn read(section: Section) -> Option<Self> {
        let first_retry = section.duration("first_retry");
        let max_retry = section.duration("max_retry");
        let retry_factor = section.number("retry_factor");
        let give_up_after = section.duration("give_up_after");
        let lanes = section.count("lanes", 1);
        let bodies_in_memory = section.size("bodies_in_memory").and_then(|size| usize::try_from(size).ok());
        if retry_factor.is_some_and(|factor| !(1.0..=100.0).contains(&factor)) {
            section.error("retry_factor", "must be from 1.0 to 100.0");
        }
        section.finish();
        Some(Self {
            schedule: Schedule {
                first_retry: first_retry?,
                retry_factor: retry_factor?,
                max_retry: max_retry?,
                give_up_after: give_up_after?,
            },
            lanes: lanes? as usize,
            bodies_in_memory: bodies_in_memory?,
        })
    }
}

/// What each part alone cannot know: who waits for whom.
fn check_together(root: &Section, inbox: &inbox::Settings, endpoints: &[Endpoint], handlers: &[Handler]) {
    let paused = handlers.iter().filter(|handler| handler.route.paused).map(|handler| &handler.route.name);
    let no_handler = handlers.is_empty() && root.table("handlers").is_none_or(|handlers| handlers.is_empty());
    if inbox.store.keeps() {
        if no_handler {
            root.warning("handlers", "has no handler: events are kept in the inbox and go nowhere from there");
        }
        if endpoints.iter().any(|endpoint| endpoint.acknowledge == Acknowledge::Handled) {
            for name in paused {
                let what = "is true, but an endpoint acknowledges with \"handled\": every event for this handler is \
                            answered 504 and comes again until it is not paused any more";
                root.warning(&format!("handlers.{name}.paused"), what);
            }
        }
        return;
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        if endpoint.acknowledge == Acknowledge::Stored {
            let what =
                "is \"stored\", but inbox.store is \"none\": there is nothing to store in. Set it to \"handled\"";
            root.error(&format!("endpoints[{index}].acknowledge"), what);
        }
    }
    for name in paused {
        let what = "is true, but inbox.store is \"none\": there is nowhere for its events to wait";
        root.error(&format!("handlers.{name}.paused"), what);
    }
    if no_handler {
        root.error("handlers", "has no handler, and inbox.store is \"none\": every event would be gone");
    }
}

fn read_credentials(root: &Section) -> BTreeMap<String, SharedCredential> {
    let mut credentials = BTreeMap::new();
    for section in root.tables("auth") {
        let Some(read) = required_choice(&section, "type", auth::KINDS) else { continue };
        let credential = read(&section);
        let name = section.name().to_owned();
        section.finish();
        if let Some(credential) = credential {
            credentials.insert(name, credential);
        }
    }
    credentials
}

/// The addresses that events are taken from at one endpoint or another.
fn allowed_somewhere(endpoints: &[Endpoint]) -> Option<AddressList> {
    let mut lists = endpoints.iter().map(|endpoint| endpoint.gate.allow_from.as_ref());
    let first = lists.next()??.clone();
    lists.try_fold(first, |all, list| Some(all.and(list?)))
}

fn read_endpoints(root: &Section, credentials: &BTreeMap<String, SharedCredential>) -> Vec<Endpoint> {
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
        let gate = read_gate(&section, root, credentials);
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

fn read_gate(section: &Section, root: &Section, credentials: &BTreeMap<String, SharedCredential>) -> Gate {
    let named = section.texts("auth");
    let mut chosen = Vec::new();
    for name in named.as_deref().unwrap_or_default() {
        match credentials.get(name) {
            Some(credential) => chosen.push((name.clone(), credential.clone())),
            // A credential that is there but not valid has been reported where it stands.
            None if root.table("auth").is_some_and(|auth| auth.has(name)) => {}
            None => section.error("auth", format!("names \"{name}\", but there is no `[auth.{name}]`")),
        }
    }
    if named.is_none() {
        chosen = credentials.iter().map(|(name, credential)| (name.clone(), credential.clone())).collect();
    }
    let none_configured = root.table("auth").is_none_or(|auth| auth.is_empty());
    if named.is_some_and(|names| names.is_empty()) || none_configured {
        section.error("auth", "has no credentials: nobody could call. Add `[auth.portal]` (see config/default.toml)");
    }
    let allow_from = section.texts("allow_from").and_then(|entries| match AddressList::read(&entries) {
        Ok(list) => Some(list),
        Err(wrong) => {
            for entry in wrong {
                section.error(
                    "allow_from",
                    format!(
                        "has \"{entry}\", which is neither a network such as \"10.0.0.0/8\" nor \
                         \"tradecloud-production\" or \"tradecloud-acceptance\""
                    ),
                );
            }
            None
        }
    });
    Gate { credentials: chosen, allow_from }
}

fn read_handlers(root: &Section) -> Vec<Handler> {
    let mut handlers = Vec::new();
    for section in root.tables("handlers") {
        let read = required_choice(&section, "type", handlers::TYPES);
        let route = Route::read(&section);
        // Without a type nobody knows which keys belong here.
        let Some(read) = read else { continue };
        let settings = read(&section, &Common { timeout: route.timeout });
        section.finish();
        if let Some(settings) = settings {
            handlers.push(Handler { route, settings });
        }
    }
    handlers
}

fn read_admin(section: Section) -> Option<SocketAddr> {
    let listen = address(&section, "listen");
    section.finish();
    listen
}

fn required_choice<T: Copy>(section: &Section, key: &str, choices: &[(&str, T)]) -> Option<T> {
    if !section.has(key) {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        section.error(key, format!("is missing. One of {}", names.join(", ")));
        return None;
    }
    section.choice(key, choices)
}

/// An address with its port.
fn address(section: &Section, key: &str) -> Option<SocketAddr> {
    let text = section.text(key)?;
    let address = text.parse().ok();
    if address.is_none() {
        section.error(key, "must be an IP address with a port, such as \"0.0.0.0:8443\" or \"[::1]:8443\"");
    }
    address
}
