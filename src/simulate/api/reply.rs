//! What the simulated platform answers with: statuses, headers, and bodies that may be long or break off.

#![expect(clippy::disallowed_types, reason = "these are the answers of another system, not ours to Tradecloud")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde_json::Value;

use crate::simulate::world::Content;

const TEXT: &str = "text/plain; charset=UTF-8";

/// What is given at a time of a long body.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// An answer with that status and body.
fn answer(status: u16, content_type: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    header(&mut response, CONTENT_TYPE, content_type);
    response
}

/// Sets a header, if the value fits one.
pub(super) fn header(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// An answer in JSON.
pub(super) fn json(value: &Value) -> Response {
    answer(200, "application/json", Body::from(value.to_string()))
}

/// An answer in words.
pub(super) fn text(status: u16, text: &str) -> Response {
    answer(status, TEXT, Body::from(text.to_owned()))
}

/// 200 without a body.
pub(super) fn empty() -> Response {
    Response::new(Body::empty())
}

/// 401: who it is was not said, or not right. The platform says the same for all of that.
pub(super) fn unknown_caller() -> Response {
    text(401, "The supplied authentication is invalid")
}

/// 404.
pub(super) fn not_found() -> Response {
    text(404, "The requested resource could not be found.")
}

/// 403.
pub(super) fn forbidden() -> Response {
    text(403, "The supplied authentication is not authorized to access this resource")
}

/// 429, with the time when to come again.
pub(super) fn too_many(why: &str) -> Response {
    let mut response = text(429, why);
    header(&mut response, RETRY_AFTER, "1");
    response
}

/// An answer as the object storage gives it when it refuses.
pub(super) fn storage(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message><RequestId>SIMULATED</RequestId></Error>"
    );
    answer(status, "application/xml", Body::from(body))
}

/// A file.
pub(super) fn file(content_type: &str, disposition: &str, content: &Content) -> Response {
    let (body, length) = match content {
        Content::Bytes(bytes) => (Body::from(bytes.clone()), bytes.len() as u64),
        Content::Zeros(length) => (Body::new(Pieces { left: *length, breaks: false }), *length),
    };
    let mut response = answer(200, content_type, body);
    header(&mut response, CONTENT_LENGTH, &length.to_string());
    header(&mut response, CONTENT_DISPOSITION, disposition);
    response
}

/// An answer that begins well, and in the middle of which the connection ends.
pub(super) fn cut() -> Response {
    let mut response = answer(200, "application/json", Body::new(Pieces { left: 100, breaks: true }));
    header(&mut response, CONTENT_LENGTH, "10000");
    response
}

/// So many zeros, after which it ends or breaks.
struct Pieces {
    left: u64,
    breaks: bool,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left > 0 {
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(ZEROS.len());
            self.left -= length as u64;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&ZEROS[..length])))));
        }
        let broken = self.breaks.then(|| Err(io::Error::other("cut on purpose")));
        self.breaks = false;
        Poll::Ready(broken)
    }

    fn size_hint(&self) -> SizeHint {
        if self.breaks { SizeHint::default() } else { SizeHint::with_exact(self.left) }
    }
}
