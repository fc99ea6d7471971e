//! From what the ERP answered to an outcome, and to what is kept of it.

use std::time::Duration;

use reqwest::Response;

use crate::event::{ENOUGH, Event};
use crate::handlers::{Fault, Outcome, Rejection, Unavailability};
use crate::outgoing::{beginning, encoding, in_utf8, retry_after, say};

/// How long the words of an ERP that has taken the event are waited for. They come with the status, or are not worth
/// the wait. Shorter than what the dispatcher grants beyond the time-out, so that it calls no such event late.
const WORDS: Duration = Duration::from_secs(1);

/// Which answers refuse an event for good.
#[derive(Debug)]
pub(super) struct Refusals {
    /// Statuses.
    pub(super) reject_on: Vec<u16>,
    /// In lower case: an answer that has one of these in it refuses the event for now only.
    pub(super) retry_on_text: Vec<String>,
}

impl Refusals {
    /// The text of `retry_on_text` that is in a body.
    fn passing(&self, body: &[u8]) -> Option<&str> {
        if self.retry_on_text.is_empty() {
            return None;
        }
        let body = String::from_utf8_lossy(body).to_lowercase();
        self.retry_on_text.iter().map(String::as_str).find(|text| body.contains(text))
    }
}

/// 2xx is done, `reject_on` is rejected, everything else is worth another try.
pub(super) async fn judge(event: &Event, mut response: Response, refusals: &Refusals) -> Outcome {
    let status = response.status();
    // Already here, because the attempt may be cut off while the body comes.
    event.answered(Some(status.as_u16()), "");
    if status.is_success() {
        if event.wants_answer() {
            event.answered(Some(status.as_u16()), words(&mut response).await);
        }
        // Read on only to keep the connection. Were this waited for, a dawdling body could turn an
        // event that the ERP has taken into one that is sent again.
        tokio::spawn(beginning(response));
        return Outcome::Done;
    }
    let pause = retry_after(response.headers());
    let (reason, beginning) = say(response).await;
    event.answered(Some(status.as_u16()), &beginning.body);
    let (reason, rejected) = if !refusals.reject_on.contains(&status.as_u16()) {
        (reason, false)
    } else if let Some(text) = refusals.passing(&beginning.body) {
        (format!("{reason} (it says \"{text}\", which `retry_on_text` takes for passing)"), false)
    } else if !beginning.whole && !refusals.retry_on_text.is_empty() {
        // The text may stand in what did not come. An event that is sent again is better than one set aside.
        (format!("{reason} (the answer broke off before `retry_on_text` could be looked for)"), false)
    } else {
        (reason, true)
    };
    if rejected {
        return Outcome::Rejected(Rejection { reason, status: Some(status.as_u16()) });
    }
    let reason = match status.as_u16() {
        401 | 403 => format!("{reason} (look at `auth` or `headers` of this handler)"),
        _ => reason,
    };
    let why = Unavailability::new(Fault::Unreachable, reason).pause(pause);
    // Whatever else it answers, it is there, and may take other events.
    Outcome::Unavailable(if concerns_all(status.as_u16()) { why } else { why.of_one() })
}

/// What there is of the body before the time is up, as much of it as is kept. However it ends, the event is taken.
async fn words(response: &mut Response) -> Vec<u8> {
    let encoding = encoding(response.headers());
    // In UTF-16 most letters are twice as long.
    let (mut words, enough) = (Vec::new(), 2 * ENOUGH);
    let read = async {
        while words.len() < enough
            && let Ok(Some(chunk)) = response.chunk().await
        {
            words.extend_from_slice(&chunk[..chunk.len().min(enough - words.len())]);
        }
    };
    let _ = tokio::time::timeout(WORDS, read).await;
    in_utf8(words, encoding)
}

/// Whether a status says that nobody is there to take any event.
fn concerns_all(status: u16) -> bool {
    // Too many requests; a gateway that nobody answers behind, one that is out of order, one that waits in vain.
    matches!(status, 429 | 502..=504)
}
