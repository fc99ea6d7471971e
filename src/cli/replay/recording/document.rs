//! The recordings that are one JSON document: webhook.site exports and HAR files. Each entry is found by itself, so
//! that one that is wrong, or the end of a file that was cut off, takes nothing from the others.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::order::sorted;
use super::pages::Page;
use super::{Entry, Kind, Place, har, webhook_site};
use crate::decode;

/// What a document holds.
pub(super) struct Document {
    pub(super) kind: Kind,
    pub(super) entries: Vec<Entry>,
    pub(super) page: Page,
}

const KINDS: &str = "a webhook.site export, a HAR file, or an export of this receiver";

/// What was found on the way through a document.
#[derive(Default)]
struct Found<'a> {
    /// The list of webhook.site, or that of a HAR file.
    list: Option<(Kind, Vec<&'a RawValue>)>,
    /// Its end was found, too.
    is_whole: bool,
    page: Page,
    /// It looks like a single request of webhook.site.
    is_request: bool,
}

/// Looks through a document.
///
/// # Errors
/// If it is no such recording: what it is, and what to do.
pub(super) fn look_through(bytes: &[u8]) -> Result<Document, String> {
    // Up to where it is no UTF-8 any more.
    let valid = bytes.utf8_chunks().next().map(|first| first.valid()).unwrap_or_default();
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_str(valid);
    let read = InDocument(&mut found).deserialize(&mut json);
    let end = match read {
        _ if valid.len() < bytes.len() => {
            let line = lines(valid);
            let what = format!("line {line} is neither UTF-8 nor UTF-16: get the recording again, or save it as UTF-8");
            Some((line, what))
        }
        Ok(()) => json.end().err().map(|error| {
            let line = error.line() as u64;
            (line, format!("something follows the recording on line {line}: put each recording into a file of its own"))
        }),
        Err(error) => Some((error.line() as u64, fault(&error))),
    };
    match found.list {
        Some((kind, list)) => {
            let mut entries = in_order(kind, entries(kind, valid, &list));
            if let Some((line, what)) = end {
                let place = if found.is_whole { Place::File } else { Place::Entry(list.len() as u64 + 1, line) };
                entries.push(Entry::fault(place, what));
            }
            let mut page = found.page;
            page.token = list.iter().find_map(|entry| webhook_site::token(entry.get()));
            Ok(Document { kind, entries, page })
        }
        None if found.is_request => {
            let (time, id) = webhook_site::time_and_id(valid);
            let text = end.map_or(Ok(0..valid.len() as u64), |(_, what)| Err(what));
            let entries = vec![Entry { place: Place::File, time, id, text }];
            Ok(Document { kind: Kind::WebhookSite, entries, page: Page::default() })
        }
        None if decode::envelope(None, &Bytes::copy_from_slice(bytes)).is_ok() => {
            Err("is an event itself and no recording of requests: send it with `send`".to_owned())
        }
        None if valid.trim_start().starts_with('[') => Err(format!(
            "not {KINDS} but a bare list: leave what is around it, {{\"data\": […]}} of webhook.site or \
             {{\"log\": {{\"entries\": […]}}}} of a HAR file"
        )),
        None => Err(end.map_or_else(|| format!("not {KINDS}: name the file as it was exported"), |(_, what)| what)),
    }
}

/// The entries of a list, each with its place.
fn entries(kind: Kind, text: &str, list: &[&RawValue]) -> Vec<Entry> {
    let (mut line, mut counted) = (1, 0);
    let entry = |(number, raw): (u64, &&RawValue)| {
        let range = range(text, raw.get());
        line += lines(&text[counted..range.start]) - 1;
        counted = range.start;
        let (time, id) = match kind {
            Kind::WebhookSite => webhook_site::time_and_id(raw.get()),
            _ => (har::time(raw.get()), None),
        };
        let text = Ok(range.start as u64..range.end as u64);
        Entry { place: Place::Entry(number, line), time, id, text }
    };
    (1..).zip(list).map(entry).collect()
}

/// webhook.site lists the newest first if asked to; turning such a list over first keeps those of the same second in
/// their order.
fn in_order(kind: Kind, mut entries: Vec<Entry>) -> Vec<Entry> {
    let mut times = entries.iter().filter_map(|entry| entry.time);
    if kind == Kind::WebhookSite
        && let (Some(first), Some(last)) = (times.next(), times.next_back())
        && first.0 > last.0
    {
        entries.reverse();
    }
    sorted(entries, |entry| entry.time)
}

/// Where a part of a text stands in it.
fn range(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// On which line a text ends, from 1.
fn lines(text: &str) -> u64 {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64 + 1
}

/// What is wrong with a JSON text. The parser's own words repeat what it found where it expected something else,
/// which may be a whole body, so only the place is taken from those.
fn fault(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Eof => format!("the JSON ends too early ({place}): the file was cut off, get it again"),
        Category::Data => format!("not {KINDS} (as {place} shows): name the file as it was exported"),
        Category::Syntax | Category::Io => {
            format!("no JSON, so not {KINDS} ({}): name the file as it was exported", decode::json::malformed(error))
        }
    }
}

/// Goes through an object for what is known of recordings.
struct InDocument<'f, 'a>(&'f mut Found<'a>);

impl<'a> DeserializeSeed<'a> for InDocument<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for InDocument<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(found) = self;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "log" => map.next_value_seed(InDocument(found))?,
                "data" => map.next_value_seed(List(Kind::WebhookSite, found))?,
                "entries" => map.next_value_seed(List(Kind::Har, found))?,
                "total" => found.page.total = map.next_value::<Value>()?.as_u64(),
                "current_page" => found.page.number = map.next_value::<Value>()?.as_u64(),
                "is_last_page" => found.page.is_last = map.next_value::<Value>()?.as_bool(),
                key => {
                    found.is_request |= ["method", "token_id"].contains(&key);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Goes through a list of requests.
struct List<'f, 'a>(Kind, &'f mut Found<'a>);

impl<'a> DeserializeSeed<'a> for List<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for List<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of requests")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(kind, found) = self;
        // The entries of the first must not be gone without a word.
        if found.list.is_some() {
            return Err(A::Error::custom("a second list"));
        }
        let (_, entries) = found.list.insert((kind, Vec::new()));
        while let Some(entry) = list.next_element::<&RawValue>()? {
            entries.push(entry);
        }
        found.is_whole = true;
        Ok(())
    }
}
