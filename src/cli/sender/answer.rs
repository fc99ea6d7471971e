//! What came back for one attempt, and what Tradecloud makes of it.

use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::LOCATION;
use serde_json::Value;

use crate::respond::{NOT_FROM_HERE, Verdict};
use crate::shown;

/// The receiver's answers are small; of anything larger the rest is of no use here.
const READ_AT_MOST: usize = 64 * 1024;

/// What to do about the address.
const LET_IN: &str = "add the address of this machine (the receiver's log has it as `from`) to `allow_from` of the \
                      endpoint for as long as you try";

/// One answer, or the lack of one.
pub(crate) struct Answer {
    /// What Tradecloud would do.
    pub(crate) verdict: Verdict,
    /// None if no answer came.
    pub(crate) status: Option<u16>,
    /// From the first byte sent to the end of the answer.
    pub(crate) time: Duration,
    /// The id that the receiver gave the event.
    pub(crate) id: Option<String>,
    /// The receiver had the event before.
    pub(crate) repeated: bool,
    /// Why it was not delivered.
    pub(crate) detail: Option<String>,
}

impl Answer {
    /// No answer came, for a reason in words.
    pub(super) fn none(reason: String, time: Duration) -> Self {
        Self { verdict: Verdict::WillRetry, status: None, time, id: None, repeated: false, detail: Some(reason) }
    }

    /// Reads and judges an answer. The status decides; a body that breaks off only costs its text.
    pub(super) async fn read(mut response: Response, started: Instant) -> Self {
        let status = response.status();
        let mut body = Vec::new();
        while body.len() < READ_AT_MOST
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
        let time = started.elapsed();
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name| said.get(name).and_then(Value::as_str).map(shown::line).filter(|text| !text.is_empty());
        let verdict = Verdict::of(status.as_u16());
        let detail = text("detail").or_else(|| match verdict {
            Verdict::Delivered => None,
            _ if status.is_redirection() => {
                let target =
                    response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
                Some(format!("a redirect to {}; only 2xx counts as delivered", shown::line(target)))
            }
            _ => text("title").or_else(|| status.canonical_reason().map(str::to_owned)),
        });
        let detail = detail.map(|detail| if detail == NOT_FROM_HERE { format!("{detail}: {LET_IN}") } else { detail });
        let repeated = verdict == Verdict::Delivered && said.get("repeated").is_some_and(|said| said == true);
        Self { verdict, status: Some(status.as_u16()), time, id: text("id"), repeated, detail }
    }
}
