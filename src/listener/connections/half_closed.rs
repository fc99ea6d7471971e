//! The end of what an HTTP/2 client says is not yet the end of its connection: it may close its side right behind a
//! request, and still wants the answer, as over HTTP/1.1 (RFC 9112, §9.6). The library that HTTP/2 is served by forgets
//! every stream as soon as there is nothing more to read. So it does not learn of the end before all that has begun is
//! answered, and the answers are written.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// A stream that ends only when nothing is open any more.
pub(crate) struct HalfClosed<T> {
    stream: T,
    exchanges: Exchanges,
}

/// The requests and bodies of one connection. Clones are of the same one.
#[derive(Clone)]
pub(crate) struct Exchanges(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The client says nothing more; all that it has said has been read by then.
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// Requests that are not answered, and bodies that somebody may still read.
    open: usize,
    /// None was when the stream was read last, so that no more answers come;
    quiet: bool,
    /// and all of them have been written since.
    written: bool,
    /// Of whoever reads the stream.
    waker: Option<Waker>,
    /// Something has come since that was asked last.
    heard: bool,
}

/// Something is open until this is dropped.
pub(crate) struct Opened(Exchanges);

impl<T> HalfClosed<T> {
    /// What is open on `stream` is noted in `exchanges`.
    pub(crate) fn new(stream: T, exchanges: Exchanges) -> Self {
        Self { stream, exchanges }
    }

    /// Notes whether all that was to be written has been.
    fn note<R>(&self, cx: &mut Context<'_>, polled: &Poll<io::Result<R>>, flushed: bool) {
        let mut state = self.exchanges.state();
        if polled.is_pending() {
            state.written = false;
        } else if flushed && state.quiet && !state.written {
            state.written = true;
            cx.waker().wake_by_ref();
        }
    }
}

impl Exchanges {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), ended: watch::Sender::new(false) }))
    }

    /// Something begins.
    pub(crate) fn open(&self) -> Opened {
        let mut state = self.state();
        state.open += 1;
        (state.quiet, state.written) = (false, false);
        Opened(self.clone())
    }

    /// Whether the client has said anything since this was asked last.
    pub(crate) fn heard(&self) -> bool {
        std::mem::take(&mut self.state().heard)
    }

    /// Whether the client says nothing more.
    pub(crate) fn have_ended(&self) -> bool {
        *self.0.ended.borrow()
    }

    /// Until the client says nothing more.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.0.ended.subscribe();
        async move {
            // It goes with the connection, which is an end as well.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open -= 1;
        if state.open == 0
            && let Some(waker) = state.waker.take()
        {
            waker.wake();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HalfClosed<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.exchanges.have_ended() {
            let before = buf.remaining();
            match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
                Ok(()) if before == 0 || buf.remaining() < before => {
                    self.exchanges.state().heard = true;
                    return Poll::Ready(Ok(()));
                }
                // Not every client says goodbye in TLS before it closes its side.
                Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Poll::Ready(Err(error)),
                Ok(()) | Err(_) => self.exchanges.0.ended.send_replace(true),
            };
        }
        let mut state = self.exchanges.state();
        if state.open == 0 && state.written {
            return Poll::Ready(Ok(()));
        }
        // What was answered last is written after this.
        state.quiet = state.open == 0;
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HalfClosed<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(cx, &polled, false);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(cx, &polled, true);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(cx, &polled, false);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
