//! Handshakes that fail, each for a reason of its own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{OtherError, RootCertStore};

use super::*;

const ALL: [TrustedBy; 4] =
    [TrustedBy::CaFile, TrustedBy::SslRootCert, TrustedBy::CommandLine(true), TrustedBy::CommandLine(false)];

fn ca(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut ca = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap()
}

/// Why `shown` is not accepted for localhost by whoever trusts `trusted`.
fn refusal(trusted: &CertificateDer<'_>, shown: &CertificateDer<'_>) -> rustls::Error {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone().into_owned()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    verifier.verify_server_cert(shown, &[], &"localhost".try_into().unwrap(), &[], UnixTime::now()).unwrap_err()
}

/// A certificate for localhost, changed like that.
fn issued(
    ca: &CertifiedIssuer<'static, KeyPair>,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    params.signed_by(&KeyPair::generate().unwrap(), ca).unwrap().der().clone()
}

/// Whether a word has a capital in its middle, as names of types do and the terms of X.509.
fn has_name_of_type(text: &str) -> bool {
    let terms = ["extendedKeyUsage", "serverAuth", "subjectAltName"];
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| !terms.contains(word)).any(|word| {
        let letters = word.as_bytes();
        letters.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase())
    })
}

#[test]
fn every_fault_of_a_certificate_is_said_without_names_of_types() {
    let (ours, other) = (ca("ours"), ca("other"));
    let shown = |change: fn(&mut CertificateParams)| refusal(ours.der(), &issued(&ours, change));
    for (error, what) in [
        (refusal(ours.der(), ours.der()), "a CA's own, self-signed"),
        (refusal(other.der(), &issued(&ours, |_| {})), "issue"),
        (shown(|params| params.subject_alt_names.clear()), "is not for the name localhost, but for no name"),
        (shown(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)), "has expired"),
        (shown(|params| params.not_before = rcgen::date_time_ymd(3000, 1, 1)), "is not valid yet"),
        (
            shown(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "not meant for servers",
        ),
        (rustls::Error::InvalidCertificate(CertificateError::Revoked), "was revoked"),
        (rustls::Error::AlertReceived(AlertDescription::HandshakeFailure), "(handshake failure)"),
        (rustls::Error::AlertReceived(AlertDescription::CertificateRequired), "a certificate of ours"),
        (rustls::Error::AlertReceived(AlertDescription::UnknownCA), "(unknown ca)"),
        (rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType), "does not speak TLS"),
        (rustls::Error::DecryptError, "(decrypt error)"),
        (rustls::Error::PeerSentOversizedRecord, "(peer sent oversized record)"),
    ] {
        for trusted_by in ALL {
            let words = in_words(&error, trusted_by);
            assert!(words.contains(what) && !has_name_of_type(&words), "{what}, {trusted_by:?}: {words}");
        }
    }
}

#[test]
fn a_name_that_does_not_fit_is_told_beside_those_that_would() {
    let names = vec!["a.example".to_owned(), "127.0.0.1".to_owned()];
    let ca = ca("ours");
    let of_others =
        issued(&ca, |params| params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names);
    let error = refusal(ca.der(), &of_others);

    let words = in_words(&error, TrustedBy::CaFile);

    assert!(words.contains("is not for the name localhost, but for a.example, 127.0.0.1:"), "{words}");
}

#[test]
fn the_failure_is_found_in_whatever_it_is_wrapped_in() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
    let inner = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
    let error = Outer(io::Error::new(io::ErrorKind::InvalidData, inner));

    assert!(said(&error).contains("`ca_file`"), "{}", said(&error));
    assert_eq!(said(&io::Error::other("no\u{1b}route")), "no\u{fffd}route");
}

#[test]
fn an_alert_is_known_by_its_text_too_which_is_all_that_http_2_passes_on() {
    for named in ALERTS {
        let error = rustls::Error::AlertReceived(named);
        assert_eq!(alert(&io::Error::other(error.to_string())), Some(named));
        assert_eq!(alert(&io::Error::other(error)), Some(named));
    }
    assert_eq!(alert(&io::Error::other("received fatal alert: NoneThatIsKnown")), None);
    assert_eq!(alert(&io::Error::other(rustls::Error::DecryptError)), None);
}

#[test]
fn a_reason_of_a_verifiers_own_is_spelled_out() {
    #[derive(Debug, thiserror::Error)]
    #[error("x")]
    struct PathTooDeep;
    let error = rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(PathTooDeep))));

    assert_eq!(in_words(&error, TrustedBy::CaFile), "the certificate cannot be accepted (path too deep)");
}
