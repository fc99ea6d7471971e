//! What `send` and `replay` print: a line per answer, and a summary.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::ProgressBar;
use reqwest::Url;
use serde_json::json;

use super::{Answer, Post};
use crate::respond::Verdict;

/// Writes results to `out` and counts them.
pub(crate) struct Report<W> {
    out: W,
    json: bool,
    /// Told to step aside while a line is printed; a hidden one does nothing.
    bar: ProgressBar,
    delivered: u64,
    lost: u64,
    will_retry: u64,
    skipped: u64,
    would_send: u64,
}

impl<W: Write> Report<W> {
    /// An empty report; `bar` is the progress bar on the same terminal, if there is one.
    pub(crate) fn new(out: W, json: bool, bar: ProgressBar) -> Self {
        Self { out, json, bar, delivered: 0, lost: 0, will_retry: 0, skipped: 0, would_send: 0 }
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
                Verdict::Delivered => &mut self.delivered,
                Verdict::Lost => &mut self.lost,
                Verdict::WillRetry => &mut self.will_retry,
            } += 1;
        }
        let verdict = answer.verdict.as_str();
        if self.json {
            let milliseconds = u64::try_from(answer.time.as_millis()).unwrap_or(u64::MAX);
            return self.line(&json!({
                "file": post.file, "place": post.place, "attempt": attempt, "verdict": verdict,
                "status": answer.status, "milliseconds": milliseconds, "id": answer.id, "detail": answer.detail,
                "nextInSeconds": pause.map(|pause| pause.as_secs()),
            }));
        }
        let status = answer.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let time = format!("{} ms", answer.time.as_millis());
        let mut text = format!("{verdict:<10}  {status:>3}  {time:>8}  {}", post.name());
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
                "file": post.file, "place": post.place, "verdict": "would send",
                "contentType": post.content_type, "bytes": post.body.len(),
            }));
        }
        let content_type = post.content_type.as_deref().unwrap_or("no content type");
        self.line(&format!("would send  {}  {content_type}, {} bytes", post.name(), post.body.len()))
    }

    /// A recorded request that is not sent.
    pub(crate) fn skipped(&mut self, post: &Post, why: &str) -> io::Result<()> {
        self.skipped += 1;
        if self.json {
            return self.line(&json!({
                "file": post.file, "place": post.place, "verdict": "skipped", "detail": why,
            }));
        }
        self.line(&format!("skipped     {}  {why}", post.name()))
    }

    /// The last line, for people; a script counts for itself.
    pub(crate) fn summary(&mut self) -> io::Result<()> {
        let Self { delivered, lost, will_retry, .. } = self;
        let total = *delivered + *lost + *will_retry;
        let text = format!("{total} sent: {delivered} delivered, {lost} lost, {will_retry} will retry");
        self.last_line(text)
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
            text = format!("{text}; {} without a body skipped", self.skipped);
        }
        self.line(&text)
    }

    /// Whether Tradecloud would be done with everything that was sent.
    pub(crate) fn all_delivered(&self) -> bool {
        self.lost == 0 && self.will_retry == 0
    }

    fn line(&mut self, line: &impl Display) -> io::Result<()> {
        let out = &mut self.out;
        self.bar.suspend(|| {
            writeln!(out, "{line}")?;
            out.flush()
        })
    }
}
