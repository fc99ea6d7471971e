//! What somebody answered, or why he did not, in words for people.

use std::time::Duration;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
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

/// The first part of the body, as far as it comes, as UTF-8 if its media type says that it is something else.
pub(crate) async fn beginning(mut response: Response) -> Beginning {
    let encoding = encoding(response.headers());
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
    Beginning { body: in_utf8(body, encoding), whole: matches!(read, Ok(Ok(()))) }
}

/// The encoding that the media type names, if that is one.
pub(crate) fn encoding(headers: &HeaderMap) -> &'static Encoding {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parameters = media_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value);
    let label = charset.map(|value| value.trim().trim_matches(['"', '\''])).next();
    label.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8)
}

/// What was said in that encoding, as UTF-8: as far as whole letters of it are there. What is UTF-8 by all its bytes is
/// left as it is, whatever is said of it: servers name a charset of their own.
pub(crate) fn in_utf8(said: Vec<u8>, encoding: &'static Encoding) -> Vec<u8> {
    let is_wide = [UTF_16LE, UTF_16BE].contains(&encoding);
    if encoding == UTF_8 || (!is_wide && str::from_utf8(&said).is_ok()) {
        return said;
    }
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let Some(length) = decoder.max_utf8_buffer_length(said.len()) else { return said };
    let mut text = String::with_capacity(length);
    // Not the last part of it: the end may stand in the middle of a letter.
    let _ = decoder.decode_to_string(&said, &mut text, false);
    text.into_bytes()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_in_another_charset_is_read_by_that() {
        let said = |media_type: &str, said: &[u8]| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type.parse().unwrap())]);
            String::from_utf8_lossy(&in_utf8(said.to_vec(), encoding(&headers))).into_owned()
        };

        assert_eq!(said("text/plain; charset=iso-8859-1", b"Auftrag f\xfcr M\xfcller"), "Auftrag für Müller");
        assert_eq!(said("text/plain; Charset=\"Windows-1252\"", b"5 \x80"), "5 €");
        assert_eq!(said("text/plain;charset=utf-16le", b"\xfcr\0"), said("text/plain", "\u{72fc}".as_bytes()));
        assert_eq!(said("text/plain;charset=utf-16le", b"\xfc\0r\0M"), "ür", "it is cut in the middle of a letter");
        assert_eq!(said("text/plain; charset=iso-8859-1", "für".as_bytes()), "für", "it is UTF-8 all the same");
        assert_eq!(said("text/plain; charset=nonsense", b"f\xfcr"), "f\u{fffd}r");
        assert_eq!(said("application/json", "für".as_bytes()), "für");
    }
}
