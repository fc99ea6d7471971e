//! The object storage behind the API, for documents.

use reqwest::Response;

use super::api::Api;
use super::error::ApiError;
use super::path::no_id;
use super::settings::Settings;
use crate::documents::{Metadata, Source, SourceError, Surroundings};
use crate::outgoing::Failure;

#[async_trait::async_trait]
impl Source for Api {
    fn never(&self, object_id: &str) -> Option<String> {
        no_id(object_id)
    }

    async fn metadata(&self, object_id: &str) -> Result<Metadata, SourceError> {
        // Apart from the trait's: this one asks.
        let found = Self::metadata(self, object_id).await?;
        let (filename, content_type, download_url) = (found.filename, found.content_type, found.download_url);
        Ok(Metadata { filename, content_type, download_url })
    }

    async fn download(&self, object_id: &str) -> Result<Response, SourceError> {
        Ok(Self::download(self, object_id).await?)
    }
}

impl From<ApiError> for SourceError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Over | ApiError::NotAllowed(_) => {
                Self::Failed(Failure { reason: error.to_string(), late: false, pause: None })
            }
            ApiError::NotFound(reason) => Self::NotFound(reason),
            ApiError::Forbidden(reason) => Self::Forbidden(reason),
            ApiError::Credentials(reason) => Self::Failed(Failure { reason, late: false, pause: None }),
            ApiError::Useless { reason, pause } => Self::Failed(Failure { reason, late: false, pause }),
            ApiError::Unavailable { reason, late, pause } => Self::Failed(Failure { reason, late, pause }),
        }
    }
}

impl Settings {
    /// What documents have to know of the platform.
    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings { local: self.is_on_loopback(), roots: self.roots.clone(), not_found_after: self.not_found_after }
    }
}
