//! TLS towards message brokers, which speak another protocol than HTTP.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// It trusts `roots` and the roots of the system. A system without any is no fault: the connection may need none.
pub(crate) fn tls(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    trusted.add_parsable_certificates(roots.iter().cloned());
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(trusted).with_no_client_auth())
}
