//! Certificates and private keys in files, as people bring them.
//!
//! Wanted is PEM (RFC 7468). What editors, mail and `cat` do to it does not matter: byte order marks, line ends, blanks,
//! blocks without a line break between them (`blocks`). A key may be encrypted (`encrypted`), and has to belong to its
//! certificate (`pair`). What is something else is named for what it is, with the command that makes PEM of it
//! (`foreign`).
//!
//! What is wrong is said as the rest of a sentence that begins with where the file was named.

mod blocks;
mod encrypted;
mod foreign;
mod pair;

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memchr;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use secrecy::SecretString;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use self::blocks::blocks;
use self::foreign::{Foreign, Wanted};

pub(crate) use self::foreign::is_utf16;
pub(crate) use self::pair::pair;

/// A private key, wiped when dropped.
pub(crate) type PrivateKey = Zeroizing<PrivateKeyDer<'static>>;

/// A line of Base64 in PEM has so many characters (RFC 7468, §2).
const LINE: usize = 64;

/// Why a key cannot be had: because of its file, or because of its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// It is encrypted, and there is no password.
    Locked(String),
    /// It is another password.
    WrongPassword,
    /// There is no key that can be read.
    None(String),
}

/// The certificates in the file at `path`, in their order.
///
/// # Errors
/// If it cannot be read, or if there is none, or one that is damaged.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates_in(&read(path)?, path)
}

fn certificates_in(content: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let blocks = blocks(content).map_err(|what| format!("{} {what}", path.display()))?;
    let mut certificates = Vec::new();
    for block in blocks.iter().filter(|block| CERTIFICATE.contains(&block.label)) {
        let der = block.decode().filter(|der| X509Certificate::from_der(der).is_ok_and(|(rest, _)| rest.is_empty()));
        let Some(der) = der else {
            return Err(format!(
                "{} holds a certificate that is damaged, from line {} on. Get the file anew",
                path.display(),
                block.line
            ));
        };
        certificates.push(CertificateDer::from(der.to_vec()));
    }
    if certificates.is_empty() {
        return Err(Foreign::of(content, &blocks).instead_of(Wanted::Certificate, path));
    }
    // What PowerShell appends with `>>`, for one, is in UTF-16. It must not be left out without a word.
    let end = content.iter().rposition(|byte| *byte != 0).unwrap_or_default();
    if memchr(0, &content[..end]).is_some() {
        return Err(format!(
            "{} holds something besides certificates in PEM form, such as one in UTF-16 or DER form. Put it together \
             anew, all of it in PEM form and UTF-8",
            path.display()
        ));
    }
    Ok(certificates)
}

/// The first private key in the file at `path`, and whether `password` was needed for it.
///
/// # Errors
/// [`NoKey`], which says nothing of the key itself.
pub(crate) fn private_key(path: &Path, password: Option<&SecretString>) -> Result<(PrivateKey, bool), NoKey> {
    let content = read(path).map_err(NoKey::None)?;
    private_key_in(&content, path, password)
}

fn private_key_in(content: &[u8], path: &Path, password: Option<&SecretString>) -> Result<(PrivateKey, bool), NoKey> {
    let none = |what: String| NoKey::None(format!("{} {what}", path.display()));
    let blocks = blocks(content).map_err(none)?;
    let Some(block) = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY") && block.label != OPENSSH) else {
        return Err(NoKey::None(Foreign::of(content, &blocks).instead_of(Wanted::Key, path)));
    };
    if block.is_encrypted {
        return Err(none(foreign::reencrypt("is encrypted in the old way of OpenSSL, which is not read", path)));
    }
    let damaged = || none(format!("holds a private key that is damaged, from line {} on. Get it anew", block.line));
    let der = block.decode().ok_or_else(damaged)?;
    let key = match block.label {
        "ENCRYPTED PRIVATE KEY" => return encrypted::open(&der, password, path).map(|key| (key, true)),
        "PRIVATE KEY" => PrivatePkcs8KeyDer::from(der.to_vec()).into(),
        "RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(der.to_vec()).into(),
        "EC PRIVATE KEY" => PrivateSec1KeyDer::from(der.to_vec()).into(),
        other => return Err(none(format!("holds a private key of a kind that is not read here ({other})"))),
    };
    Ok((Zeroizing::new(key), false))
}

/// How a certificate is labelled, today and of old (RFC 7468, §5.1).
const CERTIFICATE: [&str; 2] = ["CERTIFICATE", "X509 CERTIFICATE"];
/// How OpenSSH labels what is no key for TLS.
const OPENSSH: &str = "OPENSSH PRIVATE KEY";

/// Certificates as PEM, for libraries that want just that.
pub(crate) fn of_certificates(certificates: &[CertificateDer<'_>]) -> String {
    let mut pem = String::new();
    for certificate in certificates {
        put(&mut pem, "CERTIFICATE", certificate);
    }
    pem
}

/// A chain with its key as PEM, and nothing else that may have stood in their files.
pub(crate) fn of_pair(chain: &[CertificateDer<'_>], key: &PrivateKeyDer<'_>) -> Zeroizing<String> {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    let (certificates, key) = (of_certificates(chain), key.secret_der());
    // In one piece from the beginning: a text that grows leaves copies behind. Base64 takes less than twice as much.
    let mut pem = Zeroizing::new(String::with_capacity(certificates.len() + 2 * key.len() + 2 * LINE));
    pem.push_str(&certificates);
    put(&mut pem, label, key);
    pem
}

fn put(pem: &mut String, label: &str, der: &[u8]) {
    let text = Zeroizing::new(BASE64_STANDARD.encode(der));
    let _ = writeln!(pem, "-----BEGIN {label}-----");
    for line in text.as_bytes().chunks(LINE) {
        let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
    }
    let _ = writeln!(pem, "-----END {label}-----");
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    std::fs::read(path).map(Zeroizing::new).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests;
