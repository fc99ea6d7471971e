//! The HTTP below ACME: the same as for every other server, with its proxies, private CAs and bounds.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use reqwest::Url;

use super::Settings;
use crate::outgoing;

/// For one request and its answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer of a CA is larger by far.
const LARGEST: usize = 1 << 20;
/// How a CA says what is wrong.
const PROBLEM: &str = "application/problem+json";

/// How the CA is spoken to.
pub(super) struct Http(Arc<outgoing::Caller>);

impl Http {
    /// As the settings say.
    ///
    /// # Errors
    /// If there is nothing to trust.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let caller = outgoing::Caller::new(&settings.directory, &settings.roots);
        Ok(Self(caller.map(Arc::new).map_err(|error| anyhow::anyhow!(outgoing::cause(&error)))?))
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let caller = Arc::clone(&self.0);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let url: Url = parts.uri.to_string().parse().map_err(other("the CA gave an address that is none"))?;
            // Ours says who we are.
            parts.headers.remove(USER_AGENT);
            let failed = |error| Error::Other(outgoing::failed(&url, &error).reason.into());
            let answered = caller.send(|client| {
                client.request(parts.method, url.clone()).headers(parts.headers).body(body).timeout(PATIENCE)
            });
            let mut answer = answered.await.map_err(failed)?;
            if !answer.status().is_success() && !is_problem(answer.headers()) {
                return Err(Error::Other(format!("{} answered {}", outgoing::place(&url), answer.status()).into()));
            }
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(failed)? {
                if body.len() + chunk.len() > LARGEST {
                    return Err(Error::Other(
                        format!("{} sends more than {LARGEST} bytes", outgoing::place(&url)).into(),
                    ));
                }
                body.extend_from_slice(&chunk);
            }
            let mut response = Response::new(());
            *response.status_mut() = answer.status();
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(BytesResponse { parts: response.into_parts().0, body: Box::new(Bytes::from(body)) })
        })
    }
}

/// Whether the CA itself speaks; whatever stands before it has other words.
fn is_problem(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.get(..PROBLEM.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(PROBLEM.as_bytes()))
}

fn other<E>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |_| Error::Other(what.into())
}

/// Whether the CA is there; what it is or is not, for people.
pub(super) async fn probe(settings: &Settings) -> Result<String, String> {
    let directory = &settings.directory;
    let client = outgoing::client(directory, &settings.roots).map_err(|error| outgoing::cause(&error))?;
    let answer = client.get(directory.clone()).timeout(PATIENCE).send().await;
    let answer = answer.map_err(|error| outgoing::failed(directory, &error).reason)?;
    if !answer.status().is_success() {
        return Err(format!("{directory} answered {}", answer.status()));
    }
    let json = answer.bytes().await.map_err(|error| outgoing::failed(directory, &error).reason)?;
    match serde_json::from_slice::<serde_json::Value>(&json) {
        Ok(known) if known["newOrder"].is_string() => Ok(format!("{directory} answers")),
        _ => Err(format!("{directory} is not the directory of an ACME server")),
    }
}
