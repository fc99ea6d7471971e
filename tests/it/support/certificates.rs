//! A certificate authority of the tests, and the certificates it gives a receiver.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};

use super::receiver::write_private;

/// A certificate with its chain, and its key, both in PEM.
pub struct Pair {
    pub chain: String,
    pub key: String,
    /// The certificate itself, as it is served.
    pub der: Vec<u8>,
}

/// Makes an authority (`ca.pem`, with its key beside it), and a certificate of it where the defaults look for
/// one.
pub fn make(folder: &Path) {
    let ca = CertifiedIssuer::self_signed(authority(), KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(folder.join("ca-key.pem"), ca.key().serialize_pem()).unwrap();
    let pair = issue(folder);
    std::fs::create_dir(folder.join("certs")).unwrap();
    std::fs::write(folder.join("certs/fullchain.pem"), pair.chain).unwrap();
    write_private(&folder.join("certs/privkey.pem"), &pair.key);
}

/// Another certificate of that authority for localhost, with a key of its own.
pub fn issue(folder: &Path) -> Pair {
    issue_by(folder, |_| {})
}

/// One that ends with that year's beginning.
pub fn issue_until(folder: &Path, year: i32) -> Pair {
    issue_by(folder, |certificate| certificate.not_after = date_time_ymd(year, 1, 1))
}

/// One for that name that ended long ago.
pub fn issue_expired_for(folder: &Path, name: &str) -> Pair {
    issue_by(folder, |certificate| {
        certificate.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        certificate.not_after = date_time_ymd(2020, 1, 1);
    })
}

/// One for these names and addresses.
pub fn issue_for(folder: &Path, names: &[&str]) -> Pair {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    issue_by(folder, |certificate| {
        certificate.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
    })
}

/// One by which a client shows who it is; it is good, unless it is to have ended long ago.
pub fn issue_for_client(folder: &Path, has_ended: bool) -> Pair {
    issue_by(folder, |certificate| {
        certificate.distinguished_name.push(DnType::CommonName, "tradecloud-webhook");
        certificate.subject_alt_names.clear();
        certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if has_ended {
            certificate.not_after = date_time_ymd(2020, 1, 1);
        }
    })
}

fn issue_by(folder: &Path, change: impl FnOnce(&mut CertificateParams)) -> Pair {
    let key_of_ca = std::fs::read_to_string(folder.join("ca-key.pem")).unwrap();
    let ca = Issuer::new(authority(), KeyPair::from_pem(&key_of_ca).unwrap());
    let key = KeyPair::generate().unwrap();
    let mut certificate = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    certificate.distinguished_name.push(DnType::CommonName, "localhost");
    change(&mut certificate);
    let certificate = certificate.signed_by(&key, &ca).unwrap();
    let chain = certificate.pem() + &std::fs::read_to_string(folder.join("ca.pem")).unwrap();
    Pair { chain, key: key.serialize_pem(), der: certificate.der().to_vec() }
}

fn authority() -> CertificateParams {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "CA of the tests");
    ca
}
