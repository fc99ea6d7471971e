//! Certificates and private keys that a [`Section`] names: where they are, and what they are.

use std::path::Path;

use rustls::pki_types::CertificateDer;

use super::Section;
use crate::pem::{self, NoKey, PrivateKey};

/// The certificates of `ca_file`.
#[derive(Debug, Clone, Default)]
pub struct Authorities {
    /// One by one.
    pub certificates: Vec<CertificateDer<'static>>,
    /// All of them in PEM; `None` without a file.
    pub pem: Option<String>,
}

impl Section {
    /// The certificates of `ca_file`, which are trusted besides those of the system; none without the key, and `None`
    /// if a problem was noted. When the file changes, what is made of this table is made anew.
    ///
    /// Every `ca_file` is read here: one that is read elsewhere is easily forgotten by a reload.
    pub fn authorities(&self) -> Option<Authorities> {
        self.or("ca_file", Self::read_authorities, Authorities::default())
    }

    fn read_authorities(&self, key: &str) -> Option<Authorities> {
        let certificates = self.certificates(key, &self.file(key)?)?;
        let pem = Some(pem::of_certificates(&certificates));
        Some(Authorities { certificates, pem })
    }

    /// The certificates in the file at `path`, which `key` names; `None` if a problem was noted. When the file changes,
    /// what is made of this table is made anew.
    pub fn certificates(&self, key: &str, path: &Path) -> Option<Vec<CertificateDer<'static>>> {
        self.depends_on(key, path);
        pem::certificates(path).map_err(|what| self.error(key, what)).ok()
    }

    /// The private key in the file at `path`, which `key` names. If it is encrypted, its password is the secret
    /// `<key>_password`. `None` if a problem was noted. When one of both changes, what is made of this table is made
    /// anew.
    pub(crate) fn private_key(&self, key: &str, path: &Path) -> Option<PrivateKey> {
        self.depends_on(key, path);
        let key_of_password = format!("{key}_password");
        let given = self.has_secret(&key_of_password);
        // Wiped at the end of this function.
        let password = if given { Some(self.secret(&key_of_password)?) } else { None };
        let key_of_password =
            if self.has(&key_of_password) { key_of_password } else { format!("{key_of_password}_file") };
        match pem::private_key(path, password.as_ref()) {
            Ok((private_key, was_encrypted)) => {
                self.warn_if_open_to_all(key, path);
                if given && !was_encrypted {
                    self.warning(&key_of_password, format!("is not needed: {} is not encrypted", path.display()));
                }
                return Some(private_key);
            }
            Err(NoKey::None(what)) => self.error(key, what),
            Err(NoKey::WrongPassword) => {
                self.error(&key_of_password, format!("is not the password of {}", path.display()));
            }
            Err(NoKey::Locked(otherwise)) => self.error(
                key,
                format!(
                    "{} is encrypted. Add its password, `{key_of_password} = \"/path/to/file\"`, {otherwise}",
                    path.display()
                ),
            ),
        }
        None
    }
}
