//! Reads recordings: which requests a file holds, when each was made, and what was sent with it. Which of the three
//! kinds a file is shows in its content.
//!
//! A recording may be out of order, cut off, one page of several, or hold what is no webhook. So a file is looked
//! through before anything is sent, entry by entry; remembered is only where each of them stands, and it is read
//! when its turn comes. Exports of this receiver may be of any size and stay on the disk. The other two kinds are
//! single JSON documents, as large as a browser or webhook.site makes them, and are kept in memory.

mod document;
mod har;
mod order;
mod own;
mod pages;
mod request;
mod text;
mod webhook_site;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use uuid::Uuid;

use self::document::Document;
use self::order::Time;
use self::pages::Page;
use crate::cli::sender::Origin;

pub(super) use order::in_order;
pub(super) use pages::missing_pages;

/// A file that was looked through.
pub(super) struct Recording {
    file: String,
    kind: Kind,
    source: Box<dyn Source>,
    /// In the order in which they came, as far as the file tells.
    entries: Vec<Entry>,
    page: Page,
}

/// What a file can be read from, more than once.
trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// Who recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// This receiver, which exports JSON lines.
    Own,
    Har,
    WebhookSite,
}

/// One recorded request, or what stands in its place.
#[derive(Debug)]
pub(super) struct Entry {
    place: Place,
    time: Option<Time>,
    /// What webhook.site knows the request by.
    id: Option<Uuid>,
    /// Where in the file it is, in bytes; or why it cannot be read at all.
    text: Result<Range<u64>, String>,
}

/// Where in a file; all numbers are from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The file as a whole.
    File,
    Line(u64),
    /// In a list, and the line on which it begins.
    Entry(u64, u64),
}

/// What an entry says.
pub(super) enum Recorded {
    /// What to send.
    Request { content_type: Option<String>, body: Bytes },
    /// Nothing to send, and why that is as it should be.
    Skip(String),
}

impl Recording {
    /// Looks through a file.
    ///
    /// # Errors
    /// If it cannot be read. That it is no recording, or no whole one, is said by its entries.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = path.display().to_string();
        let open = || -> io::Result<Self> {
            let mut input = File::open(path)?;
            if input.metadata()?.is_file() {
                return Self::of(file.clone(), input);
            }
            // A pipe is read only once.
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes)?;
            Self::of(file.clone(), Cursor::new(bytes))
        };
        open().with_context(|| format!("cannot read {file}"))
    }

    fn of(file: String, mut input: impl Source + 'static) -> io::Result<Self> {
        let fault = |file, why| {
            let entries = vec![Entry::fault(Place::File, why)];
            Self { file, kind: Kind::Own, source: Box::new(io::empty()), entries, page: Page::default() }
        };
        let mut beginning = Vec::new();
        input.by_ref().take(text::TELLS).read_to_end(&mut beginning)?;
        if let Some(packed) = text::packed(&beginning) {
            return Ok(fault(file, packed));
        }
        if let Some(unit) = text::utf16(&beginning) {
            let mut bytes = beginning;
            input.read_to_end(&mut bytes)?;
            return Self::of(file, Cursor::new(text::from_utf16(&bytes, unit).into_bytes()));
        }
        let start = text::mark(&beginning);
        input.seek(SeekFrom::Start(start))?;
        let mut reader = BufReader::new(&mut input);
        let mut first = Vec::new();
        while first.trim_ascii().is_empty() {
            first.clear();
            if reader.read_until(b'\n', &mut first)? == 0 {
                return Ok(fault(
                    file,
                    "is empty: nothing was recorded, or the file was not written to its end".into(),
                ));
            }
        }
        if own::is_event(&first) {
            let entries = own::look_through(&mut input)?;
            return Ok(Self { file, kind: Kind::Own, source: Box::new(input), entries, page: Page::default() });
        }
        if let Some(table) = text::table(&file, &first) {
            return Ok(fault(file, table));
        }
        let mut bytes = Vec::new();
        input.seek(SeekFrom::Start(start))?;
        input.read_to_end(&mut bytes)?;
        match document::look_through(&bytes) {
            Ok(Document { kind, entries, page }) => {
                Ok(Self { file, kind, source: Box::new(Cursor::new(bytes)), entries, page })
            }
            // The first line of an export may be the one that is broken.
            Err(_) if bytes.split(|byte| *byte == b'\n').any(own::is_event) => {
                let mut source = Cursor::new(bytes);
                let entries = own::look_through(&mut source)?;
                Ok(Self { file, kind: Kind::Own, source: Box::new(source), entries, page: Page::default() })
            }
            Err(why) => Ok(fault(file, own::written_anew(&bytes).unwrap_or(why))),
        }
    }

    /// That it is a recording of nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What it is called in messages.
    pub(super) fn file(&self) -> Origin {
        Origin { file: self.file.clone(), place: None, line: None }
    }

    /// What an entry is called in messages.
    pub(super) fn origin(&self, entry: &Entry) -> Origin {
        let (place, line) = match entry.place {
            Place::File => (None, None),
            Place::Line(line) => (Some(format!("line {line}")), None),
            Place::Entry(number, line) => (Some(format!("entry {number}")), Some(line)),
        };
        Origin { file: self.file.clone(), place, line }
    }

    /// Reads one of its entries.
    ///
    /// # Errors
    /// If it cannot be sent: why, and what to do.
    pub(super) fn read(&mut self, entry: &Entry) -> Result<Recorded, String> {
        let range = entry.text.clone()?;
        let bytes = at(&mut *self.source, &range).map_err(|error| format!("cannot be read: {error}"))?;
        match self.kind {
            Kind::Own => own::read(&bytes),
            Kind::Har => har::read(&bytes),
            Kind::WebhookSite => webhook_site::read(&bytes),
        }
    }
}

impl Entry {
    fn fault(place: Place, why: String) -> Self {
        Self { place, time: None, id: None, text: Err(why) }
    }

    /// What webhook.site knows the request by.
    pub(super) fn id(&self) -> Option<Uuid> {
        self.id
    }
}

fn at(source: &mut dyn Source, range: &Range<u64>) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    source.take(range.end - range.start).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
