//! Reads recordings of requests: which of the three kinds a file is shows in its content.
//!
//! Exports of this receiver are JSON lines and may be of any size, so they are read line by line.
//! The other two are single JSON documents, as large as a browser or webhook.site makes them, and
//! are read whole. Of the recorded headers only the content type is looked at.

mod document;

use std::io::{BufRead, BufReader, Read};
use std::vec;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::error::Category;

use crate::cli::sender::Post;

/// One recorded request.
pub(super) struct Recorded {
    /// What to send; an empty body means that there is nothing to send.
    pub(super) post: Post,
    /// The recorded HTTP method.
    pub(super) method: String,
    /// How many bytes of the file have been read up to and including this request.
    pub(super) read: u64,
}

/// The requests of one file, in the order recorded. Ends after the first error.
pub(super) enum Recording<R> {
    /// This receiver's own export.
    Lines(Lines<R>),
    /// The requests of a document that was read whole.
    Document(vec::IntoIter<Recorded>),
}

/// A JSON-lines export that is being read.
pub(super) struct Lines<R> {
    file: String,
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u64,
    read: u64,
    failed: bool,
}

impl<R: Read> Recording<R> {
    /// Looks at the beginning of `input`, and reads on as far as needed. `file` is its name in
    /// messages.
    ///
    /// # Errors
    /// If it cannot be read or is none of the three kinds.
    pub(super) fn open(file: String, input: R) -> anyhow::Result<Self> {
        let mut lines =
            Lines { file, reader: BufReader::new(input), line: Vec::new(), number: 0, read: 0, failed: false };
        if !lines.advance()? {
            bail!("{} is empty", lines.file);
        }
        if serde_json::from_slice::<OwnEvent>(&lines.line).is_ok_and(|event| event.has_body()) {
            // The first call of `next` finds the line already read.
            return Ok(Self::Lines(lines));
        }
        let Lines { file, mut reader, line: mut text, .. } = lines;
        reader.read_to_end(&mut text).with_context(|| format!("cannot read {file}"))?;
        Ok(Self::Document(document::requests(&file, &text)?.into_iter()))
    }
}

impl<R: Read> Iterator for Recording<R> {
    type Item = anyhow::Result<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Document(requests) => requests.next().map(Ok),
            Self::Lines(lines) if lines.failed => None,
            Self::Lines(lines) => {
                let next = lines.request().transpose();
                lines.failed = matches!(next, Some(Err(_)));
                next
            }
        }
    }
}

impl<R: Read> Lines<R> {
    /// Reads up to the end of the next line that is not blank, and says whether there was one.
    fn advance(&mut self) -> anyhow::Result<bool> {
        while self.line.trim_ascii().is_empty() {
            self.line.clear();
            let bytes = self
                .reader
                .read_until(b'\n', &mut self.line)
                .with_context(|| format!("cannot read {} after line {}", self.file, self.number))?;
            if bytes == 0 {
                return Ok(false);
            }
            self.number += 1;
            self.read += bytes as u64;
            if self.number == 1 && self.line.starts_with("\u{feff}".as_bytes()) {
                self.line.drain(..3);
            }
        }
        Ok(true)
    }

    fn request(&mut self) -> anyhow::Result<Option<Recorded>> {
        if !self.advance()? {
            return Ok(None);
        }
        let place = format!("line {}", self.number);
        let at = || format!("{}, {place}", self.file);
        let event: OwnEvent = serde_json::from_slice(&self.line)
            .map_err(|error| anyhow::anyhow!("{}: {}", at(), fault(&error, "an event of this receiver's export")))?;
        if !event.has_body() {
            bail!("{}: the event has neither \"body\" nor \"bodyBase64\"", at());
        }
        let body = match event.body_base64 {
            Some(base64) => decode_base64(&base64).with_context(at)?,
            None => event.body.unwrap_or_default().into(),
        };
        self.line.clear();
        let post = Post { file: self.file.clone(), place: Some(place), content_type: event.content_type, body };
        Ok(Some(Recorded { post, method: "request".to_owned(), read: self.read }))
    }
}

/// One line of this receiver's own export; what else stands in it is of no use here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnEvent {
    #[serde(rename = "id")]
    _id: String,
    content_type: Option<String>,
    body: Option<String>,
    body_base64: Option<String>,
}

impl OwnEvent {
    fn has_body(&self) -> bool {
        self.body.is_some() || self.body_base64.is_some()
    }
}

fn decode_base64(text: &str) -> anyhow::Result<Bytes> {
    STANDARD.decode(text).map(Bytes::from).context("the body is not base64")
}

/// What is wrong with a JSON text. The parser's own words repeat what it found where it expected
/// something else, which may be a whole body, so only the place is taken from those.
fn fault(error: &serde_json::Error, expected: &str) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Eof => format!("the JSON ends too early ({place}): was the file cut off?"),
        Category::Data => format!("not {expected} (as {place} shows)"),
        Category::Syntax | Category::Io => format!("no JSON, so not {expected}: {error}"),
    }
}

#[cfg(test)]
mod tests;
