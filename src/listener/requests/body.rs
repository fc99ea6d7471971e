//! Reading a body: within its own limit, within the budget of all, and not for ever.

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::budget::{Budget, Share};
use crate::config::settings::Limits;

/// What is kept of a body that is too large, so that somebody can tell which one it was.
const KEPT_OF_TOO_LARGE: usize = 64 << 10;
/// Room that a body has from the start. More is taken as it comes, so that one that was only announced keeps
/// nobody else out.
const FIRST_ROOM: usize = 16 << 10;
/// So much of a body must come in the time that it may pause (or all the rest), or it has stalled.
const PACE: usize = 64 << 10;

/// A body in memory, with its share of the budget.
pub(crate) struct Received {
    /// All of it.
    pub(crate) bytes: Bytes,
    /// Its room; given back when the body is no longer held.
    pub(crate) share: Share,
}

/// Why a body was not read to its end.
pub(crate) enum BodyError {
    /// Larger than the limit, with its beginning.
    TooLarge {
        /// The length that was announced, if one was.
        announced: Option<u64>,
        /// As much as was kept.
        beginning: Bytes,
    },
    /// There is no room for it now.
    NoRoom,
    /// It broke off, or stalled.
    Broken(String),
}

/// Reads `body` to its end. What is left of one that is not taken is taken in all the same (see
/// [`super::lingering`]).
pub(crate) async fn read(
    headers: &HeaderMap,
    body: &mut Body,
    limits: &Limits,
    budget: &Budget,
) -> Result<Received, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.body as u64) {
        return Err(BodyError::TooLarge { announced, beginning: Bytes::new() });
    }
    let largest = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(limits.body);
    let mut room = largest.min(FIRST_ROOM);
    let Some(mut share) = budget.take(room.max(1)) else {
        return Err(BodyError::NoRoom);
    };
    let mut bytes = BytesMut::new();
    let (mut due, mut on_time) = (Instant::now() + limits.body_idle, 0);
    loop {
        let frame = match timeout_at(due, body.frame()).await {
            Err(_) => return Err(BodyError::Broken("nothing came for too long".to_owned())),
            Ok(None) => return Ok(Received { bytes: bytes.freeze(), share }),
            Ok(Some(Err(error))) => return Err(BodyError::Broken(error.to_string())),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > limits.body {
            bytes.truncate(KEPT_OF_TOO_LARGE);
            return Err(BodyError::TooLarge { announced, beginning: bytes.freeze() });
        }
        if length >= on_time + PACE {
            (due, on_time) = (Instant::now() + limits.body_idle, length);
        }
        if length > room {
            // Doubling bounds how often the body is copied; the budget knows of it.
            let more = (length - room).max(room).min(largest.max(length) - room);
            let Some(further) = budget.take(more) else {
                return Err(BodyError::NoRoom);
            };
            share.join(further);
            room += more;
        }
        bytes.reserve(room - bytes.len());
        bytes.extend_from_slice(&data);
        // Over HTTP/1.1 nobody tells of the end of a body whose request has been answered by then.
        if body.is_end_stream() {
            return Ok(Received { bytes: bytes.freeze(), share });
        }
    }
}
