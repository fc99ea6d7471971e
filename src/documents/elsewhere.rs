//! Documents that the other party keeps itself and names by address: only from hosts that the operator has named, over
//! TLS, without following anybody anywhere, and only to where `guard` lets one go.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, Url};
use tokio::time::timeout;

use super::failures::{of, ours};
use super::guard::{Guard, Names, OutOfBounds};
use super::name;
use super::objects::too_large;
use super::store::{SILENCE, Taken};
use super::{Got, Wanted};
use crate::event::Held;
use crate::outgoing::{Failure, causes, failed, guarded, late, on_loopback, retry_after, say};
use crate::shown;

/// The way to documents of the other party.
pub(super) struct Elsewhere {
    hosts: Vec<String>,
    guard: Guard,
    client: Client,
}

impl Elsewhere {
    pub(super) fn new(
        hosts: Vec<String>,
        local: bool,
        roots: &[Certificate],
        names: Arc<dyn Names>,
    ) -> Result<Self, reqwest::Error> {
        let guard = Guard { names, local };
        let client = guarded(roots, Arc::new(guard.clone()))?;
        Ok(Self { hosts, guard, client })
    }

    /// The address as it is asked for, or why it is not.
    pub(super) fn allowed(&self, address: &str) -> Result<Url, String> {
        let url = Url::parse(address).map_err(|error| format!("its url is no address: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let local = self.guard.local && on_loopback(host);
        if url.scheme() != "https" && !(local && url.scheme() == "http") {
            return Err(format!("its url begins with `{}:`, and only https is taken", shown::line(url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("its url has credentials in it".to_owned());
        }
        // Both are in the form in which addresses are read: small letters, Punycode.
        if !self.hosts.iter().any(|named| named == host) {
            return Err(format!("its url leads to {}, which is not in `urls_from` of [documents]", shown::line(host)));
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) if !self.guard.allows(address) => Err(format!("its url {}", OutOfBounds(address))),
            _ => Ok(url),
        }
    }

    pub(super) async fn get(&self, wanted: &Wanted<'_>, address: &str) -> Result<Got, Failure> {
        let missing = |missing: String| Ok(Got::For(Held::Missing { missing }));
        let url = match self.allowed(address) {
            Ok(url) => url,
            Err(what) => return missing(what),
        };
        let response = match timeout(SILENCE, self.client.get(url.clone()).send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return match causes(&error).find_map(|cause| cause.downcast_ref::<OutOfBounds>()) {
                    Some(out) => missing(format!("its url {out}")),
                    None => Err(of(address, failed(&url, &error))),
                };
            }
            Err(_) => return Err(of(address, late(&url, SILENCE))),
        };
        let status = response.status();
        match status.as_u16() {
            200 => {}
            300..=399 => return missing(say(response).await.0),
            // Too early, too much, and too late may be better the next time.
            400..=499 if ![408, 425, 429].contains(&status.as_u16()) => {
                return Ok(Got::NotFound(say(response).await.0));
            }
            _ => {
                let pause = retry_after(response.headers());
                return Err(of(address, Failure { pause, ..ours(say(response).await.0) }));
            }
        }
        let attachment = wanted.attachment;
        let name = name::in_url(&url).or_else(|| attachment.name.clone()).or_else(|| attachment.code.clone());
        let media_type = response.headers().get(CONTENT_TYPE).map(|given| String::from_utf8_lossy(given.as_bytes()));
        let media_type = media_type.map(|given| shown::line(given.trim())).filter(|given| !given.is_empty());
        let taken = wanted.store.take(wanted.key, &name.unwrap_or_default(), media_type, response).await;
        match taken.map_err(|failure| of(address, failure))? {
            Taken::Whole(held) => Ok(Got::For(held)),
            Taken::TooLarge(largest) => missing(too_large(largest)),
        }
    }
}
