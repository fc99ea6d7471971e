//! The keys of an issuer on disk, for a restart while the issuer is away. They are public; what
//! matters is that nobody else can write there.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::durable;

/// Larger than any file that we write.
const LARGEST: u64 = 4 << 20;

/// What is kept of an issuer.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    /// Whose keys these are: with another issuer in the configuration they are nobody's.
    pub(super) issuer: String,
    /// Where they were found.
    pub(super) document: String,
    /// As in the discovery document.
    pub(super) access_token_issuer: Option<String>,
    /// When they were fetched.
    pub(super) fetched: Timestamp,
    /// The key set as it came.
    pub(super) key_set: Box<RawValue>,
}

/// The file for an issuer: several receivers and credentials may share the directory.
pub(super) fn file(directory: &Path, issuer: &str, document: &Url) -> PathBuf {
    let name = digest(&SHA256, format!("{issuer}\n{document}").as_bytes());
    directory.join(format!("{}.json", BASE64_URL_SAFE_NO_PAD.encode(&name.as_ref()[..18])))
}

/// Reads the file; `None` if there is none, or if it is of no use.
pub(super) fn load(path: &Path, issuer: &str, document: &Url) -> Option<Stored> {
    let mut json = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut json).ok()?;
    let stored: Stored = serde_json::from_slice(&json).ok()?;
    (stored.issuer == issuer && stored.document == document.as_str()).then_some(stored)
}

/// Writes the file as a whole or not at all. Only the owner may write where keys come from.
///
/// # Errors
/// If it cannot be written.
pub(super) fn save(path: &Path, stored: &Stored) -> io::Result<()> {
    durable::make_folder(path.parent().unwrap_or(Path::new("")), Some(0o700))?;
    durable::write(path, None, &serde_json::to_vec(stored)?)
}

/// Whether the file could be written; leaves nothing behind.
///
/// # Errors
/// Why it could not.
pub(super) fn rehearse(path: &Path) -> io::Result<()> {
    durable::rehearse(path.parent().unwrap_or(Path::new("")))
}
