//! What the API answers, taken apart as far as it has to be. Entries stay as they are, byte for byte: in them are prices
//! and quantities.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::api::Polled;
use super::error::ApiError;
use super::line::Answer;
use crate::outgoing::date;
use crate::shown;

/// A page of a poll.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// In the order of the answer.
    pub(crate) items: Vec<Item>,
    /// Why other entries are none.
    pub(crate) odd: Vec<String>,
    /// How many there are on all pages together.
    pub(crate) total: u64,
    /// When it was made, by the clock of the server.
    pub(crate) date: Option<Timestamp>,
}

/// An order or a shipment of a page.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// By which it can be fetched.
    pub(crate) id: String,
    /// When it changed, as it is written there.
    pub(crate) updated: Option<String>,
    /// The bytes of the entry.
    pub(crate) body: Bytes,
}

/// What is known of a document before it is loaded.
pub(crate) struct Metadata {
    /// As whoever gave it to Tradecloud called it.
    pub(crate) filename: Option<String>,
    /// What he said that it is.
    pub(crate) content_type: Option<String>,
    /// Where it is, with all that is needed to get it: as good as a password, for a minute.
    pub(crate) download_url: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    orders: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "text")]
    id: Option<String>,
    #[serde(default, rename = "lastUpdatedAt", deserialize_with = "text")]
    updated: Option<String>,
    meta: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default, deserialize_with = "text")]
    filename: Option<String>,
    #[serde(default, deserialize_with = "text")]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    download_url: Option<String>,
}

/// A text, or a number as one; anything else is nothing.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(as_text(serde_json::Value::deserialize(deserializer)?))
}

fn as_text(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) if !text.is_empty() => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Page {
    /// How many entries it has, of whatever kind.
    pub(crate) fn len(&self) -> usize {
        self.items.len() + self.odd.len()
    }

    pub(super) fn read(of: Polled, answer: &Answer) -> Result<Self, ApiError> {
        let unreadable = |what: String| ApiError::unavailable(format!("{}, but {what}", answer.words));
        let envelope: Envelope<'_> = serde_json::from_slice(without_mark(&answer.body))
            .map_err(|error| unreadable(format!("what it says is no page: {}", shown::line(&error.to_string()))))?;
        let total = envelope.total.map(|raw| raw.get().trim_matches('"').parse::<u64>()).transpose();
        let total = total.map_err(|_| unreadable("its `total` is no number".to_owned()))?;
        let entries = match (envelope.data.or(envelope.orders), total) {
            (Some(entries), _) => entries,
            // Nothing is no list, to some.
            (None, Some(0)) => Vec::new(),
            (None, _) => return Err(unreadable("without a list `data`".to_owned())),
        };
        let (mut items, mut odd) = (Vec::with_capacity(entries.len()), Vec::new());
        for (index, raw) in entries.iter().enumerate() {
            match Item::read(of, raw) {
                Ok(item) => items.push(item),
                // It must not keep back what stands behind it.
                Err(what) => odd.push(format!("entry {} of `data` {what}", index + 1)),
            }
        }
        Ok(Self { total: total.unwrap_or(entries.len() as u64), items, odd, date: date(&answer.headers) })
    }
}

impl Item {
    fn read(of: Polled, raw: &RawValue) -> Result<Self, String> {
        let entry = serde_json::from_str::<Entry>(raw.get())
            .map_err(|error| format!("is no order or shipment: {}", shown::line(&error.to_string())))?;
        let in_meta =
            || as_text(entry.meta.as_ref().and_then(|meta| meta.get("lastUpdatedAt")).cloned().unwrap_or_default());
        let updated = match of {
            Polled::Orders | Polled::SingleDelivery => entry.updated.clone().or_else(in_meta),
            Polled::Shipments => in_meta().or_else(|| entry.updated.clone()),
        };
        // A copy: else one entry would keep the memory of the whole page.
        let body = Bytes::copy_from_slice(raw.get().as_bytes());
        Ok(Self { id: entry.id.ok_or("has no `id`")?, updated, body })
    }
}

impl Metadata {
    pub(super) fn read(answer: &Answer) -> Result<Self, ApiError> {
        let unreadable = |what: String| ApiError::unavailable(format!("{}, but {what}", answer.words));
        let document: Document = serde_json::from_slice(without_mark(&answer.body))
            // Not in the words of the parser, which may quote the address.
            .map_err(|error| unreadable(format!("no metadata of a document (line {})", error.line())))?;
        let download_url = document.download_url.ok_or_else(|| unreadable("without a `downloadUrl`".to_owned()))?;
        Ok(Self { filename: document.filename, content_type: document.content_type, download_url })
    }
}

/// Without a byte order mark, which no JSON should have.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}
