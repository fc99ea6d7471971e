//! What a file is that holds no certificate or key in PEM form, and the command that makes one of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rustls::pki_types::PrivateKeyDer;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509CertificationRequest};

use super::OPENSSH;
use super::blocks::Block;
use crate::shown::word;

/// What somebody looks for in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Certificate,
    Key,
}

/// What is there in its stead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Foreign {
    Nothing,
    /// Text with two bytes for a character, as some editors and shells of Windows write it.
    Utf16,
    /// A certificate in DER form.
    Certificate,
    /// A private key in DER form.
    Key,
    /// One that is encrypted.
    EncryptedKey,
    /// PKCS#12: certificates and key together, with a password.
    Pfx,
    /// PKCS#7: certificates; whether it is DER.
    P7b(bool),
    /// What is sent to a CA to get a certificate.
    Request,
    /// PEM blocks of other kinds, by their labels.
    Labels(Vec<String>),
    Unknown,
}

/// The object identifiers, as DER, that begin what PKCS#7 and PKCS#5 are about; the last is that of PKCS#12, which
/// encrypts keys in its own way.
const PKCS7: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";
const PKCS5: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05";
const PKCS12: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
/// The version that a PKCS#12 file begins with.
const VERSION_3: &[u8] = b"\x02\x01\x03";

impl Foreign {
    /// What `content` is, in which these blocks were found.
    pub(super) fn of(content: &[u8], blocks: &[Block<'_>]) -> Self {
        if content.iter().all(u8::is_ascii_whitespace) {
            Self::Nothing
        } else if is_utf16(content) {
            Self::Utf16
        } else if let Some(block) = blocks.first() {
            match block.label {
                "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => Self::P7b(false),
                "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::Request,
                _ => Self::Labels(blocks.iter().map(|block| block.label.to_owned()).collect()),
            }
        } else {
            of_der(content)
        }
    }

    /// That it is there, and what to do, to be read after where the file at `path` was named.
    pub(super) fn instead_of(&self, wanted: Wanted, path: &Path) -> String {
        let (what, suffix) = match wanted {
            Wanted::Certificate => ("certificate", ""),
            Wanted::Key => ("private key", "-key"),
        };
        let mut said = format!("{} holds no {what} in PEM form", path.display());
        if let Some(found) = self.described(wanted) {
            let _ = write!(said, ": it {found}");
        }
        let (from, to) = (word(path), word(&beside(path, suffix)));
        let _ = match (self, wanted) {
            (Self::Nothing, _) => Ok(()),
            (Self::Utf16, _) => write!(said, ". Convert it with `iconv -f UTF-16 -t UTF-8 {from} > {to}`"),
            (Self::Certificate, Wanted::Certificate) => {
                write!(said, ". Convert it with `openssl x509 -inform DER -in {from} -out {to}`")
            }
            (Self::Key | Self::EncryptedKey, Wanted::Key) => {
                write!(said, ". Convert it with `openssl pkey -inform DER -in {from} -out {to}`")
            }
            (Self::Pfx, Wanted::Certificate) => {
                write!(said, ". Convert it with `openssl pkcs12 -in {from} -nokeys -out {to}`")
            }
            (Self::Pfx, Wanted::Key) => {
                write!(said, ". Convert it with `openssl pkcs12 -in {from} -nocerts -nodes -out {to}`")
            }
            (Self::P7b(is_der), Wanted::Certificate) => {
                let form = if *is_der { "-inform DER " } else { "" };
                write!(said, ". Convert it with `openssl pkcs7 {form}-print_certs -in {from} -out {to}`")
            }
            (Self::Labels(labels), Wanted::Certificate)
                if labels.iter().any(|label| label == "TRUSTED CERTIFICATE") =>
            {
                write!(said, ". Convert it with `openssl x509 -in {from} -out {to}`")
            }
            (Self::Labels(labels), Wanted::Key) if labels.iter().any(|label| label == OPENSSH) => {
                write!(said, ". Convert a copy of it with `ssh-keygen -p -m PKCS8 -f {from}`")
            }
            (Self::Request, Wanted::Certificate) => write!(said, ". Give the certificate that the CA has made of it"),
            _ => write!(said, ". Name the file that holds the {what}"),
        };
        said
    }

    fn described(&self, wanted: Wanted) -> Option<String> {
        let text = match self {
            Self::Nothing => "is empty",
            Self::Utf16 => "is text in UTF-16",
            Self::Certificate if wanted == Wanted::Certificate => "holds one in DER form",
            Self::Certificate => "holds a certificate (in DER form)",
            Self::Key if wanted == Wanted::Key => "holds one in DER form",
            Self::EncryptedKey if wanted == Wanted::Key => "holds one in DER form, encrypted",
            Self::Key | Self::EncryptedKey => "holds a private key (in DER form)",
            Self::Pfx => "is a PKCS#12 file (PFX), which has certificates and key in one",
            Self::P7b(_) => "is a PKCS#7 file (P7B), which has certificates only",
            Self::Request => "holds a request for a certificate",
            Self::Labels(labels) => {
                let mut labels = labels.clone();
                labels.dedup();
                return Some(format!("holds {}", labels.join(", ")));
            }
            Self::Unknown => return None,
        };
        Some(text.to_owned())
    }
}

/// That the encrypted key at `path` cannot be opened without a password, and what to do.
pub(super) fn locked(path: &Path) -> String {
    let (from, to) = (word(path), word(&beside(path, "")));
    format!("or take the encryption off: `openssl pkey -in {from} -out {to}`")
}

/// That a key `is` encrypted as nobody should any more, and how to encrypt it anew.
pub(super) fn reencrypt(is: &str, path: &Path) -> String {
    let (from, to) = (word(path), word(&beside(path, "")));
    format!("{is}. Encrypt it as PKCS#8: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in {from} -out {to}`")
}

/// Whether it looks like text in UTF-16: with its byte order mark, or of ASCII alone.
pub(crate) fn is_utf16(content: &[u8]) -> bool {
    match content {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, 0, second, 0, ..] | [0, first, 0, second, ..] => first.is_ascii_graphic() && second.is_ascii_graphic(),
        _ => false,
    }
}

fn of_der(content: &[u8]) -> Foreign {
    let Some(inside) = inside(content) else { return Foreign::Unknown };
    let is_for_password = |first: &[u8]| first.starts_with(PKCS5) || first.starts_with(PKCS12);
    if inside.starts_with(VERSION_3) {
        Foreign::Pfx
    } else if inside.starts_with(PKCS7) {
        Foreign::P7b(true)
    } else if self::inside(inside).is_some_and(is_for_password) {
        Foreign::EncryptedKey
    } else if X509Certificate::from_der(content).is_ok() {
        Foreign::Certificate
    } else if X509CertificationRequest::from_der(content).is_ok() {
        Foreign::Request
    } else if PrivateKeyDer::try_from(content).is_ok() {
        Foreign::Key
    } else {
        Foreign::Unknown
    }
}

/// What is in a SEQUENCE of ASN.1, whose length may be left open (BER, as Windows exports PKCS#12).
fn inside(element: &[u8]) -> Option<&[u8]> {
    let (length, rest) = element.strip_prefix(&[0x30])?.split_first()?;
    rest.get(if *length < 0x80 { 0 } else { usize::from(length & 0x7f) }..)
}

/// Where to write what is made of the file at `path`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let named = path.with_file_name(format!("{stem}{suffix}.pem"));
    if named == path { path.with_file_name(format!("{stem}{suffix}-new.pem")) } else { named }
}
