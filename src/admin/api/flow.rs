//! What is too large to be an answer in one piece: it goes out bit by bit, only a few at a time, and to nobody who does not
//! take it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use super::Refused;
use crate::respond::{self, Declined};

/// So long somebody waits until others have what they asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Whoever takes nothing for so long has left.
const STALLED: Duration = Duration::from_secs(30);
const PIECE: usize = 64 << 10;

/// Bytes that come bit by bit. An error breaks the answer off, so that nobody takes a part for the whole.
struct Flow(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Flow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Where the bytes of an answer are put in.
pub(in crate::admin) struct Source(mpsc::Sender<io::Result<Bytes>>);

impl Source {
    /// Puts some in; `false` if nobody takes them any more.
    pub(in crate::admin) async fn put(&self, bytes: Bytes) -> bool {
        matches!(timeout(STALLED, self.0.send(Ok(bytes))).await, Ok(Ok(())))
    }

    /// Breaks it off.
    pub(in crate::admin) async fn fail(&self, why: &str) {
        let _ = timeout(STALLED, self.0.send(Err(io::Error::other(why.to_owned())))).await;
    }
}

/// An answer, and where its bytes are put in.
pub(in crate::admin) fn open() -> (Source, Response) {
    let (source, flow) = mpsc::channel(1);
    (Source(source), Response::new(Body::new(Flow(flow))))
}

/// An answer of these bytes, which holds its turn to the end.
pub(super) fn of(mut bytes: Bytes, turn: OwnedSemaphorePermit) -> Response {
    let (source, response) = open();
    tokio::spawn(async move {
        let _turn = turn;
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            if !source.put(piece).await {
                return source.fail("nobody takes it").await;
            }
        }
    });
    response
}

/// The turn to send something large.
pub(in crate::admin) async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refused> {
    let turn = timeout(PATIENCE, Arc::clone(turns).acquire_owned()).await;
    turn.ok().and_then(Result::ok).ok_or_else(|| {
        let detail = "others are being sent bodies and exports: ask again when they have them";
        Refused::new(respond::declined(Declined::NotNow, detail))
    })
}
