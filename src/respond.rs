//! Outcome → HTTP answer, and what Tradecloud makes of it: the only place that names status codes.
//!
//! Tradecloud drops an event that is answered 4xx *or 500*, for good, and repeats one that is answered
//! 502, 503 or 504 without end. So the usual answers of an HTTP server are wrong here: whatever is
//! transient, unforeseen or our own fault must be one of the three that are repeated, and what would
//! fail again must not be. 500, 408 and 429 do not exist in this program.

#![expect(clippy::disallowed_types, reason = "the place that names them")]

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::decode::DecodeError;
use crate::handlers::Fault;

/// Pause that the answers of the repeated kind ask for, in seconds.
const RETRY_AFTER_SECONDS: &str = "10";

/// What a caller is told whose address is not in the endpoint's `allow_from`, whoever it is.
pub(crate) const NOT_FROM_HERE: &str = "calls from this address are not allowed; see allow_from";

/// What a caller is told whose event is durable.
pub(crate) const STORED: StatusCode = StatusCode::ACCEPTED;

/// What a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The event is durable.
    Stored {
        /// The event's id.
        id: String,
        /// The same message had come before.
        repeated: bool,
    },
    /// Every handler is done with the event.
    Handled {
        /// The event's id.
        id: String,
        /// The same message had come before.
        repeated: bool,
    },
    /// Permanent: the same request would be refused again.
    Refused(Refusal),
    /// The caller did not prove who it is.
    Denied {
        /// What is wrong.
        reason: &'static str,
        /// What it may prove it with, one challenge for each scheme.
        challenges: Vec<&'static str>,
    },
    /// Transient: Tradecloud is to send the event again.
    ComeAgain(ComeAgain),
}

/// A permanent refusal, with what is wrong for the one who reads the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub why: Why,
    /// What is wrong and where.
    pub detail: String,
    /// The id the body is kept under in the inbox.
    pub id: Option<String>,
}

impl Refusal {
    /// One whose body is not kept yet.
    pub fn new(why: Why, detail: impl Into<String>) -> Self {
        Self { why, detail: detail.into(), id: None }
    }

