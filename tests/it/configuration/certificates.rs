//! Certificate and key: what does not work, and what Tradecloud would refuse.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::Value;

use super::every_problem;
use crate::support::certificates::issue;
use crate::support::eventually;
use crate::support::receiver::{Receiver, write_private};

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

    /// The warnings or errors that `check` has about the certificate made of `chain`.
    fn problems(&self, chain: &str) -> Vec<(String, String)> {
        let receiver = Receiver::prepared("");
        std::fs::write(receiver.path("certs/fullchain.pem"), chain).unwrap();
        std::fs::write(receiver.path("certs/privkey.pem"), self.key.serialize_pem()).unwrap();
        of_certificate(&receiver)
    }

    /// The one error that it has.
    fn error(&self, chain: &str) -> String {
        let mut problems = self.problems(chain);
        problems.retain(|(severity, _)| severity == "error");
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0).1
    }

    fn signed(&self) -> String {
        self.params.signed_by(&self.key, &self.ca).unwrap().pem()
    }
}

/// What `check` says of `[server.tls]`: how bad it is, and what it is with its key.
fn of_certificate(receiver: &Receiver) -> Vec<(String, String)> {
    let text = |problem: &Value, field: &str| problem[field].as_str().unwrap().to_owned();
    let all = every_problem(receiver);
    let all = all.iter().map(|problem| (text(problem, "severity"), text(problem, "key"), text(problem, "what")));
    let of_tls = all.filter(|(_, key, _)| key.starts_with("server.tls"));
    of_tls.map(|(severity, key, what)| (severity, format!("{key} {what}"))).collect()
}

/// A fixture, with certificates and keys as people bring them.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pem").join(name)).unwrap()
}

#[test]
fn what_tradecloud_would_refuse_of_a_certificate_is_a_warning() {
    let warned = |certificate: &Certificate, chain: &str, what: &str| {
        let problems = certificate.problems(chain);
        assert!(problems.iter().all(|(severity, _)| severity == "warning"), "{problems:?}");
        let says = |problem: &str| problem.starts_with("server.tls.certificate ") && problem.contains(what);
        assert_eq!(problems.iter().filter(|(_, problem)| says(problem)).count(), 1, "{what}: {problems:?}");
    };
    let mut certificate = Certificate::new();
    let (alone, ca) = (certificate.signed(), certificate.ca.pem());

    warned(&certificate, &alone, "without its chain");
    warned(&certificate, &format!("{alone}{ca}"), "is of a private CA, CA: Tradecloud refuses it");
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

    let problem = certificate.error(&(other.signed() + &other.ca.pem()));

    assert!(problem.starts_with("server.tls.private_key does not belong to the certificate"), "{problem}");
}

#[test]
fn a_chain_that_begins_with_an_issuer_is_told_to_be_turned_round() {
    let mut certificate = Certificate::new();
    let mut between = CertificateParams::default();
    between.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    between.distinguished_name.push(DnType::CommonName, "Between");
    let key = KeyPair::generate().unwrap();
    let between = CertifiedIssuer::signed_by(between, key, &certificate.ca).unwrap();
    let issuer = between.pem();
    certificate.ca = between;
    let chain = issuer + &certificate.signed();

    let error = certificate.error(&chain);
    let problems = certificate.problems(&chain);

    assert!(error.contains("belongs to a certificate that does not stand first in its file"), "{error}");
    let says = |what: &str| problems.iter().any(|(_, problem)| problem.contains(what));
    assert!(says("is that of a CA. The server's own has to stand first"), "{problems:?}");
    assert!(!says("self-signed"), "{problems:?}");
}

#[test]
fn files_that_hold_something_else_are_named() {
    let certificate = Certificate::new();

    for chain in ["", "nonsense", &certificate.key.serialize_pem()] {
        let problem = certificate.error(chain);

        assert!(problem.starts_with("server.tls.certificate certs/fullchain.pem holds no certificate"), "{problem}");
    }
}

#[test]
fn a_file_in_another_form_is_named_with_the_command_that_converts_it() {
    for (file, key, name, wanted) in [
        ("certs/fullchain.pem", "certificate", "certificate.cer", "openssl x509 -inform DER -in certs/fullchain.pem"),
        ("certs/fullchain.pem", "certificate", "both.pfx", "openssl pkcs12 -in certs/fullchain.pem -nokeys"),
        ("certs/fullchain.pem", "certificate", "certificates-der.p7b", "openssl pkcs7 -inform DER -print_certs"),
        ("certs/privkey.pem", "private_key", "both.pfx", "openssl pkcs12 -in certs/privkey.pem -nocerts"),
        ("certs/privkey.pem", "private_key", "key.der", "openssl pkey -inform DER -in certs/privkey.pem"),
        ("certs/privkey.pem", "private_key", "legacy.pem", "openssl pkcs8 -topk8"),
        ("certs/privkey.pem", "private_key", "encrypted.pem", "`private_key_password_file = \"/path/to/file\"`"),
    ] {
        let receiver = Receiver::prepared("");
        std::fs::write(receiver.path(file), fixture(name)).unwrap();

        let problems = of_certificate(&receiver);

        let says = |problem: &str| problem.starts_with(&format!("server.tls.{key} ")) && problem.contains(wanted);
        assert!(
            problems.iter().any(|(severity, problem)| severity == "error" && says(problem)),
            "{name}: {problems:?}"
        );
    }
}

