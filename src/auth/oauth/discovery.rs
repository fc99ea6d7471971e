//! Asks an issuer for its keys: the discovery document (OpenID Connect Discovery 1.0), and the key set
//! that it names.

use std::time::Duration;

use reqwest::{Certificate, Client, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::clock::Clock;
use super::keys::Keys;
use crate::outgoing;

/// No document and no key set is larger by far.
const LARGEST: usize = 1 << 20;
/// Both requests together.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the keys are found, and whose they are.
#[derive(Debug)]
pub(super) struct Source {
    /// The issuer as the configuration has it.
    pub(super) issuer: String,
    /// The discovery document.
    pub(super) document: Url,
    /// Certificates to trust besides those of the system.
    pub(super) roots: Vec<Certificate>,
}

/// What the issuer said.
pub(super) struct Published {
    /// What stands as `iss` in its access tokens, besides the issuer itself: of ADFS.
    pub(super) access_token_issuer: Option<String>,
    /// The key set as it came.
    pub(super) key_set: Vec<u8>,
    /// The keys in it.
    pub(super) keys: Keys,
    /// What its clock says, if it told.
    pub(super) clock: Option<Clock>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    access_token_issuer: Option<String>,
}

impl Source {
    /// Asks, within a bounded time.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub(super) async fn ask(&self) -> Result<Published, String> {
        let asked = tokio::time::timeout(PATIENCE, self.ask_at_leisure()).await;
        asked.unwrap_or_else(|_| Err(format!("{} gave no answer within {PATIENCE:?}", outgoing::place(&self.document))))
    }

    async fn ask_at_leisure(&self) -> Result<Published, String> {
        let client = outgoing::client(&self.document, &self.roots).map_err(|error| outgoing::cause(&error))?;
        let (document, clock) = get(&client, &self.document).await?;
        let document: Document = serde_json::from_slice(&document)
            .map_err(|_| format!("{} is no discovery document (issuer, jwks_uri)", self.document))?;
        if document.issuer != self.issuer {
            let named = super::shown(&document.issuer);
            let (ours, at) = (&self.issuer, &self.document);
            return Err(format!("{at} is the document of another issuer: {named}, and not \"{ours}\" to the letter"));
        }
        let key_set_at: Url =
            document.jwks_uri.parse().map_err(|_| format!("{} names no address of keys (jwks_uri)", self.document))?;
        if !is_safe(&key_set_at) {
            return Err(format!("{} names keys at {key_set_at}, which is not https", self.document));
        }
        let (key_set, later_clock) = get(&client, &key_set_at).await?;
        let keys = Keys::parse(&key_set).map_err(|what| format!("{key_set_at} {what}"))?;
        let clock = Clock::latest(clock, later_clock);
        Ok(Published { access_token_issuer: document.access_token_issuer, key_set, keys, clock })
    }
}

/// Whether nobody on the way can change what comes from there.
pub(super) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(outgoing::on_loopback))
}

/// What is there, and what the clock of whoever gave it says.
async fn get(client: &Client, url: &Url) -> Result<(Vec<u8>, Option<Clock>), String> {
    let asked = Instant::now();
    let request = client.get(url.clone()).header("accept", "application/json");
    let mut response = request.send().await.map_err(|error| outgoing::failed(url, &error).reason)?;
    if response.status().as_u16() != 200 {
        return Err(format!("{url} answered {}", response.status()));
    }
    let clock = Clock::read(response.headers(), asked);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| outgoing::failed(url, &error).reason)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(format!("{url} sends more than {LARGEST} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, clock))
}
