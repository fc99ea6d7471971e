//! TLS towards back ends that speak another protocol than HTTP.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::reason::printable;
use crate::config::Section;

/// The certificates of `ca_file`, which are trusted besides those of the system; none without the key.
/// `None` if a problem was noted.
pub(super) fn roots(section: &Section) -> Option<Vec<CertificateDer<'static>>> {
    if !section.has("ca_file") {
        // Asked for all the same, so that the key is known.
        let _ = section.file("ca_file");
        return Some(Vec::new());
    }
    let path = section.file("ca_file")?;
    let pem = std::fs::read(&path)
        .map_err(|error| section.error("ca_file", format!("cannot be read: {}: {error}", path.display())))
        .ok()?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(roots) if !roots.is_empty() => Some(roots),
        _ => {
            section.error("ca_file", format!("holds no certificate in PEM form: {}", path.display()));
            None
        }
    }
}

/// A client that trusts `roots` and the roots of the system. A system without any is no fault: the
/// connection may need none.
pub(super) fn client(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    trusted.add_parsable_certificates(roots.iter().cloned());
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(trusted).with_no_client_auth())
}

/// What a library said of a connection that could not be made, with what to do where that is known.
pub(super) fn cause(error: &str) -> String {
    let hint =
        if error.contains("UnknownIssuer") { " (the certificate of a private CA goes into `ca_file`)" } else { "" };
    printable(error) + hint
}
