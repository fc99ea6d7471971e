//! The acceptor in front of TLS: how many connections, and how long each may stay.
//!
//! hyper's own time-outs begin with the first byte of a request; a client that connects and says
//! nothing would stay for ever. So the stream itself has a clock (see [`super::lease`]).
//!
//! When every place is taken, a newcomer gets that of the stranger who has had one for longest. So nobody
//! keeps others out by connections that cost nothing. If known callers have all of them, now and then one is closed
//! after an answer for a newcomer who has waited for long: in an overload everybody gets a turn.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower_http::add_extension::AddExtension;

use super::lease::{Asked, Clock, Lease, Leased, Terms};
use super::proxy_protocol::{self, Source};
use crate::listener::requests::endpoints::SharedTable;

use crate::telemetry::events;

/// So many may wait for a place, if all are taken by known callers; further ones are closed at once.
const MOST_WAITING: usize = 2048;
/// After our goodbye, what a client still sends is read and dropped for so long at the most, and for so long after
/// its last byte,
const LONGEST_GOODBYE: Duration = Duration::from_secs(5);
const QUIET_GOODBYE: Duration = Duration::from_secs(1);
/// and up to so many bytes.
const MOST_AFTER_GOODBYE: usize = 1 << 20;
/// How often one that waits looks whether a stranger has been here for long enough.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// Lets a bounded number of connections in.
#[derive(Clone)]
pub(crate) struct Guard {
    places: Arc<Places>,
    longest_wait: Duration,
    terms: Terms,
    table: SharedTable,
}

impl Guard {
    /// `connections` at once, each on these `terms`; one that waits for its place longer than `longest_wait`
    /// is closed. A proxy that the table trusts may say whom it speaks for.
    pub(crate) fn new(connections: usize, longest_wait: Duration, terms: Terms, table: SharedTable) -> Self {
        let places = Places {
            free: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            strangers: Mutex::default(),
            most_noted: connections.saturating_mul(2),
            waiting: AtomicUsize::new(0),
            asked: Asked::default(),
        };
        Self { places: Arc::new(places), longest_wait, terms, table }
    }

    /// Whom the connection was passed on for.
    async fn source(&self, stream: &mut TcpStream) -> io::Result<Source> {
        if !self.table.load().proxies.may_begin_with_header(stream.peer_addr()?.ip()) {
            return Ok(Source(None));
        }
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the PROXY protocol's header did not arrive");
        tokio::time::timeout(self.longest_wait, proxy_protocol::source(stream)).await.map_err(late)?
    }
}

/// The places for connections.
#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    /// In the order in which they came; among them some that have become known since, or are gone.
    strangers: Mutex<VecDeque<Lease>>,
    /// From so many on, those are left out that are gone or known.
    most_noted: usize,
    waiting: AtomicUsize,
    asked: Asked,
}

impl Places {
    /// Waits for a place, that of a stranger if there is no other.
    async fn take(&self, longest_wait: Duration) -> io::Result<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(place);
        }
        let waiting = Waiting::begin(&self.waiting);
        let mut revoked = self.revoke_one();
        if !revoked && waiting.before >= MOST_WAITING {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "too many connections"));
        }
        let mut place = std::pin::pin!(Arc::clone(&self.free).acquire_owned());
        let (begun, end) = (Instant::now(), Instant::now() + longest_wait);
        let mut asked = false;
        loop {
            let look = end.min(Instant::now() + LOOK_PAUSE);
            if let Ok(place) = timeout_at(look, &mut place).await {
                return place.map_err(io::Error::other);
            }
            if end <= Instant::now() {
                if asked {
                    self.asked.settle();
                }
                return Err(io::Error::new(io::ErrorKind::TimedOut, "too many connections"));
            }
            revoked = revoked || self.revoke_one();
            asked = asked || !revoked && begun.elapsed() >= longest_wait / 2 && self.asked.ask();
        }
    }

    /// Notes a new connection, whose caller is not known yet.
    fn note(&self, lease: Lease) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= self.most_noted {
            strangers.retain(Lease::is_strangers);
        }
        strangers.push_back(lease);
    }

    /// Ends the connection of the stranger who has been here for longest; says whether there was one.
    fn revoke_one(&self) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(first) = strangers.front() {
            if first.is_strangers() && first.is_young() {
                return false;
            }
            // Whoever is known or about to be is no stranger any more.
            let revoked = first.revoke();
            strangers.pop_front();
            if revoked {
                return true;
            }
        }
        false
    }
}

/// One that waits for a place.
struct Waiting<'a> {
    all: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn begin(all: &'a AtomicUsize) -> Self {
        Self { all, before: all.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Guard {
    type Stream = GuardedStream;
    type Service = AddExtension<AddExtension<S, Source>, Lease>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, mut stream: TcpStream, service: S) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            // Without it, small answers wait for the client's delayed acknowledgement.
            stream.set_nodelay(true)?;
            let place = guard.places.take(guard.longest_wait).await?;
            let source = guard.source(&mut stream).await.inspect_err(|error| events::callers::proxy_closed(error))?;
            let lease = Lease::new(guard.terms, guard.places.asked.clone());
            guard.places.note(lease.clone());
            let service = AddExtension::new(AddExtension::new(service, source), lease.clone());
            Ok((GuardedStream { stream, clock: Clock::new(lease), goodbye: None, _place: place }, service))
        })
    }
}

/// A connection with its clock and its place among the bounded number.
pub(crate) struct GuardedStream {
    stream: TcpStream,
    clock: Clock,
    /// Once our side of it is closed.
    goodbye: Option<Goodbye>,
    _place: OwnedSemaphorePermit,
}

impl GuardedStream {
    /// Looks at the clock whenever there is nothing to do but wait for the client.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        ready!(self.clock.poll_over(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client took too long")))
    }
}

impl Leased for GuardedStream {
    fn lease(&self) -> &Lease {
        self.clock.lease()
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.in_time(cx, polled)
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.in_time(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(cx, polled)
    }

    /// Closes our side, and waits for the client to close its own: if it is still sending when the socket is closed,
    /// the kernel throws away what the client has not read yet, and that is our answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.goodbye.is_none() {
            let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
            ready!(self.in_time(cx, polled))?;
            self.goodbye = Some(Goodbye::begin());
        }
        let this = &mut *self;
        let polled = match &mut this.goodbye {
            Some(goodbye) => goodbye.poll_heard(&mut this.stream, cx).map(Ok),
            None => Poll::Ready(Ok(())),
        };
        self.in_time(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.in_time(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// What comes after we have said goodbye.
struct Goodbye {
    end: Instant,
    quiet: Pin<Box<Sleep>>,
    left: usize,
}

impl Goodbye {
    fn begin() -> Self {
        let now = Instant::now();
        let quiet = Box::pin(sleep_until(now + QUIET_GOODBYE));
        Self { end: now + LONGEST_GOODBYE, quiet, left: MOST_AFTER_GOODBYE }
    }

    /// Ready when the client has said goodbye as well, or is not waited for any longer.
    fn poll_heard(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 4096];
        loop {
            let mut dropped = ReadBuf::new(&mut bytes);
            if Pin::new(&mut *stream).poll_read(cx, &mut dropped).is_pending() {
                return self.quiet.as_mut().poll(cx);
            }
            let count = dropped.filled().len();
            self.left = self.left.saturating_sub(count);
            // Nothing is read from a stream that is closed or broken.
            if count == 0 || self.left == 0 {
                return Poll::Ready(());
            }
            self.quiet.as_mut().reset(self.end.min(Instant::now() + QUIET_GOODBYE));
        }
    }
}
