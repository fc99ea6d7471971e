//! This receiver's own exports: an event a line, as `events export` writes them.

use std::collections::HashSet;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use super::order::{Time, sorted};
use super::{Entry, Place, Recorded, Source, text};

/// What tells the order; what else stands in a line is read when it is sent.
#[derive(Deserialize, Default)]
struct Received {
    /// The inbox's own number of the event.
    #[serde(default)]
    number: Value,
    received: Option<Timestamp>,
}

/// One line; what else stands in it is of no use here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "id")]
    _id: String,
    content_type: Option<String>,
    size: Option<u64>,
    body: Option<String>,
    body_base64: Option<String>,
}

/// Whether a line is one of such an export.
pub(super) fn is_event(line: &[u8]) -> bool {
    serde_json::from_slice::<Event>(line).is_ok_and(|event| event.body.is_some() || event.body_base64.is_some())
}

/// What to do about an export that is not a line for each event any more, as jq makes it unless told otherwise; `None`
/// if the text is none. Its objects have an `id`, so they would be taken for bare orders.
pub(super) fn written_anew(text: &[u8]) -> Option<String> {
    let has_body = |event: &Event| event.body.is_some() || event.body_base64.is_some();
    let first = serde_json::Deserializer::from_slice(text).into_iter::<Event>().next();
    let filter = if first.is_some_and(|event| event.is_ok_and(|event| has_body(&event))) {
        "."
    } else if serde_json::from_slice::<Vec<Event>>(text).is_ok_and(|events| events.first().is_some_and(has_body)) {
        ".[]"
    } else {
        return None;
    };
    Some(format!(
        "is an export of this receiver that does not have a line for each event any more: write it so again, with \
         `jq -c '{filter}'` for example"
    ))
}

/// The lines that are not blank, in the order in which the events were received.
///
/// # Errors
/// If it cannot be read.
pub(super) fn look_through(source: &mut impl Source) -> io::Result<Vec<Entry>> {
    source.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(source);
    let mut beginning = Vec::new();
    reader.by_ref().take(text::TELLS).read_to_end(&mut beginning)?;
    let mut at = text::mark(&beginning);
    reader.seek(SeekFrom::Start(at))?;
    let (mut entries, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)? as u64;
        if length == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            let received: Received = serde_json::from_slice(&line).unwrap_or_default();
            let time = received.received.map(|time| Time(time, 0));
            let entry = Entry { place: Place::Line(number), time, id: None, text: Ok(at..at + length) };
            entries.push((received.number.as_i64(), entry));
        }
        at += length;
    }
    Ok(in_order(entries))
}

/// The inbox numbers its events in the order received, whatever its clock did. Where numbers are missing, or stand
/// there twice because the file has the events of several inboxes, the times have to do. What cannot be read keeps its
/// place.
fn in_order(mut lines: Vec<(Option<i64>, Entry)>) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let is_of_one_inbox = lines.iter().all(|(number, entry)| match number {
        Some(number) => seen.insert(*number),
        None => entry.time.is_none(),
    });
    lines = if is_of_one_inbox { sorted(lines, |(number, _)| *number) } else { sorted(lines, |(_, entry)| entry.time) };
    lines.into_iter().map(|(_, entry)| entry).collect()
}

/// Reads a line.
///
/// # Errors
/// If it cannot be sent: why, and what to do.
pub(super) fn read(line: &[u8]) -> Result<Recorded, String> {
    // With its end, a text that was cut off would be one with a line break in it.
    let event: Event = serde_json::from_slice(line.trim_ascii_end()).map_err(|error| match error.classify() {
        Category::Eof => "the JSON ends too early: the file was cut off, export it again".to_owned(),
        Category::Data => "is no event of this receiver's export: was it changed? Export it again".to_owned(),
        Category::Syntax | Category::Io => "is no JSON: was it changed? Export it again".to_owned(),
    })?;
    let body = match (event.body_base64, event.body) {
        (Some(base64), _) => STANDARD
            .decode(base64)
            .map_err(|_| "`bodyBase64` is no Base64: was it changed? Export it again".to_owned())?,
        (None, Some(body)) => body.into_bytes(),
        (None, None) => return Err("has neither `body` nor `bodyBase64`: was it changed? Export it again".to_owned()),
    };
    if !body.is_empty() {
        return Ok(Recorded::Request { content_type: event.content_type, body: body.into() });
    }
    match event.size {
        Some(size @ 1..) => Err(format!("of its {size} bytes none is in the file: was it changed? Export it again")),
        _ => Ok(Recorded::Skip("a request without a body".to_owned())),
    }
}