    /// The status code of the answer.
    #[expect(clippy::match_same_arms, reason = "our own refusals stand apart from what a handler's back end said")]
    pub fn status(&self) -> StatusCode {
        match self.why {
            Why::NoEvent | Why::NoId => StatusCode::BAD_REQUEST,
            Why::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Why::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Why::Address | Why::Caller => StatusCode::FORBIDDEN,
            Why::NoSuchPath => StatusCode::NOT_FOUND,
            Why::Method | Why::MethodOfNotices => StatusCode::METHOD_NOT_ALLOWED,
            Why::Rejected(Some(404)) => StatusCode::NOT_FOUND,
            Why::Rejected(Some(409)) => StatusCode::CONFLICT,
            Why::Rejected(Some(410)) => StatusCode::GONE,
            Why::Rejected(Some(422)) => StatusCode::UNPROCESSABLE_ENTITY,
            Why::Rejected(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The kinds of permanent refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The body is no Tradecloud event, or was cut off.
    NoEvent,
    /// The body is neither JSON nor XML.
    UnknownEncoding,
    /// The body is larger than the limit.
    TooLarge,
    /// The address of the caller is not in the endpoint's `allow_from`.
    Address,
    /// The caller proved who it is, and may not call.
    Caller,
    /// There is no endpoint at this path.
    NoSuchPath,
    /// The endpoint takes POST and PUT only.
    Method,
    /// The endpoint has a placeholder, and takes GET, POST and PUT only.
    MethodOfNotices,
    /// What has changed is named by nothing that could be fetched.
    NoId,
    /// A handler rejected the event; the status its back end gave, if it speaks HTTP.
    Rejected(Option<u16>),
}

/// A transient refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComeAgain {
    /// The inbox cannot store the event now.
    Store,
    /// Whether the credentials are right cannot be said now; why.
    Credentials(&'static str),
    /// Too many bodies are in memory.
    Overload,
    /// The receiver is shutting down.
    Draining,
    /// The body stopped arriving.
    Stalled,
    /// Something unforeseen, such as a panic.
    Unforeseen,
    /// The answer would have been too late.
    Late,
    /// A handler could not hand the event on; its reason.
    Handler(Fault, String),
}

impl Answer {
    /// The status code of this answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Stored { .. } => STORED,
            Self::Handled { .. } => StatusCode::OK,
            Self::Denied { .. } => StatusCode::UNAUTHORIZED,
            Self::Refused(refusal) => refusal.status(),
            Self::ComeAgain(again) => match again {
                ComeAgain::Handler(Fault::Unreachable, _) => StatusCode::BAD_GATEWAY,
                ComeAgain::Late | ComeAgain::Handler(Fault::Late, _) => StatusCode::GATEWAY_TIMEOUT,
                ComeAgain::Store
                | ComeAgain::Credentials(_)
                | ComeAgain::Overload
                | ComeAgain::Draining
                | ComeAgain::Stalled
                | ComeAgain::Unforeseen
                | ComeAgain::Handler(Fault::Ours, _) => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }

    /// What to say about it, for the answer and the log. Empty for the good ones.
    pub fn detail(&self) -> &str {
        match self {
            Self::Stored { .. } | Self::Handled { .. } => "",
            Self::Refused(refusal) => &refusal.detail,
            Self::Denied { reason, .. } => reason,
            Self::ComeAgain(again) => match again {
                ComeAgain::Store => "the event cannot be stored now",
                ComeAgain::Credentials(reason) => reason,
                ComeAgain::Overload => "too many requests are being worked on",
                ComeAgain::Draining => "the receiver is shutting down",
                ComeAgain::Stalled => "the body stopped arriving",
                ComeAgain::Unforeseen => "something went wrong here",
                ComeAgain::Late => "the work was not finished in time; it goes on",
                ComeAgain::Handler(_, reason) => reason,
            },
        }
    }

    /// A body that is kept as refused, whose decoding failed.
    pub fn undecodable(error: &DecodeError) -> Refusal {
        let why = match error {
            DecodeError::UnknownEncoding(_) => Why::UnknownEncoding,
            DecodeError::Malformed { .. } | DecodeError::NoEvent(_) => Why::NoEvent,
        };
        Refusal::new(why, error.to_string())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = match &self {
            Self::Stored { id, repeated } => good(status, "stored", id, *repeated),
            Self::Handled { id, repeated } => good(status, "handled", id, *repeated),
            Self::Refused(_) | Self::Denied { .. } | Self::ComeAgain(_) => self.problem(status),
        };
        let headers = response.headers_mut();
        match &self {
            Self::Denied { challenges, .. } => {
                for challenge in challenges {
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
            }
            Self::Refused(Refusal { why: Why::Method, .. }) => {
                headers.insert(ALLOW, HeaderValue::from_static("POST, PUT"));
            }
            Self::Refused(Refusal { why: Why::MethodOfNotices, .. }) => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, POST, PUT"));
            }
            Self::ComeAgain(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

impl Answer {
    /// A problem document (RFC 9457).
    fn problem(&self, status: StatusCode) -> Response {
        let mut more = Map::new();
        if let Self::Refused(Refusal { id: Some(id), .. }) = self {
            more.insert("id".to_owned(), json!(id));
        }
        problem(status, self.detail(), more)
    }
}

fn problem(status: StatusCode, detail: &str, more: Map<String, Value>) -> Response {
    let mut problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    if let Value::Object(members) = &mut problem {
        members.extend(more);
    }
    let mut response = (status, Json(problem)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// What a client is told that has asked whether to send its body, once somebody wants it.
pub(crate) fn go_on() -> axum::http::Response<()> {
    let mut response = axum::http::Response::new(());
    *response.status_mut() = StatusCode::CONTINUE;
    response
}

/// What is said of an event that is safe, or handled.
fn good(status: StatusCode, what: &str, id: &str, repeated: bool) -> Response {
    let mut said = json!({"status": what, "id": id});
    if repeated {
        said["repeated"] = json!(true);
    }
    (status, Json(said)).into_response()
}

/// Whether the process runs: always, if it can say so.
pub fn live() -> Response {
    (StatusCode::OK, "live\n").into_response()
}

/// Whether events are taken: the list of what keeps the receiver from it, empty if nothing does; and what
/// somebody should know even so.
pub fn ready(obstacles: &[String], notes: &[String]) -> Response {
    if obstacles.is_empty() {
        let notes: String = notes.iter().flat_map(|note| ["note: ", note.as_str(), "\n"]).collect();
        (StatusCode::OK, format!("ready\n{notes}")).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", obstacles.join("; "))).into_response()
    }
}

/// Why somebody who looks, at the admin address, does not get what he asked for. Tradecloud never comes there; but nobody
/// there is told what it would take amiss either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declined {
    /// What he asks makes no sense.
    NoSense,
    /// Nobody knows who he is.
    NotSignedIn,
    /// He may not.
    NotAllowed,
    /// There is no such thing.
    NotThere,
    /// That can be asked for in another way only.
    Method,
    /// There was such a thing.
    Gone,
    /// He calls the address by a name that it does not have.
    OtherHost,
    /// Not as things are.
    Conflict,
    /// It is more than is taken.
    TooLarge,
    /// It is in another form than is taken.
    MediaType,
    /// It can be read, and cannot be done.
    Unfit,
    /// Not at the moment, or not so much.
    NotNow,
}

impl Declined {
    const fn status(self) -> StatusCode {
        match self {
            Self::NoSense => StatusCode::BAD_REQUEST,
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::NotThere => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Gone => StatusCode::GONE,
            Self::OtherHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unfit => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotNow => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A problem document (RFC 9457) for somebody who looks.
pub(crate) fn declined(why: Declined, detail: &str) -> Response {
    declined_with(why, detail, Map::new())
}

/// The same, with more in it.
pub(crate) fn declined_with(why: Declined, detail: &str, more: Map<String, Value>) -> Response {
    let mut response = problem(why.status(), detail, more);
    if why == Declined::NotSignedIn {
        let challenge = HeaderValue::from_static("Basic realm=\"tradecloud-webhook inspector\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What became of what somebody at the admin address wanted done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It is done; this is what it is about.
    Here,
    /// There is something new.
    Made,
    /// It goes on.
    Begun,
}

/// Says so.
pub(crate) fn done(done: Done, what: &Value) -> Response {
    let status = match done {
        Done::Here => StatusCode::OK,
        Done::Made => StatusCode::CREATED,
        Done::Begun => StatusCode::ACCEPTED,
    };
    (status, Json(what)).into_response()
}

/// A page.
pub(crate) fn page(html: String) -> Response {
    (StatusCode::OK, Html(html)).into_response()
}

/// A page in the place of what was asked for.
pub(crate) fn page_declined(why: Declined, html: String) -> Response {
    (why.status(), Html(html)).into_response()
}

/// Where to look next, relative to the page.
pub(crate) fn elsewhere(location: &str) -> Response {
    let location = HeaderValue::from_str(location).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// What Tradecloud does after an answer with a status code (its current manual).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx: Tradecloud is done with the event.
    Delivered,
    /// Tradecloud drops the event for good: every 4xx, and 500.
    Lost,
    /// Tradecloud sends the event again, with increasing pauses, without end: 502, 503, 504, or no
    /// answer at all.
    WillRetry,
}

impl Verdict {
    /// Judges a status code as Tradecloud does.
    pub const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered,
            502..=504 => Self::WillRetry,
            _ => Self::Lost,
        }
    }

    /// `delivered`, `lost` or `will retry`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Lost => "lost",
            Self::WillRetry => "will retry",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, ComeAgain, Refusal, Verdict, Why};
    use crate::handlers::Fault;

    #[test]
    fn whatever_is_transient_is_sent_again_by_tradecloud() {
        let transient = [
            ComeAgain::Store,
            ComeAgain::Credentials(""),
            ComeAgain::Overload,
            ComeAgain::Draining,
            ComeAgain::Stalled,
            ComeAgain::Unforeseen,
            ComeAgain::Late,
            ComeAgain::Handler(Fault::Unreachable, String::new()),
            ComeAgain::Handler(Fault::Late, String::new()),
            ComeAgain::Handler(Fault::Ours, String::new()),
        ];
        for again in transient {
            let status = Answer::ComeAgain(again.clone()).status();
            assert_eq!(Verdict::of(status.as_u16()), Verdict::WillRetry, "{again:?} is answered {status}");
        }
    }

    #[test]
    fn whatever_would_fail_again_is_not_sent_again_by_tradecloud() {
        let mut permanent = vec![
            Why::NoEvent,
            Why::UnknownEncoding,
            Why::TooLarge,
            Why::Address,
            Why::Caller,
            Why::NoSuchPath,
            Why::Method,
            Why::MethodOfNotices,
            Why::NoId,
            Why::Rejected(None),
        ];
        // A handler's back end may say anything; it must not get an event repeated for ever.
        permanent.extend((100..=999).map(|status| Why::Rejected(Some(status))));
        for why in permanent {
            let status = Answer::Refused(Refusal::new(why, "")).status();
            assert!(status.is_client_error(), "{why:?} is answered {status}");
            assert!(![408, 425, 429].contains(&status.as_u16()), "{why:?} is answered {status}");
        }
    }
}
