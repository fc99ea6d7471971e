//! Handler `http`: every event is one POST to the ERP.
//!
//! Proxies: as with curl, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of the environment apply, because
//! an ERP in the cloud is often reached no other way; one on the intranet belongs into `NO_PROXY`. A
//! loopback address is never asked of a proxy.

mod answer;
mod binding;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Request, Response, Url};

pub use self::settings::Settings;

use self::answer::Refusals;
use self::binding::Format;
use super::{BuildError, Configured, Handler, Outcome, SharedHandler};
use crate::event::Event;
use crate::outgoing::{Caller, Credentials, Failure, cause, failed, late, place};

struct Erp {
    url: Url,
    format: Format,
    timeout: Duration,
    refusals: Refusals,
    credentials: Credentials,
    caller: Caller,
}

impl Configured for Settings {
    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        let failed = |error: reqwest::Error| BuildError { name: name.to_owned(), what: cause(&error) };
        let caller = Caller::new(&self.url, &self.roots).map_err(failed)?;
        let credentials = Credentials::new(self.auth, &self.roots).map_err(failed)?;
        let (url, format, timeout, refusals) = (self.url, self.format, self.timeout, self.refusals);
        Ok(Arc::new(Erp { url, format, timeout, refusals, credentials, caller }))
    }
}

impl Handler for Erp {
    async fn deliver(&self, event: &Event) -> Outcome {
        let message = match self.format.render(event).await {
            Ok(message) => message,
            Err(outcome) => return outcome,
        };
        let mut request = Request::new(Method::POST, self.url.clone());
        *request.headers_mut() = message.headers;
        request.headers_mut().insert(CONTENT_TYPE, message.content_type);
        *request.body_mut() = Some(message.body.into());
        match self.send(request).await {
            Ok(response) => answer::judge(response, &self.refusals).await,
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
            let response = self.execute(request, used.as_ref()).await?;
            match (again, used) {
                (Some(again), Some(used)) if response.status().as_u16() == 401 && self.credentials.renewable() => {
                    let renewed = self.credentials.header(Some(&used)).await?;
                    self.execute(again, renewed.as_ref()).await
                }
                _ => Ok(response),
            }
        });
        sent.await.unwrap_or_else(|_| Err(late(&self.url, self.timeout)))
    }

    async fn execute(
        &self,
        mut request: Request,
        authorization: Option<&reqwest::header::HeaderValue>,
    ) -> Result<Response, Failure> {
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.caller.execute(request).await.map_err(|error| failed(&self.url, &error))
    }
}
