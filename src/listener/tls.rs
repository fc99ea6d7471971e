//! Certificate and key: TLS 1.2 and 1.3, with the chain as given.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, version};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::settings::required_file;
use crate::config::{Section, development};

/// A certificate is reported from this many days before its end on.
const EXPIRES_SOON_DAYS: i64 = 21;

/// `[server.tls]`: what the handshake is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For rustls, complete.
    pub config: Arc<ServerConfig>,
    /// When the certificate ends.
    pub expires: Option<Timestamp>,
}

impl Settings {
    /// Reads certificate and key and checks that they fit together.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let certificate = required_file(&section, "certificate", "\"certs/fullchain.pem\"");
        let private_key = required_file(&section, "private_key", "\"certs/privkey.pem\"");
        let chain = certificate.as_deref().and_then(|path| read_chain(&section, path));
        let key = private_key.as_deref().and_then(|path| read_key(&section, path));
        let is_development = certificate.as_deref() == Some(Path::new(development::CERTIFICATE));
        let expires = chain.as_ref().and_then(|chain| inspect(&section, chain, is_development));
        let config = chain.zip(key).and_then(|(chain, key)| {
            let config = server_config(chain, key);
            config.map_err(|error| section.error("private_key", mismatch(&error))).ok()
        });
        section.finish();
        Some(Self { config: Arc::new(config?), expires })
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // The server's order is the better one; a client that lists weak suites first does not decide.
    config.ignore_client_order = true;
    Ok(config)
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
    let days = expires.duration_since(now).as_hours() / 24;
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
