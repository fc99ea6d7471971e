//! Documents in Tradecloud's object storage: what the platform says of one, then the address that it gives for a short
//! time, and if that is of no use, by way of the platform itself.

use std::sync::Arc;

use reqwest::{Certificate, Client, Response, Url};
use tokio::time::timeout;

use super::failures::{of, ours};
use super::store::{SILENCE, Taken};
use super::{Got, Source, SourceError, Wanted};
use crate::event::Held;
use crate::outgoing::{Failure, client, failed, late, on_loopback, say};
use crate::shown;
use crate::telemetry::events;

/// How often an address that has expired is asked for anew. The platform may give the same one for a quarter of an hour.
const ADDRESSES: usize = 3;

/// What an account without the right to a document needs.
const ADVICE: &str =
    "Its account may not have this document: have support@tradecloud1.com give it the role for documents";

/// The way to Tradecloud's object storage.
pub(super) struct Objects {
    source: Option<Arc<dyn Source>>,
    away: Client,
    /// For what is on this very machine, if it may be.
    here: Option<Client>,
}

/// What an address has given.
enum Direct {
    Answer(Response),
    /// It is not, or not any more, good.
    Expired,
    /// There is nothing behind it.
    Gone(String),
    /// Nobody is there.
    NotReached(Failure),
}

impl Objects {
    pub(super) fn new(
        source: Option<Arc<dyn Source>>,
        local: bool,
        roots: &[Certificate],
    ) -> Result<Self, reqwest::Error> {
        let client_for = |place: &str| Url::parse(place).ok().map(|url| client(&url, roots)).transpose();
        let here = if local { client_for("https://127.0.0.1")? } else { None };
        let away = client_for("https://storage.invalid")?;
        Ok(Self { source, away: away.unwrap_or_default(), here })
    }

    /// Why a document of that id can never be had, if it cannot.
    pub(super) fn never(&self, id: &str) -> Option<String> {
        match &self.source {
            None => Some("documents with an objectId are not fetched: there is no [tradecloud]".to_owned()),
            Some(source) => source.never(id),
        }
    }

    pub(super) async fn get(&self, wanted: &Wanted<'_>, id: &str) -> Result<Got, Failure> {
        let Some(source) = &self.source else {
            return Err(ours("there is no [tradecloud]"));
        };
        let (mut expired, mut name, mut content_type) = (None, None, None);
        for _ in 0..ADDRESSES {
            let metadata = match source.metadata(id).await {
                Ok(metadata) => metadata,
                Err(error) => return refused(wanted, error),
            };
            (name, content_type) = (metadata.filename, metadata.content_type);
            let address = metadata.download_url;
            let Some((client, url)) = self.way(&address).filter(|_| expired.as_ref() != Some(&address)) else { break };
            match ask(client, url).await.map_err(|failure| of(id, failure))? {
                Direct::Answer(response) => return keep(wanted, name, content_type, response).await,
                Direct::Expired => expired = Some(address),
                Direct::Gone(what) => return Ok(Got::NotFound(what)),
                Direct::NotReached(failure) => {
                    tracing::debug!(document = id, reason = failure.reason, "the object storage cannot be reached");
                    break;
                }
            }
        }
        match source.download(id).await {
            Ok(response) if response.status().as_u16() == 200 => keep(wanted, name, content_type, response).await,
            Ok(response) => Err(of(id, ours(say(response).await.0))),
            Err(error) => refused(wanted, error),
        }
    }

    /// How to ask that address, to the letter. `None` if it is not to be asked, or would not be the same any more: it is
    /// signed as it is.
    pub(super) fn way(&self, address: &str) -> Option<(&Client, Url)> {
        let url = Url::parse(address).ok().filter(|url| url.as_str() == address)?;
        let is_here = url.host_str().is_some_and(on_loopback);
        match (&self.here, url.scheme()) {
            (Some(here), "http" | "https") if is_here => Some((here, url)),
            (_, "https") if !is_here => Some((&self.away, url)),
            _ => None,
        }
    }
}

/// Asks an address that is signed, and so without anything that shows who we are.
async fn ask(client: &Client, url: Url) -> Result<Direct, Failure> {
    let response = match timeout(SILENCE, client.get(url.clone()).send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Ok(Direct::NotReached(failed(&url, &error))),
        Err(_) => return Ok(Direct::NotReached(late(&url, SILENCE))),
    };
    match response.status().as_u16() {
        200 => Ok(Direct::Answer(response)),
        // S3 says 403, Google's storage 400, to an address whose time is over.
        400 | 403 => Ok(Direct::Expired),
        404 | 410 => Ok(Direct::Gone(say(response).await.0)),
        _ => {
            let pause = crate::outgoing::retry_after(response.headers());
            Err(Failure { pause, ..ours(say(response).await.0) })
        }
    }
}

/// What follows if Tradecloud does not say it.
fn refused(wanted: &Wanted<'_>, error: SourceError) -> Result<Got, Failure> {
    let id = &wanted.key.of;
    match error {
        SourceError::NotFound(what) => Ok(Got::NotFound(what)),
        SourceError::Forbidden(what) => {
            if wanted.unsaid.is_news(&wanted.key.folder) {
                events::documents::forbidden(wanted.event.about(), id, &what);
            }
            Err(of(id, ours(format!("{what}. {ADVICE}"))))
        }
        SourceError::Failed(failure) => Err(of(id, failure)),
    }
}

/// Keeps what has come. What Tradecloud says of it goes before what the one says who has it.
async fn keep(
    wanted: &Wanted<'_>,
    name: Option<String>,
    content_type: Option<String>,
    response: Response,
) -> Result<Got, Failure> {
    let (id, attachment) = (&wanted.key.of, wanted.attachment);
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.or_else(|| attachment.name.clone()).or_else(|| attachment.code.clone()).unwrap_or_default();
    let content_type = content_type.map(|given| shown::line(given.trim())).filter(|given| !given.is_empty());
    let taken = wanted.store.take(wanted.key, &name, content_type, response).await;
    Ok(Got::For(match taken.map_err(|failure| of(id, failure))? {
        Taken::Whole(held) => held,
        Taken::TooLarge(largest) => Held::Missing { missing: too_large(largest) },
    }))
}

pub(super) fn too_large(largest: u64) -> String {
    format!("is larger than {}, the `largest` of [documents]", bytesize::ByteSize(largest))
}
