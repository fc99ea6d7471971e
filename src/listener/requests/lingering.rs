//! A body that nobody wants is taken in and dropped, so that its sender gets to read the answer.
//!
//! Whoever is still sending when it is answered sees a broken connection in place of the answer: over HTTP/1.1 the
//! kernel throws the answer away when the rest arrives at a closed socket, over HTTP/2 the stream is reset. To
//! Tradecloud that is no answer at all, so what was refused would come again without end, and nobody would learn
//! why. So a body that is dropped before its end, wherever and for whatever reason, is left to a task that reads
//! on: for a bounded time, up to a bounded size, into no memory.
//!
//! Nobody can look into it on this way: the task has it, and only [`crate::auth::Gate`] gives it to anyone else.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::Version;
use axum::http::header::EXPECT;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::listener::connections::lease::{Lease, Work};

/// How long a body that nobody wants is taken in.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);
/// How much of it, from addresses that no events are expected from.
pub(crate) const MOST_OF_STRANGERS: usize = 1 << 20;

/// How much of a body is taken in at the most if nobody wants it, with what was read of it before. An extension
/// of its request.
#[derive(Debug, Clone)]
pub(crate) struct Linger(Arc<AtomicUsize>);

impl Linger {
    /// From now on, so many bytes.
    pub(crate) fn most(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// How a client is told to send the body that it has asked about, over HTTP/2: that is for whoever wants the body. Over
/// HTTP/1.1, hyper sees to it. An extension of the request.
#[derive(Clone)]
pub(crate) struct Invitation(Arc<dyn Fn() + Send + Sync>);

impl Invitation {
    /// `invite` tells it.
    pub(crate) fn new(invite: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(invite))
    }
}

/// The same request; if its body is not wanted, up to `most` bytes of it are taken in.
pub(crate) fn lingering(request: Request, most: usize) -> Request {
    let (mut head, body) = request.into_parts();
    let linger = Linger(Arc::new(AtomicUsize::new(most)));
    head.extensions.insert(linger.clone());
    // Over HTTP/1.1, to read from a client that has asked whether to send the body would tell it to.
    let expects = head.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let asks = head.version == Version::HTTP_11 && expects;
    let (invitation, lease) = (head.extensions.remove(), head.extensions.get().cloned());
    Request::from_parts(head, Body::new(Lingering { body, linger, read: 0, left_alone: asks, invitation, lease }))
}

/// The same request, once the first of its body is there, or after `patience`: for a client that has asked whether to
/// send it, where nobody may see from the answer to that whether his credentials are right.
pub(crate) async fn begun(request: Request, patience: Duration) -> Request {
    let (head, mut body) = request.into_parts();
    let first = timeout(patience, body.frame()).await.ok().flatten();
    Request::from_parts(head, Body::new(Begun { first, body }))
}

/// A body of which the first frame was read already.
struct Begun {
    first: Option<Result<Frame<Bytes>, axum::Error>>,
    body: Body,
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.first.iter().flatten().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum::<u64>();
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + read);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + read);
        }
        hint
    }
}

struct Lingering {
    body: Body,
    linger: Linger,
    read: usize,
    /// Nothing more comes, or it is not to be asked for.
    left_alone: bool,
    invitation: Option<Invitation>,
    /// Of its connection.
    lease: Option<Lease>,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        // To read is to ask for it.
        self.left_alone = false;
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        // Who sends without waiting need not be told to.
        if let Some(Invitation(invite)) = self.invitation.take()
            && polled.is_pending()
        {
            invite();
        }
        let polled = ready!(polled);
        self.left_alone = !matches!(polled, Some(Ok(_)));
        if let Some(Ok(frame)) = &polled {
            self.read += frame.data_ref().map_or(0, Bytes::len);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let left = self.linger.0.load(Ordering::Relaxed).saturating_sub(self.read);
        if self.left_alone || self.body.is_end_stream() || left == 0 {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let work = self.lease.as_ref().map(Lease::work);
            runtime.spawn(take_in(std::mem::take(&mut self.body), left, work));
        }
    }
}

/// Its connection stays until then, as it does for a body that is kept.
async fn take_in(mut body: Body, mut left: usize, _work: Option<Work>) {
    let end = Instant::now() + LONGEST;
    // Its end is not always told (see `body::read`).
    while !body.is_end_stream()
        && let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await
    {
        left = match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(left) => left,
            None => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::yield_now;

    use super::*;
    use crate::listener::connections::lease::{Asked, Clock, Terms};

    const PIECE: &[u8] = &[0; 1024];

    /// A body without end, which counts what is read of it.
    #[derive(Default)]
    struct Endless(Arc<AtomicUsize>);

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            self.0.fetch_add(PIECE.len(), Ordering::Relaxed);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PIECE)))))
        }
    }

    /// How much is read of a body with these `pieces` wanted of it, and no more than `most` taken in.
    async fn read_of(request: axum::http::request::Builder, pieces: usize, most: usize) -> usize {
        let body = Endless::default();
        let read = Arc::clone(&body.0);
        let mut request = lingering(request.body(Body::new(body)).unwrap(), most);
        for _ in 0..pieces {
            request.body_mut().frame().await.unwrap().unwrap();
        }
        drop(request);
        for _ in 0..100 {
            yield_now().await;
        }
        read.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_nobody_wants_is_taken_in_up_to_its_bound_and_what_was_read_before_counts() {
        assert_eq!(read_of(Request::builder(), 0, 10 * 1024).await, 11 * 1024);
        assert_eq!(read_of(Request::builder(), 4, 10 * 1024).await, 11 * 1024);
        assert_eq!(read_of(Request::builder(), 0, 0).await, 0);
    }

    #[tokio::test]
    async fn a_client_that_has_asked_whether_to_send_is_not_told_to() {
        let asks = || Request::builder().header(EXPECT, "100-continue");
        assert_eq!(read_of(asks(), 0, 10 * 1024).await, 0);
        assert_eq!(read_of(asks(), 1, 10 * 1024).await, 11 * 1024, "it was told to before");
        assert_eq!(read_of(asks().version(Version::HTTP_2), 0, 10 * 1024).await, 11 * 1024, "to read tells it nothing");
    }

    /// A body that is begun and does not go on.
    struct Stalled;

    impl HttpBody for Stalled {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_stays_while_a_body_is_taken_in_and_no_longer() {
        let short = Duration::from_secs(1);
        let lease = Lease::new(Terms { unknown: short, checking: LONGEST, idle: short }, Asked::default());
        let request = Request::builder().extension(lease.clone()).body(Body::new(Stalled)).unwrap();
        let begun = Instant::now();
        drop(lingering(request, 1));

        let mut clock = Clock::new(lease);
        poll_fn(|cx| clock.poll_over(cx)).await;

        assert_eq!(begun.elapsed().as_secs(), (short + LONGEST).as_secs());
    }
}
