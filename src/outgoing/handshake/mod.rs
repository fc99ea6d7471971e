//! Why a TLS handshake failed, in words a person can act on.
//!
//! Libraries say it by the names of their types, each in another wrapping. All who connect somewhere have the words from
//! here: handlers, issuers and their tokens, the CA, PostgreSQL, and `send`.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::shown;

/// Of a certificate for many names, so many are told.
const NAMES: usize = 5;

/// By what the certificate of a private CA comes to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrustedBy {
    /// `ca_file` of a table in the configuration.
    CaFile,
    /// `sslrootcert` in the URL of a database.
    #[cfg_attr(not(any(test, feature = "postgres")), expect(dead_code, reason = "only a database has one"))]
    SslRootCert,
    /// `--ca` of a command that tries a receiver; whether it was given.
    CommandLine(bool),
}

/// The failure of a handshake in what a library gave as an error, if it is one.
pub(crate) fn failure<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

/// The alert by which the other side has ended a connection, if it did so.
pub(crate) fn alert(error: &(dyn Error + 'static)) -> Option<AlertDescription> {
    match failure(error) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        Some(_) => None,
        None => causes(error).last().and_then(|cause| alert_in(&cause.to_string())),
    }
}

/// The alert that rustls has named in a text: HTTP/2 passes on nothing else of what ended its connection.
fn alert_in(text: &str) -> Option<AlertDescription> {
    let (_, name) = text.split_once("received fatal alert: ")?;
    ALERTS.into_iter().find(|alert| format!("{alert:?}") == name.trim())
}

/// Those that come once a handshake looks done to us: of what the other side makes of our certificate.
const ALERTS: [AlertDescription; 10] = [
    AlertDescription::AccessDenied,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRequired,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateUnknown,
    AlertDescription::DecryptError,
    AlertDescription::HandshakeFailure,
    AlertDescription::UnknownCA,
    AlertDescription::UnsupportedCertificate,
];

/// An error and its causes, from the outside in. An `io::Error` hides the error it was made from
/// behind `get_ref`, which is where the TLS ones are.
pub(crate) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    })
}

/// What a library said of a connection that could not be made, with what to do where that is known.
#[cfg(any(test, feature = "amqp", feature = "nats"))]
pub(crate) fn said(error: &(dyn Error + 'static)) -> String {
    failure(error).map_or_else(|| shown::line(&error.to_string()), |tls| in_words(tls, TrustedBy::CaFile))
}

/// What the failure of a handshake means, and what to do.
pub(crate) fn in_words(error: &rustls::Error, trusted_by: TrustedBy) -> String {
    match error {
        rustls::Error::InvalidCertificate(reason) => certificate_in_words(reason, trusted_by),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => match trusted_by {
            TrustedBy::CommandLine(_) => "the other side does not speak TLS: is it an http:// address?".to_owned(),
            _ => "the other side does not speak TLS: are scheme and port of the address right?".to_owned(),
        },
        rustls::Error::AlertReceived(alert) => alert_in_words(*alert, trusted_by),
        rustls::Error::PeerIncompatible(_) => "the other side has no version or cipher of TLS in common with this \
             program: it has to speak TLS 1.2 or 1.3"
            .to_owned(),
        rustls::Error::NoCertificatesPresented => "the other side shows no certificate".to_owned(),
        rustls::Error::General(text) => shown::line(text),
        rustls::Error::Other(error) => shown::line(&error.0.to_string()),
        other => format!("TLS failed ({})", spelled(other)),
    }
}

/// What is wrong with a certificate that was shown to us.
pub(crate) fn certificate_in_words(reason: &CertificateError, trusted_by: TrustedBy) -> String {
    use CertificateError as Wrong;
    let what = match reason {
        Wrong::UnknownIssuer => return unknown_issuer(trusted_by),
        Wrong::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().take(NAMES).map(|name| shown::line(plain(name))).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            format!(
                "is not for the name {}, but for {names}: use a name that it holds, or get one for this name",
                expected.to_str()
            )
        }
        Wrong::NotValidForName => "is not for this name: use a name that it holds, or get one for this name".to_owned(),
        Wrong::Expired | Wrong::ExpiredContext { .. } => "has expired: renew it".to_owned(),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "is not valid yet: is the clock right?".to_owned(),
        Wrong::Revoked => "was revoked by its CA: get another one".to_owned(),
        Wrong::BadEncoding => "is damaged: get it anew".to_owned(),
        Wrong::BadSignature => {
            "was not signed by the CA that it names: another CA may have the same name, or it was tampered with"
                .to_owned()
        }
        Wrong::UnsupportedSignatureAlgorithmContext { .. }
        | Wrong::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that is not trusted any more (such as by SHA-1, or an RSA key below 2048 bits): \
             get another one"
                .to_owned()
        }
        Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => NOT_FOR_SERVERS.to_owned(),
        // Reasons of the verifier's own, which rustls passes on without names for them.
        Wrong::Other(reason) => match format!("{:?}", reason.0).as_str() {
            "CaUsedAsEndEntity" => match trusted_by {
                TrustedBy::CommandLine(_) => "is a CA's own, self-signed: serve one that a CA issued for this name; \
                     Tradecloud refuses self-signed ones"
                    .to_owned(),
                _ => "is a CA's own, self-signed: have the server show one that a CA issued for its name, or one that \
                     is self-signed but no CA's (CA:FALSE)"
                    .to_owned(),
            },
            "EkuError" => NOT_FOR_SERVERS.to_owned(),
            "UnsupportedCertVersion" => {
                "is of an old version (X.509 v1), which has no names: get one with subjectAltName".to_owned()
            }
            "NameConstraintViolation" => "is for a name that its CA may not issue certificates for".to_owned(),
            other => format!("cannot be accepted ({})", words_of(other)),
        },
        other => format!("cannot be accepted ({})", spelled(other)),
    };
    format!("the certificate {what}")
}

