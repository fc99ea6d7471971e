//! Account and certificate on disk, for a restart that does not ask the CA. Only the owner can read
//! them; each file is written as a whole or not at all, and durably: CAs count how often they are asked.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use aws_lc_rs::digest::{SHA256, digest};
use instant_acme::AccountCredentials;
use reqwest::Url;

use super::Certificate;
use crate::outgoing;

/// The files that belong to one CA: another one knows our account as little as its certificate counts.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    directory: PathBuf,
    name: String,
}

impl Cache {
    /// Those of the CA with that directory.
    pub(super) fn new(directory: &Path, ca: &Url) -> Self {
        let digest = digest(&SHA256, ca.as_str().as_bytes());
        let digest = digest.as_ref().iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte));
        Self {
            directory: directory.to_owned(),
            name: format!("{}-{digest:08x}", outgoing::place(ca).replace(':', "-")),
        }
    }

    /// The certificate, if there is one.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub(super) fn certificate(&self) -> anyhow::Result<Option<Certificate>> {
        let Some(pem) = read(&self.file("certificate.pem"))? else { return Ok(None) };
        Ok(Some(Certificate::parse(&pem)?))
    }

    /// Keeps private key and chain, in one file so that they always fit together.
    pub(super) fn keep_certificate(&self, pem: &str) -> anyhow::Result<()> {
        self.write("certificate.pem", pem.as_bytes())
    }

    /// The account, if there is one.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub(super) fn account(&self) -> anyhow::Result<Option<AccountCredentials>> {
        let Some(json) = read(&self.file("account.json"))? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&json).context("it holds no account")?))
    }

    /// Keeps the account.
    pub(super) fn keep_account(&self, account: &AccountCredentials) -> anyhow::Result<()> {
        self.write("account.json", &serde_json::to_vec(account)?)
    }

    /// Where the secrets are, if they are there.
    pub(super) fn files(&self) -> [PathBuf; 2] {
        ["certificate.pem", "account.json"].map(|kind| self.file(kind))
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.directory.join(format!("{}-{kind}", self.name))
    }

    fn write(&self, kind: &str, content: &[u8]) -> anyhow::Result<()> {
        let written = make_directory(&self.directory).and_then(|()| write(&self.directory, &self.file(kind), content));
        written.with_context(|| format!("cannot write to {} (server.tls.acme.cache)", self.directory.display()))
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write(directory: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!(".{}.part", uuid::Uuid::new_v4()));
    let written = write_for_owner(&temporary, content).and_then(|()| fs::rename(&temporary, target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // Windows has no such call and needs none.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Only the owner may read it, from its first moment on.
fn write_for_owner(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
