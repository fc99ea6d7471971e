//! Why no answer came, in words a person can act on.

use std::error::Error;
use std::io::{self, ErrorKind};

use reqwest::Url;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

/// The reason for a failed request to `url`; `extra_ca` says that `--ca` was given.
pub(super) fn in_words(error: &reqwest::Error, url: &Url, extra_ca: bool) -> String {
    let host = url.host_str().unwrap_or_default();
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls_in_words(tls, host, extra_ca);
    }
    if error.is_timeout() {
        return format!("no answer within {} seconds", super::ANSWER_WITHIN.as_secs());
    }
    if causes(error).any(|cause| cause.to_string() == "dns error") {
        return format!("the name {host} cannot be found: is it spelled right?");
    }
    let port = url.port_or_known_default().unwrap_or_default();
    match causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => {
            format!("connection refused by {host}, port {port}: is the receiver running?")
        }
        Some(ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            format!("{host}, port {port} cannot be reached: is there a firewall between?")
        }
        _ if url.scheme() == "http" => {
            format!("the connection ended without an answer ({}): does the receiver want https://?", root_cause(error))
        }
        _ => format!("the connection ended without an answer ({})", root_cause(error)),
    }
}

fn tls_in_words(error: &rustls::Error, host: &str, extra_ca: bool) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage as Invalid};
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer) if extra_ca => {
            "the certificate was not issued by the one in --ca, or its chain is incomplete: \
             is it the CA of this receiver?"
                .to_owned()
        }
        InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate's issuer is unknown: name the CA with --ca (certs/dev-ca.pem for the development \
             certificate); Tradecloud itself takes only certificates of a recognised CA, with their whole chain"
                .to_owned()
        }
        InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            format!("the certificate is not for the name {host}: use a name that it holds, or get one for this name")
        }
        InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the certificate has expired: renew it".to_owned()
        }
        InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "the certificate is not valid yet: is the clock right?".to_owned()
        }
        // A reason of the verifier's own, which rustls passes on without a name for it.
        InvalidCertificate(CertificateError::Other(reason)) if format!("{reason:?}").contains("CaUsedAsEndEntity") => {
            "the certificate is a CA's own, self-signed: serve one that a CA issued for this name; \
             Tradecloud refuses self-signed ones"
                .to_owned()
        }
        InvalidCertificate(reason) => format!("the certificate cannot be accepted: {reason}"),
        Invalid(InvalidMessage::InvalidContentType) => {
            "the other side does not speak TLS: is it an http:// address?".to_owned()
        }
        AlertReceived(alert) => alert_in_words(*alert, host),
        other => format!("TLS failed: {other}"),
    }
}

/// What the other side may mean by ending the handshake.
fn alert_in_words(alert: AlertDescription, host: &str) -> String {
    let why = match alert {
        // What a receiver says as long as a CA has not given it a certificate.
        AlertDescription::AccessDenied => {
            "it may have no certificate yet (if it gets one by ACME: its log says why it has none), or a firewall \
             between ended the connection"
                .to_owned()
        }
        AlertDescription::UnrecognisedName => {
            format!("it has no certificate for the name {host}: is that spelled right?")
        }
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => {
            "it may have no certificate for this name, or speak no TLS 1.2 or 1.3: is there something else than the \
             receiver at this address?"
                .to_owned()
        }
        _ => "its log may say why; is there something else than the receiver at this address?".to_owned(),
    };
    format!("the other side refused the TLS handshake ({alert:?}): {why}")
}

/// The innermost cause, which is the one that says what happened.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error and its causes, from the outside in. An `io::Error` hides the error it was made from
/// behind `get_ref`, which is where the TLS ones are.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    })
}
