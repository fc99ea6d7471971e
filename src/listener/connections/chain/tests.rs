//! Chains of public and private CAs, whole and with faults.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;

use super::*;

/// The certificates of a fixture.
macro_rules! fixture {
    ($name:literal) => {
        CertificateDer::pem_slice_iter(include_bytes!(concat!("../../../../tests/fixtures/pem/", $name)))
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
    };
}

/// What Tradecloud has against these certificates.
fn objections(chain: &[&CertificateDer<'_>]) -> Vec<String> {
    let chain: Vec<_> = chain.iter().map(|certificate| (*certificate).clone()).collect();
    Chain::read(&chain).unwrap().remarks().map(str::to_owned).collect()
}

/// That it has one thing against them, which says this.
#[track_caller]
fn refused(chain: &[&CertificateDer<'_>], what: &str) {
    let objections = objections(chain);
    assert!(objections.len() == 1 && objections[0].contains(what), "{what}: {objections:#?}");
}

#[test]
fn a_chain_of_a_public_ca_is_good_whenever_it_is_looked_at() {
    let [own, issuer, upper] = &fixture!("public.pem")[..] else { panic!("it has three") };

    let chain = Chain::read(&[own.clone(), issuer.clone(), upper.clone()]).unwrap();

    assert_eq!(chain.objections, [""; 0]);
    assert_eq!((chain.issuer.as_str(), chain.length), ("YE2", 3));
    assert!(chain.names.contains(&"letsencrypt.org".to_owned()), "{chain:?}");
    assert_eq!(chain.ends.to_string(), "2026-10-04T15:24:33Z");
}

#[test]
fn what_is_missing_of_a_chain_is_named_with_where_it_is() {
    let [own, issuer, _] = &fixture!("public.pem")[..] else { panic!("it has three") };

    refused(&[own], "comes without its chain: there is no certificate of YE2, which Tradecloud does not know");
    refused(&[own], "That of its issuer is at http://ye2.i.lencr.org/");
    refused(&[own, issuer], "has a gap in its chain: there is no certificate of Root YE");
}

#[test]
fn a_chain_in_the_wrong_order_is_told_although_tradecloud_takes_it() {
    let [own, issuer, upper] = &fixture!("public.pem")[..] else { panic!("it has three") };

    refused(&[own, upper, issuer], "wrong order");
    let chain = Chain::read(&[own.clone(), upper.clone(), issuer.clone()]).unwrap();
    assert_eq!(chain.objections, [""; 0]);
}

/// A private CA, and one that it has issued a certificate to.
fn private() -> (CertifiedIssuer<'static, KeyPair>, CertificateDer<'static>) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "CA of our own");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "::1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let own = params.signed_by(&KeyPair::generate().unwrap(), &ca).unwrap().der().clone();
    (ca, own)
}

#[test]
fn a_private_ca_is_named_as_one_that_tradecloud_refuses() {
    let (ca, own) = private();
    let root: &CertificateDer<'_> = ca.der();

    refused(&[&own, root], "is of a private CA, CA of our own: Tradecloud refuses it");
    refused(&[&own], "If CA of our own is a CA of your own");
    let of_root = objections(&[root]);
    assert!(of_root[1].contains("is self-signed: Tradecloud refuses it"), "it has no name either: {of_root:#?}");
    assert_eq!(Chain::read(&[own]).unwrap().names, ["localhost", "::1"]);
}

#[test]
fn a_certificate_without_a_name_is_told() {
    let (ca, _) = private();
    let own = CertificateParams::default().signed_by(&KeyPair::generate().unwrap(), &ca).unwrap();

    let objections = objections(&[own.der(), ca.der()]);

    assert!(objections[0].contains("is for no name"), "{objections:#?}");
}

#[test]
fn what_java_finds_too_weak_is_told() {
    for (chain, what) in [
        (fixture!("weak-rsa.pem"), "has an RSA key of 1024 bits. Get one with 2048 or more"),
        (fixture!("weak-curve.pem"), "has a key on a curve that Java does not know"),
        (fixture!("weak-signature.pem"), "has a signature by MD5 or SHA-1"),
    ] {
        let objections = objections(&[&chain[0]]);
        assert!(objections.iter().any(|objection| objection.contains(what)), "{what}: {objections:#?}");
    }
}
