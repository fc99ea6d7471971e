//! Certificate and key: what does not work, and what Tradecloud would refuse.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use super::problems;
use crate::support::receiver::Receiver;

/// A certificate for localhost and what goes with it, written where the configuration looks.
struct Certificate {
    params: CertificateParams,
    ca: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
}

impl Certificate {
    fn new() -> Self {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "CA");
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        Self { params, ca, key: KeyPair::generate().unwrap() }
    }

    /// The one warning or error that `check` has about the certificate made of `chain`.
    fn problem(&self, chain: &str) -> (String, String) {
        let receiver = Receiver::prepared("");
        std::fs::write(receiver.path("certs/fullchain.pem"), chain).unwrap();
        std::fs::write(receiver.path("certs/privkey.pem"), self.key.serialize_pem()).unwrap();
        let mut problems = problems(&receiver);
        problems.retain(|problem| problem["key"].as_str().unwrap().starts_with("server.tls"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        let text = |field: &str| problems[0][field].as_str().unwrap().to_owned();
        (text("severity"), format!("{} {}", text("key"), text("what")))
    }

    fn signed(&self) -> String {
        self.params.signed_by(&self.key, &self.ca).unwrap().pem()
    }
}

#[test]
fn what_tradecloud_would_refuse_of_a_certificate_is_a_warning() {
    let warned = |certificate: &Certificate, chain: &str, what: &str| {
        let (severity, problem) = certificate.problem(chain);
        assert_eq!(severity, "warning", "{problem}");
        assert!(problem.starts_with("server.tls.certificate ") && problem.contains(what), "{problem}");
    };
    let mut certificate = Certificate::new();
    let (alone, ca) = (certificate.signed(), certificate.ca.pem());

    warned(&certificate, &alone, "without its chain");
    warned(&certificate, &format!("{alone}{}", Certificate::new().signed()), "wrong order");
    warned(&certificate, &certificate.params.self_signed(&certificate.key).unwrap().pem(), "self-signed");
    certificate.params.not_after = date_time_ymd(2020, 1, 1);
    warned(&certificate, &(certificate.signed() + &ca), "expired on 2020-01-01");
    certificate.params.not_after = SystemTime::now().into();
    certificate.params.not_after += Duration::from_secs(5 * 86_400);
    warned(&certificate, &(certificate.signed() + &ca), "expires in 4 days");
    certificate.params.not_after = date_time_ymd(4000, 1, 1);
    certificate.params.not_before = date_time_ymd(3000, 1, 1);
    warned(&certificate, &(certificate.signed() + &ca), "valid from 3000-01-01");
}

#[test]
fn a_key_of_another_certificate_is_an_error() {
    let certificate = Certificate::new();
    let other = Certificate::new();

    let (severity, problem) = certificate.problem(&(other.signed() + &other.ca.pem()));

    assert_eq!(severity, "error");
    assert!(problem.starts_with("server.tls.private_key does not belong to the certificate"), "{problem}");
}

#[test]
fn files_that_hold_something_else_are_named() {
    let certificate = Certificate::new();

    for chain in ["", "nonsense", &certificate.key.serialize_pem()] {
        let (severity, problem) = certificate.problem(chain);

        assert_eq!(severity, "error");
        assert!(problem.starts_with("server.tls.certificate certs/fullchain.pem holds no certificate"), "{problem}");
    }
}
