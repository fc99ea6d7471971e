//! Authorities of a [`Section`]: the certificates in `ca_file`, which are trusted besides those of the system.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::Section;

/// The certificates of `ca_file`.
#[derive(Debug, Clone, Default)]
pub struct Authorities {
    /// One by one.
    pub certificates: Vec<CertificateDer<'static>>,
    /// As they stand in the file (PEM); `None` without a file.
    pub pem: Option<String>,
}

impl Section {
    /// The certificates of `ca_file`; none without the key, and `None` if a problem was noted. When the file
    /// changes, what is made of this table is made anew.
    ///
    /// Every `ca_file` is read here: one that is read elsewhere is easily forgotten by a reload.
    pub fn authorities(&self) -> Option<Authorities> {
        self.or("ca_file", Self::read_authorities, Authorities::default())
    }

    fn read_authorities(&self, key: &str) -> Option<Authorities> {
        let path = self.file(key)?;
        self.depends_on(key, &path);
        let pem = match std::fs::read(&path) {
            Ok(pem) => pem,
            Err(error) => {
                self.error(key, format!("cannot be read: {}: {error}", path.display()));
                return None;
            }
        };
        match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
            // What is no UTF-8 stands between the certificates.
            Ok(certificates) if !certificates.is_empty() => {
                Some(Authorities { certificates, pem: Some(String::from_utf8_lossy(&pem).into_owned()) })
            }
            _ => {
                self.error(key, format!("holds no certificate in PEM form: {}", path.display()));
                None
            }
        }
    }
}
