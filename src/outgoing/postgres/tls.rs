//! TLS to PostgreSQL, and what of the server's certificate is checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::outgoing::{TrustedBy, in_words};
use crate::pem;

/// What is checked.
pub(super) enum Check {
    /// Nothing: it encrypts.
    Nothing,
    /// That the authority in this file has signed the certificate, for whatever name.
    Chain(PathBuf),
    /// That, or without a file that an authority which the system trusts has signed it; and that it is
    /// for the host of the URL.
    ChainAndName(Option<PathBuf>),
}

/// How to make TLS connections.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: MakeRustlsConnect,
    /// Whether it is known who is on the other side.
    pub(super) verifies: bool,
}

impl Tls {
    /// Reads the certificates that the check needs.
    ///
    /// # Errors
    /// What is wrong with them, as the rest of a sentence that begins with the key of the URL.
    pub(super) fn new(check: Check) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifies = !matches!(check, Check::Nothing);
        let judge: Arc<dyn ServerCertVerifier> = match check {
            Check::Nothing => Arc::new(Lenient { strict: None, provider: Arc::clone(&provider) }),
            Check::Chain(file) => {
                Arc::new(Lenient { strict: Some(verifier(&file, &provider)?), provider: Arc::clone(&provider) })
            }
            Check::ChainAndName(Some(file)) => verifier(&file, &provider)?,
            Check::ChainAndName(None) => Arc::new(Verifier::new(Arc::clone(&provider)).map_err(|error| {
                let why = in_words(&error, TrustedBy::SslRootCert);
                format!("cannot be verified: {why}. Install the system's root certificates (ca-certificates), or name a file with sslrootcert")
            })?),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot be used with TLS: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth();
        Ok(Self { connector: MakeRustlsConnect::new(config), verifies })
    }
}

fn verifier(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let wrong = |what: &str| format!("has an sslrootcert that cannot be used: {what}");
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(file).map_err(|what| wrong(&what))? {
        let damaged = |_| wrong(&format!("{} holds a certificate that is damaged", file.display()));
        roots.add(certificate).map_err(damaged)?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| wrong(&error.to_string()))
}

/// Lets certificates through that do not fit the name (with `strict`), or any.
#[derive(Debug)]
struct Lenient {
    strict: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(strict) = &self.strict else { return Ok(ServerCertVerified::assertion()) };
        match strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, after the chain.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
