//! Whom we trust: the roots of the system, and those of `ca_file`.

use reqwest::Certificate;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::config::Section;
use crate::shown;

/// The certificates of `ca_file`; none without the key, and `None` if a problem was noted.
pub(crate) fn roots(section: &Section) -> Option<Vec<Certificate>> {
    let authorities = section.authorities()?;
    let roots = authorities.certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>();
    roots.map_err(|error| section.error("ca_file", format!("has a certificate that cannot be used: {error}"))).ok()
}

/// TLS towards back ends that speak another protocol than HTTP. It trusts `roots` and the roots of the system. A
/// system without any is no fault: the connection may need none.
pub(crate) fn tls(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    trusted.add_parsable_certificates(roots.iter().cloned());
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(trusted).with_no_client_auth())
}

/// What a library said of a connection that could not be made, with what to do where that is known.
pub(crate) fn advised(error: &str) -> String {
    let hint =
        if error.contains("UnknownIssuer") { " (the certificate of a private CA goes into `ca_file`)" } else { "" };
    shown::line(error) + hint
}
