//! What Tradecloud has against a chain.
//!
//! Its clients run on Java, which knows the same public CAs as browsers do, and none besides. It builds the way to one of
//! them from the certificates that it is sent, and fetches none that is missing.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, Oid,
};
use x509_parser::prelude::{GeneralName, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::name;
use crate::outgoing::{TrustedBy, certificate_in_words};
use crate::shown;

/// The CAs that everybody knows, as Mozilla lists them.
static PUBLIC: LazyLock<RootCertStore> =
    LazyLock::new(|| RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });

/// Shorter keys of RSA are not taken from anybody.
const LEAST_RSA: usize = 2048;
/// The curves that Java and browsers have in common.
const CURVES: [Oid<'static>; 3] = [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521];
/// Signatures that can be forged: MD2, MD5 and SHA-1 with RSA, SHA-1 with ECDSA and DSA.
const FORGEABLE: [&str; 5] =
    ["1.2.840.113549.1.1.2", "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3"];

/// All of it, each to be read after what the certificate was called; `time` is when that is valid. `parsed` is what is in
/// `chain`.
pub(super) fn to(
    chain: &[CertificateDer<'_>],
    parsed: &[X509Certificate<'_>],
    time: (Timestamp, Timestamp),
) -> Vec<String> {
    let mut objections: Vec<_> =
        parsed.iter().enumerate().flat_map(|(index, one)| weaknesses(one, index == 0)).collect();
    objections.extend(untrusted(chain, parsed, time));
    objections
}

/// What only others mind: Java brings a chain into order itself, although TLS 1.2 wants it so (RFC 5246, §7.4.2).
pub(super) fn of_others(parsed: &[X509Certificate<'_>]) -> Option<String> {
    let in_order = parsed.windows(2).all(|pair| pair[0].issuer() == pair[1].subject());
    (!in_order).then(|| {
        "has its chain in the wrong order, which Tradecloud accepts and others do not: each certificate must be followed \
         by its issuer's"
            .to_owned()
    })
}

fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject() == certificate.issuer()
}

/// What of key and signature is too weak. The signature of a root is not looked at: it is known, or it is not.
fn weaknesses(certificate: &X509Certificate<'_>, is_own: bool) -> Vec<String> {
    let whose = if is_own { "has".to_owned() } else { format!("has an issuer, {}, with", name(certificate.subject())) };
    let mut weaknesses = Vec::new();
    match certificate.public_key().parsed() {
        // A zero that keeps the number positive does not count.
        Ok(PublicKey::RSA(key)) if key.key_size() < LEAST_RSA => {
            weaknesses.push(format!("{whose} an RSA key of {} bits. Get one with {LEAST_RSA} or more", key.key_size()));
        }
        Ok(PublicKey::EC(_)) => {
            let curve = certificate.public_key().algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            if !curve.is_some_and(|curve| CURVES.contains(&curve)) {
                weaknesses
                    .push(format!("{whose} a key on a curve that Java does not know. Get one with P-256 or P-384"));
            }
        }
        _ => {}
    }
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    if FORGEABLE.contains(&algorithm.as_str()) && !is_self_issued(certificate) {
        weaknesses.push(format!("{whose} a signature by MD5 or SHA-1, which Java refuses. Get another one"));
    }
    weaknesses
}

/// Why no way leads from the certificate to a public CA.
fn untrusted(
    chain: &[CertificateDer<'_>],
    parsed: &[X509Certificate<'_>],
    (begins, ends): (Timestamp, Timestamp),
) -> Option<String> {
    let own = parsed.first()?;
    if is_self_issued(own) {
        return Some("is self-signed: Tradecloud refuses it. Get one from a recognised CA".to_owned());
    }
    if own.is_ca() {
        return Some("is that of a CA. The server's own has to stand first, each issuer behind it".to_owned());
    }
    // Whether it is valid now is another question.
    let at = Timestamp::now().clamp(begins, ends.max(begins)).as_second();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or_default()));
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let verified = ParsedCertificate::try_from(chain.first()?).and_then(|certificate| {
        verify_server_cert_signed_by_trust_anchor(&certificate, &PUBLIC, &chain[1..], at, algorithms)
    });
    match verified {
        Ok(()) => None,
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Some(unknown_issuer(parsed)),
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. } | CertificateError::Expired)) => {
            Some("has an issuer whose certificate has expired. Get the chain anew from the CA".to_owned())
        }
        // At the time that was asked about, the server's own is valid.
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYetContext { .. } | CertificateError::NotValidYet,
        )) => Some("has an issuer whose certificate is of a later time. Get the chain anew from the CA".to_owned()),
        Err(rustls::Error::InvalidCertificate(reason)) => {
            let words = certificate_in_words(&reason, TrustedBy::CaFile);
            Some(format!("is refused by Tradecloud: {words}"))
        }
        Err(_) => Some("cannot be verified".to_owned()),
    }
}

/// Where the way ends, and whether something is missing or the CA is a private one.
fn unknown_issuer(parsed: &[X509Certificate<'_>]) -> String {
    let mut last = &parsed[0];
    // No way is longer than the chain, whatever is signed by whom.
    for _ in parsed {
        let issuer = parsed.iter().find(|one| one.subject() == last.issuer());
        last = issuer.filter(|_| !is_self_issued(last)).unwrap_or(last);
    }
    let end = name(last.issuer());
    if is_self_issued(last) {
        return format!(
            "is of a private CA, {end}: Tradecloud refuses it, unless something in front shows it another one. Get one \
             from a recognised CA"
        );
    }
    let missing = match issuer_at(last) {
        Some(url) => format!("That of its issuer is at {url}"),
        None => "Give the full chain (often fullchain.pem)".to_owned(),
    };
    let what = if parsed.len() == 1 { "comes without its chain".into() } else { "has a gap in its chain".to_owned() };
    format!(
        "{what}: there is no certificate of {end}, which Tradecloud does not know, so it refuses this one. {missing}. If \
         {end} is a CA of your own, get one from a recognised CA"
    )
}

/// Where the CA says that the certificate of the issuer is.
fn issuer_at(certificate: &X509Certificate<'_>) -> Option<String> {
    certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else { return None };
        access.iter().find_map(|access| match &access.access_location {
            GeneralName::URI(url) if access.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS => {
                Some(shown::line(url))
            }
            _ => None,
        })
    })
}
