//! The recordings that are one JSON document: webhook.site exports and HAR files.

use anyhow::Context as _;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{Recorded, decode_base64, fault};
use crate::cli::sender::Post;

/// The top of a webhook.site export or of a HAR file.
#[derive(Deserialize)]
struct Document {
    data: Option<Vec<WebhookSiteRequest>>,
    log: Option<HarLog>,
}

#[derive(Deserialize)]
struct WebhookSiteRequest {
    method: String,
    content: Option<String>,
    /// Lower-case name → list of values; an empty list when there is none.
    #[serde(default)]
    headers: Value,
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct HarLog {
    entries: Vec<HarEntry>,
}

#[derive(Deserialize)]
struct HarEntry {
    request: HarRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    #[serde(default)]
    headers: Vec<HarHeader>,
    post_data: Option<HarBody>,
}

#[derive(Deserialize)]
struct HarHeader {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarBody {
    mime_type: Option<String>,
    text: Option<String>,
    encoding: Option<String>,
}

/// The requests of the recording in `text`, in the order to send them. `file` is its name in messages.
///
/// # Errors
/// If it is no such recording.
pub(super) fn requests(file: &str, text: &[u8]) -> anyhow::Result<Vec<Recorded>> {
    const KINDS: &str = "a webhook.site export, a HAR file, or an export of this receiver";
    let failed = |error: &serde_json::Error| anyhow::anyhow!("{file}: {}", fault(error, KINDS));
    let top: Document = serde_json::from_slice(text).map_err(|error| failed(&error))?;
    let requests = if let Some(log) = top.log {
        log.entries
            .into_iter()
            .enumerate()
            .map(|(index, entry)| har(file, index, entry.request))
            .collect::<Result<_, _>>()?
    } else if let Some(requests) = top.data {
        oldest_first(requests).into_iter().map(|(index, request)| webhook_site(file, Some(index), request)).collect()
    } else {
        let request = serde_json::from_slice(text).map_err(|error| failed(&error))?;
        vec![webhook_site(file, None, request)]
    };
    Ok(spread(requests, text.len() as u64))
}

/// Puts the requests (with their places in the list) in the order they came. webhook.site lists the
/// newest first unless asked otherwise; turning such a list over first keeps those of the same
/// second in their order.
fn oldest_first(requests: Vec<WebhookSiteRequest>) -> Vec<(usize, WebhookSiteRequest)> {
    let mut requests: Vec<_> = requests.into_iter().enumerate().collect();
    let newest_first = match (requests.first(), requests.last()) {
        (Some((_, first)), Some((_, last))) => first.created_at > last.created_at,
        _ => false,
    };
    if newest_first {
        requests.reverse();
    }
    requests.sort_by(|(_, one), (_, other)| one.created_at.cmp(&other.created_at));
    requests
}

fn webhook_site(file: &str, index: Option<usize>, request: WebhookSiteRequest) -> (Post, String) {
    let content_type = request.headers.as_object().and_then(|headers| {
        let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
        value.as_str().or_else(|| value.get(0)?.as_str()).map(str::to_owned)
    });
    let body = request.content.unwrap_or_default().into();
    (Post { file: file.to_owned(), place: index.map(entry), content_type, body }, request.method)
}

fn har(file: &str, index: usize, request: HarRequest) -> anyhow::Result<(Post, String)> {
    let header = request.headers.into_iter().find(|header| header.name.eq_ignore_ascii_case("content-type"));
    let (mut content_type, mut body) = (header.map(|header| header.value), Bytes::new());
    if let Some(recorded) = request.post_data {
        let text = recorded.text.unwrap_or_default();
        body = match recorded.encoding {
            Some(encoding) if encoding.eq_ignore_ascii_case("base64") => {
                decode_base64(&text).with_context(|| format!("{file}, {}", entry(index)))?
            }
            _ => text.into(),
        };
        content_type = content_type.or(recorded.mime_type).filter(|media_type| !media_type.is_empty());
    }
    Ok((Post { file: file.to_owned(), place: Some(entry(index)), content_type, body }, request.method))
}

/// The place in a list, from 1.
fn entry(index: usize) -> String {
    format!("entry {}", index + 1)
}

/// Spreads the size of the file evenly over its requests, for the progress bar.
fn spread(requests: Vec<(Post, String)>, size: u64) -> Vec<Recorded> {
    let count = requests.len() as u64;
    (1..).zip(requests).map(|(number, (post, method))| Recorded { post, method, read: size * number / count }).collect()
}
