//! Handler `http`: every event is one POST to the ERP, and before that each of its documents a PUT (`documents`).
//!
//! Proxies: as with curl, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of the environment apply, because
//! an ERP in the cloud is often reached no other way; one on the intranet belongs into `NO_PROXY`. A
//! loopback address is never asked of a proxy.

mod answer;
mod binding;
mod documents;
mod headers;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request, Response, Url};

pub use self::settings::Settings;

use self::answer::Refusals;
use self::binding::Format;
use self::documents::DocumentsUrl;
use super::{BuildError, Configured, Handler, Outcome, SharedHandler};
use crate::event::Event;
use crate::outgoing::{Caller, Credentials, Failure, advice, cause, failed, late, place};

struct Erp {
    url: Url,
    format: Format,
    timeout: Duration,
    refusals: Refusals,
    credentials: Credentials,
    headers: HeaderMap,
    caller: Caller,
    documents: Option<Way>,
}

/// The way to where documents go.
struct Way {
    url: DocumentsUrl,
    caller: Caller,
}

impl Configured for Settings {
    fn describe(&self) -> String {
        format!("http, {}://{}", self.url.scheme(), place(&self.url))
    }

    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        let failed = |error: reqwest::Error| BuildError { name: name.to_owned(), what: cause(&error) };
        let documents = match self.documents_url.and_then(|url| Some((url.any()?, url))) {
            Some((any, url)) => {
                let caller = Caller::identified(&any, &self.roots, self.identity.clone()).map_err(failed)?;
                Some(Way { url, caller })
            }
            None => None,
        };
        let caller = Caller::identified(&self.url, &self.roots, self.identity).map_err(failed)?;
        let credentials = Credentials::new(self.auth, &self.roots).map_err(failed)?;
        Ok(Arc::new(Erp {
            url: self.url,
            format: self.format,
            timeout: self.timeout,
            refusals: self.refusals,
            credentials,
            headers: self.headers.headers,
            caller,
            documents,
        }))
    }
}

impl Handler for Erp {
    async fn deliver(&self, event: &Event) -> Outcome {
        if let Err(outcome) = self.hand_documents_on(event).await {
            return outcome;
        }
        let message = match self.format.render(event).await {
            Ok(message) => message,
            Err(outcome) => return outcome,
        };
        let mut request = Request::new(Method::POST, self.url.clone());
        *request.headers_mut() = message.headers;
        request.headers_mut().insert(CONTENT_TYPE, message.content_type);
        *request.body_mut() = Some(message.body.into());
        match self.send(request).await {
            Ok(response) => answer::judge(event, response, &self.refusals).await,
            Err(failure) => Outcome::Unavailable(failure.into()),
        }
    }

    /// An OPTIONS request: whatever the answer, somebody is there.
    async fn probe(&self) -> Result<String, String> {
        let answer = self.send(Request::new(Method::OPTIONS, self.url.clone())).await;
        let response = answer.map_err(|failure| failure.reason)?;
        Ok(format!("{} answers ({} to an OPTIONS request)", place(&self.url), response.status()))
    }
}

impl Erp {
    /// Sends the request and waits for the head of the answer, all within the time-out. An access
    /// token that the ERP does not take (any more) is replaced once.
    async fn send(&self, request: Request) -> Result<Response, Failure> {
        let sent = tokio::time::timeout(self.timeout, async {
            let again = request.try_clone();
            let used = self.credentials.header(None).await?;
            let response = self.execute(&self.caller, request, used.as_ref()).await?;
            match (again, used) {
                (Some(again), Some(used)) if response.status().as_u16() == 401 && self.credentials.renewable() => {
                    let renewed = self.credentials.header(Some(&used)).await?;
                    self.execute(&self.caller, again, renewed.as_ref()).await
                }
                _ => Ok(response),
            }
        });
        sent.await.unwrap_or_else(|_| Err(late(&self.url, self.timeout)))
    }

    async fn execute(
        &self,
        caller: &Caller,
        mut request: Request,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let url = request.url().clone();
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        caller.execute(request).await.map_err(|error| {
            let failure = failed(&url, &error);
            let reason = format!("{}{}", failure.reason, advice(&error));
            Failure { reason, ..failure }
        })
    }
}