#[test]
fn a_ca_file_in_another_form_is_named_with_the_command_that_converts_it() {
    let receiver = Receiver::prepared("handlers.erp = { type = 'http', url = 'https://erp.example', ca_file = 'ca' }");
    for (name, wanted) in [
        ("certificate.cer", "openssl x509 -inform DER -in ca -out ca.pem"),
        ("both.pfx", "openssl pkcs12 -in ca -nokeys -out ca.pem"),
        ("certificates.p7b", "openssl pkcs7 -print_certs -in ca -out ca.pem"),
    ] {
        std::fs::write(receiver.path("ca"), fixture(name)).unwrap();

        let problems = every_problem(&receiver);

        let says = |problem: &&Value| problem["key"] == "handlers.erp.ca_file" && problem.to_string().contains(wanted);
        assert!(problems.iter().any(|problem| says(&problem)), "{name}: {problems:?}");
    }
}

#[test]
fn every_certificate_is_served_whatever_an_editor_has_put_around_it() {
    let mut receiver = Receiver::prepared("");
    let pair = issue(receiver.folder());
    let chain = pair.chain.replace("-----\n-----BEGIN", "----------BEGIN").replace('\n', "\r\n");
    std::fs::write(receiver.path("certs/fullchain.pem"), format!("\u{feff}{chain}")).unwrap();
    write_private(&receiver.path("certs/privkey.pem"), &format!("\u{feff}{}", pair.key.replace('\n', "\r\n")));

    receiver.restart();

    let connection = receiver.connect();
    assert_eq!((connection.certificate(), connection.chain_length()), (pair.der, 2));
}

/// A receiver with an encrypted key, whose password is in the file `password`.
fn with_encrypted_key() -> Receiver {
    let receiver = Receiver::prepared("server.tls.private_key_password_file = \"password\"");
    std::fs::write(receiver.path("certs/fullchain.pem"), fixture("certificate.pem")).unwrap();
    std::fs::write(receiver.path("ca.pem"), fixture("certificate.pem")).unwrap();
    write_private(&receiver.path("certs/privkey.pem"), str::from_utf8(&fixture("encrypted.pem")).unwrap());
    write_private(&receiver.path("password"), "\u{feff}wachtwoord\r\n");
    receiver
}

#[tokio::test]
async fn an_encrypted_key_is_read_with_its_password_and_its_file_is_watched() {
    let mut receiver = with_encrypted_key();
    receiver.restart();
    let served = receiver.connect().certificate();
    receiver.expects_error("`server.tls.private_key_password_file` is not the password of certs/privkey.pem");
    receiver.expects_error("is refused as a whole");

    receiver.replace("password", "wacht-nog-even");
    receiver.logged("is not the password of certs/privkey.pem").await;
    assert_eq!(receiver.connect().certificate(), served, "the key that was read serves on");
    receiver.replace("password", "wachtwoord");
    eventually("it is read again", async || receiver.admin("/readyz").await == (200, "ready\n".to_owned())).await;

    let log = receiver.log().iter().map(ToString::to_string).collect::<String>();
    assert!(!log.contains("wachtwoord") && !log.contains("wacht-nog-even"), "a password is in the log");
}

#[test]
fn a_password_that_no_key_needs_is_a_warning() {
    let receiver = Receiver::prepared("server.tls.private_key_password = \"wachtwoord\"");

    let problems = of_certificate(&receiver);

    let wanted = "server.tls.private_key_password is not needed: certs/privkey.pem is not encrypted";
    assert!(problems.contains(&("warning".to_owned(), wanted.to_owned())), "{problems:?}");
}

#[test]
fn a_secret_in_utf_16_is_named_as_such() {
    let receiver = Receiver::prepared("auth.file = { type = 'bearer', token_file = 'token' }");
    let utf_16: Vec<u8> = "\u{feff}secret\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(receiver.path("token"), utf_16).unwrap();

    let problems = every_problem(&receiver);

    let wanted = "is text in UTF-16: token. Save it as UTF-8";
    assert!(problems.iter().any(|problem| problem["what"] == wanted), "{problems:?}");
}
