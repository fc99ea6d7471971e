//! What `send` and `replay` print: a line per answer, and a summary.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::ProgressBar;
use reqwest::Url;
use serde_json::json;

use super::{Answer, Origin, Post};
use crate::respond::Verdict;

/// Writes results to `out` and counts them.
pub(crate) struct Report<W> {
    out: W,
    json: bool,
    /// Told to step aside while a line is printed; a hidden one does nothing.
    bar: ProgressBar,
    delivered: u64,
    repeated: u64,
    lost: u64,
    will_retry: u64,
    skipped: u64,
    not_sent: u64,
    would_send: u64,
}

impl<W: Write> Report<W> {
    /// An empty report; `bar` is the progress bar on the same terminal, if there is one.
    pub(crate) fn new(out: W, json: bool, bar: ProgressBar) -> Self {
        Self {
            out,
            json,
            bar,
            delivered: 0,
            repeated: 0,
            lost: 0,
            will_retry: 0,
            skipped: 0,
            not_sent: 0,
            would_send: 0,
        }
    }

    /// One answer. `pause` is the time until the next attempt, if there will be one: only an
    /// answer without one is counted, because it is the last.
    pub(crate) fn answer(
        &mut self,
        post: &Post,
        attempt: u32,
        answer: &Answer,
        pause: Option<Duration>,
    ) -> io::Result<()> {
        if pause.is_none() {
            *match answer.verdict {
                Verdict::Delivered if answer.repeated => &mut self.repeated,
                Verdict::Delivered => &mut self.delivered,
                Verdict::Lost => &mut self.lost,
                Verdict::WillRetry => &mut self.will_retry,
            } += 1;
        }
        let verdict = if answer.repeated { "repeated" } else { answer.verdict.as_str() };
        let origin = &post.origin;
        if self.json {
            let milliseconds = u64::try_from(answer.time.as_millis()).unwrap_or(u64::MAX);
            return self.line(&json!({
                "file": origin.file, "place": origin.place, "attempt": attempt, "verdict": verdict,
                "status": answer.status, "milliseconds": milliseconds, "id": answer.id, "detail": answer.detail,
                "nextInSeconds": pause.map(|pause| pause.as_secs()),
            }));
        }
        let status = answer.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let time = format!("{} ms", answer.time.as_millis());
        let mut text = format!("{verdict:<10}  {status:>3}  {time:>8}  {}", origin.name());
        if let Some(detail) = &answer.detail {
            text = format!("{text}  {detail}");
        }
        if let Some(id) = &answer.id {
            text = format!("{text}  id {id}");
        }
        if let Some(pause) = pause {
            text = format!("{text}; again in {}", humantime::format_duration(pause));
        }
        self.line(&text)
    }

    /// A body that would have been sent.
    pub(crate) fn would_send(&mut self, post: &Post) -> io::Result<()> {
        self.would_send += 1;
        if self.json {
            return self.line(&json!({
                "file": post.origin.file, "place": post.origin.place, "verdict": "would send",
                "contentType": post.content_type, "bytes": post.body.len(),
            }));
        }
        let content_type = post.content_type.as_deref().unwrap_or("no content type");
        self.line(&format!("would send  {}  {content_type}, {} bytes", post.origin.name(), post.body.len()))
    }

    /// A recorded request that is none to send.
    pub(crate) fn skipped(&mut self, origin: &Origin, why: &str) -> io::Result<()> {
        self.skipped += 1;
        self.word("skipped", origin, None, why)
    }

    /// What had to be sent and cannot be.
    pub(crate) fn not_sent(&mut self, origin: &Origin, why: &str) -> io::Result<()> {
        self.not_sent += 1;
        self.word("not sent", origin, origin.line, why)
    }

    /// What somebody should know of a file.
    pub(crate) fn warning(&mut self, origin: &Origin, what: &str) -> io::Result<()> {
        self.word("warning", origin, None, what)
    }

    fn word(&mut self, word: &str, origin: &Origin, line: Option<u64>, why: &str) -> io::Result<()> {
        if self.json {
            return self.line(&json!({
                "file": origin.file, "place": origin.place, "line": line, "verdict": word, "detail": why,
            }));
        }
        let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
        self.line(&format!("{word:<10}  {}{line}  {why}", origin.name()))
    }

    /// The last line, for people; a script counts for itself.
    pub(crate) fn summary(&mut self) -> io::Result<()> {
        let Self { delivered, repeated, lost, will_retry, .. } = *self;
        let total = delivered + repeated + lost + will_retry;
        let repeated = if repeated > 0 { format!(" {repeated} repeated,") } else { String::new() };
        self.last_line(format!("{total} sent: {delivered} delivered,{repeated} {lost} lost, {will_retry} will retry"))
    }

    /// The last line of a dry run against `url`, for people.
    pub(crate) fn dry_summary(&mut self, url: &Url) -> io::Result<()> {
        self.last_line(format!("nothing sent; {} would be sent to {url}", self.would_send))
    }

    fn last_line(&mut self, mut text: String) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        if self.skipped > 0 {
            text = format!("{text}; {} skipped", self.skipped);
        }
        if self.not_sent > 0 {
            text = format!("{text}; {} could not be sent", self.not_sent);
        }
        self.line(&text)
    }

    /// Whether Tradecloud would be done with everything that had to be sent.
    pub(crate) fn all_delivered(&self) -> bool {
        self.lost == 0 && self.will_retry == 0 && self.not_sent == 0
    }

    fn line(&mut self, line: &impl Display) -> io::Result<()> {
        let out = &mut self.out;
        self.bar.suspend(|| {
            writeln!(out, "{line}")?;
            out.flush()
        })
    }
}
