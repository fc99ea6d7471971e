//! Account and certificate on disk, for a restart that does not ask the CA. Only the owner can read
//! them; each file is written as a whole or not at all, and durably: CAs count how often they are asked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use aws_lc_rs::digest::{SHA256, digest};
use instant_acme::AccountCredentials;
use reqwest::Url;

use super::Certificate;
use crate::durable;
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

    /// Whether they could be kept; leaves nothing behind.
    pub(super) fn rehearse(&self) -> anyhow::Result<()> {
        durable::rehearse(&self.directory).with_context(|| self.not_written())
    }

    /// Where the secrets are, if they are there.
    pub(super) fn files(&self) -> [PathBuf; 2] {
        ["certificate.pem", "account.json"].map(|kind| self.file(kind))
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.directory.join(format!("{}-{kind}", self.name))
    }

    fn write(&self, kind: &str, content: &[u8]) -> anyhow::Result<()> {
        let written = durable::make_folder(&self.directory, Some(0o700));
        let written = written.and_then(|()| durable::write(&self.file(kind), Some(0o600), content));
        written.with_context(|| self.not_written())
    }

    fn not_written(&self) -> String {
        format!("cannot write to {} (server.tls.acme.cache)", self.directory.display())
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
