//! `[admin]`: where people look, and who may.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use rustls::ServerConfig;

use super::access::{Role, is_name};
use crate::auth::{AddressList, Password};
use crate::config::Section;
use crate::listener::connections::tls;
use crate::listener::requests::client::read_trusted;

/// Roles by their names in the configuration.
const ROLES: &[(&str, Role)] = &[("viewer", Role::Viewer), ("operator", Role::Operator)];

/// `[admin]`
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// What handshakes are made with; `None` for plain HTTP.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Who may look.
    pub(crate) rules: Rules,
}

/// Who may look, which can be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Those who have a password here, by name.
    pub(super) users: Arc<BTreeMap<String, User>>,
    /// Names by which the address may be called, in small letters.
    pub(crate) hosts: Vec<String>,
    /// Whose word counts for who it is.
    pub(super) proxies: AddressList,
    /// The header in which they say it,
    pub(super) user_header: Option<HeaderName>,
    /// and the one in which they say what he may.
    pub(super) role_header: Option<HeaderName>,
    /// How long somebody stays signed in.
    pub(super) session: Duration,
}

/// Somebody who has a password here.
#[derive(Debug)]
pub(super) struct User {
    pub(super) password: Password,
    pub(super) role: Role,
}

impl Settings {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let listen = section.address("listen");
        let tls = if section.is_text("tls") {
            section.choice("tls", &[("off", ())]).map(|()| None)
        } else {
            section.or("tls", |section, key| tls::read_for_people(section.table(key)?).map(Some), None)
        };
        let users = read_users(&section);
        let hosts = read_hosts(&section);
        let session = section.duration("session");
        let (entries, proxies) = read_trusted(&section);
        let [user_header, role_header] = ["trusted_user_header", "trusted_role_header"].map(|key| {
            let header = section.text(key).map(|text| text.parse::<HeaderName>());
            match header {
                Some(Err(_)) => section.error(key, "is no name of a header, such as \"X-Forwarded-User\""),
                Some(Ok(_)) if entries.is_empty() => {
                    section.warning(key, "has no effect: `trusted_proxies` names nobody whose word counts");
                }
                _ => {}
            }
            header.and_then(Result::ok)
        });
        if role_header.is_some() && user_header.is_none() {
            section.warning("trusted_role_header", "has no effect without `trusted_user_header`");
        }
        if let (Some(listen), Some(None)) = (listen, &tls)
            && !listen.ip().is_loopback()
            && entries.is_empty()
        {
            let what = format!(
                "is {listen}, which others can reach, without `[admin.tls]` or `trusted_proxies`: only /livez and /readyz \
                 are served there. Add one of them, or listen on 127.0.0.1"
            );
            section.warning("listen", what);
        }
        section.finish();
        let rules = Rules { users: Arc::new(users), hosts, proxies, user_header, role_header, session: session? };
        Some(Self { listen: listen?, tls: tls?, rules })
    }

    /// Whether anybody may look at all.
    pub(crate) fn serves_people(&self) -> bool {
        let has_proxies = self.rules.proxies != AddressList::default();
        self.tls.is_some() || has_proxies || self.listen.ip().to_canonical().is_loopback()
    }

    /// Whether the inbox may be looked at from that address: passwords and orders go over no network in the clear. Behind
    /// proxies it is they who see to that, and nobody passes them by.
    pub(super) fn may_look(&self, rules: &Rules, peer: IpAddr) -> bool {
        let (peer, has_proxies) = (peer.to_canonical(), rules.proxies != AddressList::default());
        self.tls.is_some()
            || rules.proxies.contains(peer)
            || peer.is_loopback() && (has_proxies || self.listen.ip().to_canonical().is_loopback())
    }
}

fn read_users(section: &Section) -> BTreeMap<String, User> {
    let Some(table) = section.or("users", |section, key| section.table(key).map(Some), None).flatten() else {
        return BTreeMap::new();
    };
    let mut users = BTreeMap::new();
    for name in table.keys() {
        let Some(user) = table.table(&name) else { continue };
        if !is_name(&name) || name.contains(':') {
            user.error("", "is no name of a user: up to 100 characters, no colon and no control characters");
        }
        let password = Password::read(&user);
        let role = user.or("role", |user, key| user.choice(key, ROLES), Role::Viewer);
        user.finish();
        if let (Some(password), Some(role)) = (password, role) {
            users.insert(name, User { password, role });
        }
    }
    users
}

fn read_hosts(section: &Section) -> Vec<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let hosts = section.texts("hosts").unwrap_or_default();
    for host in hosts.iter().filter(|host| host.is_empty() || !host.bytes().all(fits)) {
        let what =
            format!("has \"{host}\", which is no name of a host such as \"inbox.example.com\", without port and path");
        section.error("hosts", what);
    }
    hosts.iter().map(|host| host.to_ascii_lowercase()).collect()
}
