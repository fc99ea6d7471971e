//! Whence the documents in Tradecloud's object storage come: its API, or what stands in for it in a test.

use async_trait::async_trait;
use reqwest::Response;

use crate::outgoing::Failure;

/// What Tradecloud says of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Its name when it was uploaded.
    pub(crate) filename: Option<String>,
    /// The media type that it was uploaded with.
    pub(crate) content_type: Option<String>,
    /// Where it is to be had for a short time, signed.
    pub(crate) download_url: String,
}

/// Why Tradecloud does not say it.
#[derive(Debug, Clone)]
pub(crate) enum SourceError {
    /// There is no such document, in words. It may be gone, or not there yet.
    NotFound(String),
    /// The account may not have it, in words.
    Forbidden(String),
    /// Not now.
    Failed(Failure),
}

/// Tradecloud's API, as far as documents are concerned.
#[async_trait]
pub(crate) trait Source: Send + Sync {
    /// Why there can be no document of that id, if there can be none.
    fn never(&self, _object_id: &str) -> Option<String> {
        None
    }

    /// What a document is, and where it is to be had.
    async fn metadata(&self, object_id: &str) -> Result<Metadata, SourceError>;

    /// The document itself, by way of the platform: the head of an answer of 200, its body to be read.
    async fn download(&self, object_id: &str) -> Result<Response, SourceError>;
}
