//! Our own certificate, for a server that wants to know by it who calls (mutual TLS).

use jiff::Timestamp;
use reqwest::Identity;
use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::handshake::alert;
use crate::config::Section;
use crate::pem;

/// The keys, which belong together.
const CERTIFICATE: &str = "client_certificate";
const KEY: &str = "client_key";

/// A certificate is reported from this many days before its end on.
const EXPIRES_SOON_DAYS: i64 = 21;

/// The certificate and key of `client_certificate` and `client_key`; none without these keys, and `None` if a problem
/// was noted. An encrypted key is read with `client_key_password`. When one of the files changes, what is made of this
/// table is made anew.
#[expect(clippy::option_option, reason = "no identity is as good as one; a problem is something else")]
pub(crate) fn identity(section: &Section) -> Option<Option<Identity>> {
    let (certificate, key) = (section.file(CERTIFICATE), section.file(KEY));
    // Known, whatever becomes of the key.
    section.has_secret(&format!("{KEY}_password"));
    if !section.has(CERTIFICATE) && !section.has(KEY) {
        return Some(None);
    }
    for (missing, other) in [(CERTIFICATE, KEY), (KEY, CERTIFICATE)] {
        if !section.has(missing) {
            section.error(missing, format!("is missing beside `{other}`. Add `{missing} = \"/path/to/file.pem\"`"));
        }
    }
    let chain = certificate.and_then(|path| section.certificates(CERTIFICATE, &path));
    let key = key.and_then(|path| section.private_key(KEY, &path));
    warn_of_end(section, chain.as_ref()?.first()?);
    let (chain, key) = chain.zip(key)?;
    let identity = Identity::from_pem(pem::of_pair(&chain, &key).as_bytes()).map_err(|error| super::cause(&error));
    pem::pair(chain, &key).and(identity).map(Some).map_err(|what| section.error(KEY, what)).ok()
}

/// What to look at if a server has answered the handshake like this, to stand behind what the failure means; empty if
/// it has nothing to do with our certificate.
pub(crate) fn advice(error: &reqwest::Error) -> &'static str {
    use AlertDescription as Alert;
    match alert(error) {
        Some(Alert::CertificateRequired) => ": name one with `client_certificate` and `client_key`",
        Some(
            Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate,
        ) => ": look at `client_certificate`",
        Some(Alert::AccessDenied | Alert::DecryptError) => {
            " (if it does not take our certificate: look at `client_certificate`)"
        }
        _ => "",
    }
}

/// A server that does not take it says so for each event, and not why.
fn warn_of_end(section: &Section, certificate: &CertificateDer<'_>) {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return };
    let Ok(end) = Timestamp::from_second(certificate.validity().not_after.timestamp()) else { return };
    let days = end.duration_since(Timestamp::now()).as_hours() / 24;
    if end < Timestamp::now() {
        section.warning(CERTIFICATE, format!("expired on {end}: the server refuses it. Renew it"));
    } else if days < EXPIRES_SOON_DAYS {
        section.warning(CERTIFICATE, format!("expires in {days} days, on {end}. Renew it"));
    }
}
