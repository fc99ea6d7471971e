//! What somebody answered, or why he did not, in words for people.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Response, Url};

use super::Failure;
use super::address::place;
use super::handshake::{self, TrustedBy, causes, in_words};
use super::pause::retry_after;
use crate::shown;

/// How much of an answer's body is read: enough for any error message and for any token.
const READ: usize = 64 * 1024;
/// How long the body may take once the head is there; the status has said what matters.
const PATIENCE: Duration = Duration::from_secs(5);

/// `<host> answered <status>: <what it says about it>`, as a reason, with the time it asks for.
pub(super) async fn describe(response: Response) -> Failure {
    let pause = retry_after(response.headers());
    Failure { pause, ..Failure::unreachable(say(response).await.0) }
}

/// The words for an answer, and the beginning of its body.
pub(crate) async fn say(response: Response) -> (String, Beginning) {
    let mut answered = format!("{} answered {}", place(response.url()), response.status());
    let redirects = response.status().is_redirection();
    if redirects {
        let location =
            response.headers().get(LOCATION).map(|value| shown::line(&String::from_utf8_lossy(value.as_bytes())));
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
    shown::first_line(member.map_or(body, str::as_bytes))
}

/// The first part of a body.
pub(crate) struct Beginning {
    pub(crate) body: Vec<u8>,
    /// Whether that is all that was to be read of it.
    pub(crate) whole: bool,
}

/// The first part of the body, as far as it comes.
pub(crate) async fn beginning(mut response: Response) -> Beginning {
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
pub(crate) fn failed(url: &Url, error: &reqwest::Error) -> Failure {
    let (place, cause) = (place(url), cause(error));
    if error.is_connect() {
        return Failure::unreachable(format!("cannot connect to {place}: {cause}"));
    }
    Failure::unreachable(format!("{place} gave no answer: {cause}"))
}

/// No answer in time.
pub(crate) fn late(url: &Url, timeout: Duration) -> Failure {
    let reason = format!("{} gave no answer within {}", place(url), humantime::format_duration(timeout));
    Failure { late: true, ..Failure::unreachable(reason) }
}

/// The innermost error, which says what happened; the outer ones only where.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if let Some(tls) = handshake::failure(error) {
        return in_words(tls, TrustedBy::CaFile);
    }
    if let Some(alert) = handshake::alert(error) {
        return in_words(&rustls::Error::AlertReceived(alert), TrustedBy::CaFile);
    }
    let cause = causes(error).skip(1).last();
    cause.map_or_else(|| "the request cannot be made".to_owned(), |cause| shown::line(&cause.to_string()))
}
