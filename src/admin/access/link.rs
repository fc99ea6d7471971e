//! The link that `inspect` prints.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::key::KeyFile;
use super::{Role, ticket};
use crate::admin::settings::Settings;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error("the key of the inspector, {path}, cannot be used: {error}")]
pub(crate) struct NotPrinted {
    path: String,
    error: io::Error,
}

/// A link that lets in as `name` once, for a minute, to a receiver that has these settings and its key in `folder`.
pub(crate) fn link(settings: &Settings, folder: PathBuf, name: &str, role: Role) -> Result<String, NotPrinted> {
    let key = KeyFile::new(folder);
    let ticket =
        ticket::make(&key, name, role).map_err(|error| NotPrinted { path: key.path().display().to_string(), error })?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{}/enter?ticket={ticket}", place(settings)))
}

/// Whether somebody has ever got in, or was given a link: the key in `folder` is made for that.
pub(crate) fn was_opened(folder: &Path) -> bool {
    KeyFile::new(folder.to_owned()).path().exists()
}

/// Where it is found: with TLS by a name, as no certificate is for the loopback address.
fn place(settings: &Settings) -> String {
    let (listen, name) = (settings.listen, settings.rules.hosts.first());
    match name.filter(|_| settings.tls.is_some()) {
        Some(name) => format!("{name}:{}", listen.port()),
        None => SocketAddr::new(reachable(listen.ip()), listen.port()).to_string(),
    }
}

/// Whoever listens at every address is found at that of the machine itself.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}
