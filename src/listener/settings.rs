//! `[server]`: where to listen, and within which limits.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::connections::tls;
use super::requests::client::Proxies;
use crate::config::Section;

/// The port that need not be written.
const HTTPS: u16 = 443;

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

impl Server {
    /// What stands before the path in a URL for Tradecloud, as far as that is known here.
    pub(crate) fn origin(&self) -> String {
        let Some(tls) = &self.tls else { return "https://<the name of what ends TLS>".to_owned() };
        let mut names = tls.chain.as_ref().map(|chain| chain.names.clone()).unwrap_or_default();
        if let Some(acme) = &tls.acme {
            names.clone_from(&acme.domains);
        }
        format!("https://{}{}", host(&names), port(self.listen.port()))
    }

    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let listen = section.address("listen");
        let answer_within = section.duration("answer_within");
        let shutdown_grace = section.duration("shutdown_grace");
        let tls = if section.is_text("tls") {
            read_tls_off(&section, listen).map(|()| None)
        } else {
            section.table("tls").and_then(|table| tls::Settings::read(table, listen)).map(Some)
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

/// What stands in the URL: a name of the certificate, which has no asterisk in it.
fn host(names: &[String]) -> String {
    let plain = names.iter().find(|name| !name.starts_with("*."));
    match plain.or_else(|| names.first()) {
        Some(name) if name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()) => format!("[{name}]"),
        Some(name) => name.replacen('*', "<name>", 1),
        None => "<the receiver's name>".to_owned(),
    }
}

fn port(port: u16) -> String {
    if port == HTTPS { String::new() } else { format!(":{port}") }
}
