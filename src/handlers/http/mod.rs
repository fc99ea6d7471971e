//! Handler `http`: every event is one POST to the ERP.
//!
//! Proxies: as with curl, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of the environment apply, because
//! an ERP in the cloud is often reached no other way; one on the intranet belongs into `NO_PROXY`. A
//! loopback address is never asked of a proxy.

mod answer;
mod binding;
mod credentials;
mod oauth;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Certificate, Client, Method, Request, Response, StatusCode, Url, redirect};

pub use self::settings::Settings;

// Whoever else has to call somebody over HTTP does it the same way.
pub(crate) use self::answer::{cause, failed, place};
pub(crate) use self::settings::{on_loopback, roots, url};

use self::binding::Format;
use self::credentials::Credentials;
use super::{BuildError, Configured, Handler, Outcome, SharedHandler, Unavailability};
use crate::event::Event;

/// A machine that does not even take the connection within this time is not there.
const CONNECT: Duration = Duration::from_secs(10);

struct Erp {
    url: Url,
    format: Format,
    timeout: Duration,
    reject_on: Vec<u16>,
    credentials: Credentials,
    client: Client,
}

impl Configured for Settings {
    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        let failed = |error: reqwest::Error| BuildError { name: name.to_owned(), what: cause(&error) };
        let client = client(&self.url, &self.roots).map_err(failed)?;
        let credentials = Credentials::new(self.auth, &self.roots).map_err(failed)?;
        let (url, format, timeout, reject_on) = (self.url, self.format, self.timeout, self.reject_on);
        Ok(Arc::new(Erp { url, format, timeout, reject_on, credentials, client }))
    }
}

/// A client for what is at `url`, which trusts `roots` besides the roots of the system.
pub(crate) fn client(url: &Url, roots: &[Certificate]) -> Result<Client, reqwest::Error> {
    // reqwest takes the process's TLS provider and panics if there is none. If a program that embeds
    // us has installed one, this changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("tradecloud-webhook/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT);
    let client = if on_loopback(url) { client.no_proxy() } else { client };
    // Without TLS no roots are needed; a slim container has none, and should not fail for that.
    let client =
        if url.scheme() == "http" { client.tls_certs_only([]) } else { client.tls_certs_merge(roots.iter().cloned()) };
    client.build()
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
            Ok(response) => answer::judge(response, &self.reject_on).await,
            Err(unavailability) => Outcome::Unavailable(unavailability),
        }
    }

    /// An OPTIONS request: whatever the answer, somebody is there.
    async fn probe(&self) -> Result<String, String> {
        let answer = self.send(Request::new(Method::OPTIONS, self.url.clone())).await;
        let response = answer.map_err(|unavailability| unavailability.reason)?;
        Ok(format!("{} answers ({} to an OPTIONS request)", place(&self.url), response.status()))
    }
}

impl Erp {
    /// Sends the request and waits for the head of the answer, all within the time-out. An access
    /// token that the ERP does not take (any more) is replaced once.
    async fn send(&self, request: Request) -> Result<Response, Unavailability> {
        let sent = tokio::time::timeout(self.timeout, async {
            let again = request.try_clone();
            let used = self.credentials.header(None).await?;
            let response = self.execute(request, used.as_ref()).await?;
            match (again, used) {
                (Some(again), Some(used))
                    if response.status() == StatusCode::UNAUTHORIZED && self.credentials.renewable() =>
                {
                    let renewed = self.credentials.header(Some(&used)).await?;
                    self.execute(again, renewed.as_ref()).await
                }
                _ => Ok(response),
            }
        });
        sent.await.unwrap_or_else(|_| Err(answer::late(&self.url, self.timeout)))
    }

    async fn execute(
        &self,
        mut request: Request,
        authorization: Option<&reqwest::header::HeaderValue>,
    ) -> Result<Response, Unavailability> {
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.client.execute(request).await.map_err(|error| failed(&self.url, &error))
    }
}
