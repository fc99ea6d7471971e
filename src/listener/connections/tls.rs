//! TLS 1.2 and 1.3: certificate and key from files, with the chain as given, or by ACME.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::acme;
use super::certificate_slot::{CHALLENGE, HTTP, Slot};
use crate::config::{Section, development};

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
    /// The certificate in `config`, to be exchanged.
    pub(crate) slot: Arc<Slot>,
    /// If a CA gives the certificate.
    pub(crate) acme: Option<acme::Settings>,
}

impl Settings {
    /// Reads certificate and key and checks that they fit together, or how to get them.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let settings = if section.has("acme") { read_acme(&section) } else { read_files(&section) };
        section.finish();
        settings
    }
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
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
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
    let acme = acme?;
    let slot = acme.kept.as_ref().map_or_else(Slot::default, |kept| Slot::with(Arc::clone(&kept.key)));
    let expires = acme.kept.as_ref().map(|kept| kept.expires);
    settings(slot, expires, Some(acme)).map_err(|error| section.error("acme", error.to_string())).ok()
}

fn read_files(section: &Section) -> Option<Settings> {
    let certificate = file(section, "certificate", CERTIFICATE);
    let private_key = file(section, "private_key", PRIVATE_KEY);
    let chain = certificate.as_deref().and_then(|path| read_chain(section, path));
    let key = private_key.as_deref().and_then(|path| read_key(section, path));
    let is_development = certificate.as_deref() == Some(Path::new(development::CERTIFICATE));
    let expires = chain.as_ref().and_then(|chain| inspect(section, chain, is_development));
    let (chain, key) = chain.zip(key)?;
    let settings = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .and_then(|key| settings(Slot::with(Arc::new(key)), expires, None));
    settings.map_err(|error| section.error("private_key", mismatch(&error))).ok()
}

/// The path at `key`, or where it is otherwise.
fn file(section: &Section, key: &str, default: &str) -> Option<PathBuf> {
    let path = section.file(key);
    let path = if section.has(key) { path? } else { default.into() };
    section.depends_on(key, &path);
    Some(path)
}

fn settings(slot: Slot, expires: Option<Timestamp>, acme: Option<acme::Settings>) -> Result<Settings, rustls::Error> {
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
    Ok(Settings { config: Arc::new(config), expires, slot, acme })
}

fn mismatch(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "does not belong to the certificate: it is the key of another one. Use the pair that was issued together"
                .to_owned()
        }
        other => format!("cannot be used with the certificate: {other}"),
    }
}

fn read_chain(section: &Section, path: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let chain = match CertificateDer::pem_file_iter(path) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) => Err(error),
    };
    match chain {
        Ok(chain) if chain.is_empty() => {
            section.error("certificate", format!("{} holds no certificate in PEM form", path.display()));
            None
        }
        Ok(chain) => Some(chain),
        Err(error) => {
            section.error("certificate", format!("{} cannot be read: {error}", path.display()));
            None
        }
    }
}

fn read_key(section: &Section, path: &Path) -> Option<PrivateKeyDer<'static>> {
    let what = match PrivateKeyDer::from_pem_file(path) {
        Ok(key) => {
            section.warn_if_open_to_all("private_key", path);
            return Some(key);
        }
        Err(pem::Error::NoItemsFound) => "holds no private key in PEM form".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    section.error("private_key", format!("{} {what}", path.display()));
    None
}

/// Warns of what Tradecloud would refuse; returns when the certificate ends.
///
/// These are warnings: a receiver that refuses to start delivers nothing of what it already has.
fn inspect(section: &Section, chain: &[CertificateDer<'_>], is_development: bool) -> Option<Timestamp> {
    let mut certificates = Vec::new();
    for der in chain {
        match X509Certificate::from_der(der) {
            Ok((_, certificate)) => certificates.push(certificate),
            Err(error) => {
                section.error("certificate", format!("holds a certificate that cannot be read: {error}"));
                return None;
            }
        }
    }
    let own = certificates.first()?;
    let begins = Timestamp::from_second(own.validity().not_before.timestamp()).ok()?;
    let expires = Timestamp::from_second(own.validity().not_after.timestamp()).ok()?;
    if is_development {
        return Some(expires);
    }
    let now = Timestamp::now();
    let days = days_until(expires);
    if expires < now {
        section.warning("certificate", format!("expired on {expires}: Tradecloud refuses it. Renew it"));
    } else if days < EXPIRES_SOON_DAYS {
        section.warning("certificate", format!("expires in {days} days, on {expires}. Renew it"));
    }
    if begins > now {
        section.warning("certificate", format!("is valid from {begins} on only (or this machine's clock is wrong)"));
    }
    if own.subject() == own.issuer() {
        section.warning("certificate", "is self-signed: Tradecloud refuses it. Get one from a recognised CA");
    } else if certificates.len() == 1 {
        section.warning(
            "certificate",
            "comes without its chain: Tradecloud refuses it if the CA uses intermediate certificates. \
             Give the full chain (often fullchain.pem)",
        );
    }
    if certificates.windows(2).any(|pair| pair[0].issuer() != pair[1].subject()) {
        section.warning(
            "certificate",
            "has its chain in the wrong order: each certificate must be followed by its issuer's",
        );
    }
    Some(expires)
}
