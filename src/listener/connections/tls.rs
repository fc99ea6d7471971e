//! TLS 1.2 and 1.3: certificate and key from files, with the chain as given, or by ACME.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, version};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::acme;
use super::certificate_slot::{CHALLENGE, HTTP, Slot};
use super::chain::{self, Chain};
use crate::config::Section;
use crate::listener::development;
use crate::pem;

/// Where the files are unless the configuration says otherwise.
const CERTIFICATE: &str = "certs/fullchain.pem";
const PRIVATE_KEY: &str = "certs/privkey.pem";

/// A certificate is reported from this many days before its end on.
const EXPIRES_SOON_DAYS: i64 = 21;

/// `[server.tls]`: what the handshake is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For rustls, complete.
    pub config: Arc<ServerConfig>,
    /// When the certificate ends; `None` if a CA is still to give one.
    pub expires: Option<Timestamp>,
    /// What the certificate and its chain say, and how Tradecloud will judge them.
    pub(crate) chain: Option<Chain>,
    /// The certificate in `config`, to be exchanged.
    pub(crate) slot: Arc<Slot>,
    /// If a CA gives the certificate.
    pub(crate) acme: Option<acme::Settings>,
}

impl Settings {
    /// Reads certificate and key and checks that they fit together, or how to get them; `listen` is where they are used.
    pub(crate) fn read(section: Section, listen: Option<SocketAddr>) -> Option<Self> {
        let settings = if section.has("acme") { read_acme(&section) } else { read_files(&section, Some(listen)) };
        section.finish();
        settings
    }
}

/// The same for an address that only people come to: from files, over HTTP/1.1, and whatever Tradecloud would think of
/// it.
pub(crate) fn read_for_people(section: Section) -> Option<Arc<ServerConfig>> {
    if section.table("acme").is_some() {
        section.error("acme", "is not to be had here. Name the files with `certificate` and `private_key`");
    }
    let settings = read_files(&section, None);
    section.ignore("acme");
    section.finish();
    let mut config = ServerConfig::clone(&settings?.config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

impl Settings {
    /// When the certificate expired, if it did.
    pub(crate) fn expired(&self) -> Option<Timestamp> {
        self.expires.filter(|expires| *expires < Timestamp::now())
    }
}

/// When this certificate ends.
pub(crate) fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(chain::time(certificate.validity().not_after.timestamp()))
}

/// Whole days that are left.
pub(crate) fn days_until(expires: Timestamp) -> i64 {
    expires.duration_since(Timestamp::now()).as_hours().max(0) / 24
}

fn read_acme(section: &Section) -> Option<Settings> {
    let acme = section.table("acme").and_then(acme::Settings::read);
    for key in ["certificate", "private_key"] {
        if section.text(key).is_some() {
            section.error(key, "is given, and so is `acme`, which gets a certificate by itself. Remove one of both");
        }
    }
    if section.has_secret("private_key_password") {
        section.error("private_key_password", "is given, but `acme` makes a key by itself. Remove it");
    }
    let acme = acme?;
    let slot = acme.kept.as_ref().map_or_else(Slot::default, |kept| Slot::with(Arc::clone(&kept.key)));
    let seen = acme.kept.as_ref().and_then(|kept| Chain::read(&kept.key.cert));
    for remark in seen.iter().flat_map(Chain::remarks) {
        section.warning("acme", format!("has a certificate that {remark}"));
    }
    settings(slot, seen, Some(acme)).map_err(|error| section.error("acme", error.to_string())).ok()
}

/// `listen` is where Tradecloud is to find it, if it is.
#[expect(clippy::option_option, reason = "Tradecloud may come to an address that is not known, or to none")]
fn read_files(section: &Section, listen: Option<Option<SocketAddr>>) -> Option<Settings> {
    let certificate = section.or("certificate", Section::file, CERTIFICATE.into());
    let private_key = section.or("private_key", Section::file, PRIVATE_KEY.into());
    let chain = certificate.as_deref().and_then(|path| section.certificates("certificate", path));
    let key = private_key.as_deref().and_then(|path| section.private_key("private_key", path));
    let seen = chain.as_deref().and_then(Chain::read);
    // That one is for this machine, and is good for whoever is on it.
    let is_development = certificate.as_deref() == Some(Path::new(development::CERTIFICATE));
    match (&seen, listen) {
        (Some(seen), Some(listen)) => {
            let stays_here = listen.is_none_or(|listen| listen.ip().is_loopback());
            if !(is_development && stays_here) {
                warn(section, seen);
            }
        }
        (Some(seen), None) if seen.ends < Timestamp::now() => {
            section.warning("certificate", format!("expired on {}: no browser takes it. Renew it", seen.ends));
        }
        _ => {}
    }
    let (chain, key) = chain.zip(key)?;
    let pair = pem::pair(chain, &key);
    let slot = pair.map(|pair| Slot::with(Arc::new(pair))).map_err(|what| section.error("private_key", what)).ok()?;
    settings(slot, seen, None).map_err(|error| section.error("certificate", error.to_string())).ok()
}

fn settings(slot: Slot, chain: Option<Chain>, acme: Option<acme::Settings>) -> Result<Settings, rustls::Error> {
    let slot = Arc::new(slot);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&slot) as _);
    config.alpn_protocols = HTTP.map(<[u8]>::to_vec).to_vec();
    if acme.is_some() {
        config.alpn_protocols.push(CHALLENGE.to_vec());
    }
    // The server's order is the better one; a client that lists weak suites first does not decide.
    config.ignore_client_order = true;
    let expires = chain.as_ref().map(|chain| chain.ends);
    Ok(Settings { config: Arc::new(config), expires, chain, slot, acme })
}

/// Warns of what Tradecloud or others would refuse.
///
/// These are warnings: a receiver that refuses to start delivers nothing of what it already has.
fn warn(section: &Section, chain: &Chain) {
    let now = Timestamp::now();
    let (begins, ends, days) = (chain.begins, chain.ends, days_until(chain.ends));
    if ends < now {
        section.warning("certificate", format!("expired on {ends}: Tradecloud refuses it. Renew it"));
    } else if days < EXPIRES_SOON_DAYS {
        section.warning("certificate", format!("expires in {days} days, on {ends}. Renew it"));
    }
    if begins > now {
        section.warning("certificate", format!("is valid from {begins} on only (or this machine's clock is wrong)"));
    }
    for remark in chain.remarks() {
        section.warning("certificate", remark);
    }
}
