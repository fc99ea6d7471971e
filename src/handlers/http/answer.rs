//! What the ERP answered, or why it did not: from there to an outcome, with words for people.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Response, StatusCode, Url};

use super::pause::retry_after;
use crate::handlers::reason::{first_line, printable};
use crate::handlers::{Fault, Outcome, Rejection, Unavailability};

/// How much of an answer's body is read: enough for any error message and for any token.
const READ: usize = 64 * 1024;
/// How long the body may take once the head is there; the status has said what matters.
const PATIENCE: Duration = Duration::from_secs(5);

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
pub(super) async fn judge(response: Response, refusals: &Refusals) -> Outcome {
    let status = response.status();
    if status.is_success() {
        // Read on only to keep the connection. Were this waited for, a dawdling body could turn an
        // event that the ERP has taken into one that is sent again.
        tokio::spawn(beginning(response));
        return Outcome::Done;
    }
    let pause = retry_after(response.headers());
    let (reason, beginning) = say(response).await;
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
    let reason = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!("{reason} (look at `auth` of this handler)"),
        _ => reason,
    };
    let why = Unavailability::new(Fault::Unreachable, reason).pause(pause);
    // Whatever else it answers, it is there, and may take other events.
    Outcome::Unavailable(if concerns_all(status) { why } else { why.of_one() })
}

/// Whether a status says that nobody is there to take any event.
fn concerns_all(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
    )
}

/// `<host> answered <status>: <what it says about it>`, as a reason, with the time it asks for.
pub(super) async fn describe(response: Response) -> Unavailability {
    let pause = retry_after(response.headers());
    Unavailability::new(Fault::Unreachable, say(response).await.0).pause(pause)
}

/// The words for an answer, and the beginning of its body.
async fn say(response: Response) -> (String, Beginning) {
    let mut answered = format!("{} answered {}", place(response.url()), response.status());
    let redirects = response.status().is_redirection();
    if redirects {
        let location =
            response.headers().get(LOCATION).map(|value| printable(&String::from_utf8_lossy(value.as_bytes())));
        let to = location.map(|location| format!(" to {location}")).unwrap_or_default();
        answered = format!("{answered}{to}; redirects are not followed, give the final address");
    }
    let is_html = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|media_type| media_type.as_bytes().to_ascii_lowercase().starts_with(b"text/html"));
    let beginning = beginning(response).await;
    // The first line of a web page says nothing.
    if !redirects
        && !is_html
        && let Some(detail) = detail(&beginning.body)
    {
        answered = format!("{answered}: {detail}");
    }
    (answered, beginning)
}

/// What an error answer says: the members where problem documents, OData, OAuth and most others put
/// their message, else the first line.
fn detail(body: &[u8]) -> Option<String> {
    let members =
        ["/detail", "/title", "/error/message/value", "/error/message", "/error_description", "/message", "/error"];
    let json = serde_json::from_slice::<serde_json::Value>(body).ok();
    let member = json.as_ref().and_then(|json| members.iter().find_map(|member| json.pointer(member)?.as_str()));
    first_line(member.map_or(body, str::as_bytes))
}

/// The first part of a body.
pub(super) struct Beginning {
    pub(super) body: Vec<u8>,
    /// Whether that is all that was to be read of it.
    whole: bool,
}

/// The first part of the body, as far as it comes.
pub(super) async fn beginning(mut response: Response) -> Beginning {
    let mut body = Vec::new();
    let read = tokio::time::timeout(PATIENCE, async {
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk[..chunk.len().min(READ - body.len())]);
            if body.len() == READ {
                break;
            }
        }
        Ok::<_, reqwest::Error>(())
    })
    .await;
    Beginning { body, whole: matches!(read, Ok(Ok(()))) }
}

/// No answer at all.
pub(crate) fn failed(url: &Url, error: &reqwest::Error) -> Unavailability {
    let (place, cause) = (place(url), cause(error));
    if error.is_connect() {
        let hint =
            if cause.contains("UnknownIssuer") { " (the certificate of a private CA goes into `ca_file`)" } else { "" };
        return Unavailability::new(Fault::Unreachable, format!("cannot connect to {place}: {cause}{hint}"));
    }
    Unavailability::new(Fault::Unreachable, format!("{place} gave no answer: {cause}"))
}

/// No answer in time.
pub(super) fn late(url: &Url, timeout: Duration) -> Unavailability {
    let reason = format!("{} gave no answer within {}", place(url), humantime::format_duration(timeout));
    Unavailability::new(Fault::Late, reason)
}

/// The innermost error, which says what happened; the outer ones only where.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else {
        return "the request cannot be made".to_owned();
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    printable(&cause.to_string())
}

/// Host and port: path and query of an address may hold keys that do not belong into a log.
pub(crate) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
