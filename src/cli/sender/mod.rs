//! The part of `send`, `replay` and `simulate` that plays Tradecloud: sends a body, judges the answer as
//! Tradecloud does, and sends again when Tradecloud would.

mod answer;
mod failure;
mod report;
mod target;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Method, Url};

use crate::pem;
use crate::respond::Verdict;

pub(crate) use answer::Answer;
pub(crate) use report::Report;
pub(crate) use target::{Access, Target};

/// How long an answer may take. Tradecloud does not publish its own limit; a receiver that needs
/// this long is too late under any.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The pauses between attempts: the first, doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// One body to send.
pub(crate) struct Post {
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// The media type to send; none is a header left out.
    pub(crate) content_type: Option<String>,
    /// The exact bytes to send.
    pub(crate) body: Bytes,
}

/// Where a body comes from, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The file, as the user named it.
    pub(crate) file: String,
    /// Where in the file, such as `entry 3`, if the file holds several.
    pub(crate) place: Option<String>,
    /// The line on which that begins, if the place does not say so.
    pub(crate) line: Option<u64>,
}

/// Sends bodies to one receiver.
pub(crate) struct Sender {
    client: Caller,
    url: Url,
    retry: bool,
}

/// Calls receivers, with the credentials and the trust that were given.
pub(crate) struct Caller {
    client: Client,
    extra_ca: bool,
}

impl Post {
    /// The headers that are its own.
    ///
    /// # Errors
    /// If the content type fits no header; the text says so.
    pub(crate) fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = &self.content_type {
            let value = HeaderValue::from_bytes(content_type.as_bytes())
                .map_err(|_| "the content type fits no header: correct or remove it".to_owned())?;
            headers.insert(CONTENT_TYPE, value);
        }
        Ok(headers)
    }
}

impl Origin {
    /// A whole file.
    pub(crate) fn file(path: &Path) -> Self {
        Self { file: path.display().to_string(), place: None, line: None }
    }

    /// The file and the place in it.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Some(place) => format!("{}, {place}", self.file),
            None => self.file.clone(),
        }
    }
}

/// That there is something to read at a path.
///
/// # Errors
/// If there is not; the text says what to do.
pub(crate) fn is_file(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    if metadata.is_dir() {
        anyhow::bail!("{shown} is a folder: name the files in it, such as {}", path.join("*.json").display());
    }
    Ok(())
}

impl Caller {
    /// Makes a client that shows itself as `access` says; `plain` if all that it calls is plain HTTP.
    ///
    /// # Errors
    /// If the credentials cannot be used, or the CA file cannot be read.
    pub(crate) fn new(access: &Access, plain: bool) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = access.authorization()? {
            headers.insert(AUTHORIZATION, authorization);
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Fails only if another thread was faster, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let mut builder = Client::builder()
            .user_agent(concat!("tradecloud-webhook/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_WITHIN);
        if let Some(path) = &access.ca {
            builder = builder.tls_certs_merge(certificates(path)?);
        } else if plain {
            // A machine without any root certificate can still try its receiver over plain HTTP.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| {
            anyhow::anyhow!(
                "cannot set up TLS: {}; name the certificate to trust with --ca",
                failure::root_cause(&error)
            )
        })?;
        Ok(Self { client, extra_ca: access.ca.is_some() })
    }

    /// Calls once. No answer is one, too.
    pub(crate) async fn call(&self, method: Method, url: &Url, headers: HeaderMap, body: Option<Bytes>) -> Answer {
        let mut request = self.client.request(method, url.clone()).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let started = Instant::now();
        match request.send().await {
            Ok(response) => Answer::read(response, started).await,
            Err(error) => Answer::none(failure::in_words(&error, url, self.extra_ca), started.elapsed()),
        }
    }
}

impl Sender {
    /// Makes a client for `target`.
    ///
    /// # Errors
    /// If the address or the credentials cannot be used, or the CA file cannot be read.
    pub(crate) fn new(target: &Target) -> anyhow::Result<Self> {
        target.has_bare_url()?;
        let client = Caller::new(&target.access, target.url.scheme() == "http")?;
        Ok(Self { client, url: target.url.clone(), retry: target.retry })
    }

    /// Sends `post` and reports every answer; with `--retry` until Tradecloud would stop.
    ///
    /// # Errors
    /// If the content type fits no header or the report cannot be written. A receiver that does not
    /// answer is no error but a verdict.
    pub(crate) async fn deliver(&self, post: &Post, report: &mut Report<impl Write>) -> anyhow::Result<()> {
        let headers = post.headers().map_err(|why| anyhow::anyhow!("{}: {why}", post.origin.name()))?;
        let mut attempt = 1;
        loop {
            let answer = self.client.call(Method::POST, &self.url, headers.clone(), Some(post.body.clone())).await;
            let pause = (self.retry && answer.verdict == Verdict::WillRetry).then(|| pause_after(attempt));
            report.answer(post, attempt, &answer, pause)?;
            let Some(pause) = pause else { return Ok(()) };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let certificates = pem::certificates(path).map_err(|what| anyhow::anyhow!("--ca {what}"))?;
    Ok(certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>()?)
}

/// The pause after the given attempt (from 1).
pub(crate) fn pause_after(attempt: u32) -> Duration {
    let factor = 1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_second_to_five_minutes() {
        let seconds: Vec<_> = (1..=11).map(|attempt| pause_after(attempt).as_secs()).collect();

        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause_after(10_000), LONGEST_PAUSE);
    }
}