const NOT_FOR_SERVERS: &str = "is not meant for servers (extendedKeyUsage serverAuth): get one that is";

fn unknown_issuer(trusted_by: TrustedBy) -> String {
    match trusted_by {
        TrustedBy::CaFile => {
            "the certificate's issuer is unknown: the certificate of a private CA goes into `ca_file`, \
             and the server has to send its whole chain"
                .to_owned()
        }
        TrustedBy::SslRootCert => "the certificate's issuer is unknown: name the certificate of a private CA with \
             sslrootcert, and have the server send its whole chain"
            .to_owned(),
        TrustedBy::CommandLine(true) => {
            "the certificate was not issued by the one in --ca, or its chain is incomplete: \
             is it the CA of this receiver?"
                .to_owned()
        }
        TrustedBy::CommandLine(false) => {
            "the certificate's issuer is unknown: name the CA with --ca (certs/dev-ca.pem for \
             the development certificate); Tradecloud itself takes only certificates of a recognised CA, with their \
             whole chain"
                .to_owned()
        }
    }
}

/// What the other side may mean by ending the handshake.
fn alert_in_words(alert: AlertDescription, trusted_by: TrustedBy) -> String {
    let tries_receiver = matches!(trusted_by, TrustedBy::CommandLine(_));
    let why = match alert {
        // What a receiver says as long as a CA has not given it a certificate.
        AlertDescription::AccessDenied if tries_receiver => {
            "it may have no certificate yet (if it gets one by ACME: its log says why it has none), or a firewall \
             between ended the connection"
        }
        AlertDescription::UnrecognisedName => "it has no certificate for this name: is the name spelled right?",
        AlertDescription::CertificateRequired => "it wants to see a certificate of ours",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA => "it does not take our certificate",
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => {
            "it may have no certificate for this name, or speak no TLS 1.2 or 1.3: is something else at this address?"
        }
        _ => "its log may say why; is something else at this address?",
    };
    format!("the other side refused the TLS handshake ({}): {why}", spelled(&alert))
}

/// The name of a variant, as words.
fn spelled(variant: &dyn std::fmt::Debug) -> String {
    let debugged = format!("{variant:?}");
    words_of(debugged.split(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or_default())
}

/// `NameConstraintViolation` as "name constraint violation", and `UnknownCA` as "unknown ca".
fn words_of(name: &str) -> String {
    let mut words = String::new();
    let mut is_inside_word = false;
    for character in name.chars() {
        if character.is_ascii_uppercase() && is_inside_word {
            words.push(' ');
        }
        is_inside_word = !character.is_ascii_uppercase();
        words.push(character.to_ascii_lowercase());
    }
    words
}

/// A name as the verifier shows it, `DnsName("localhost")`, without what stands around it.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

#[cfg(test)]
mod tests;
