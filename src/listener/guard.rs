//! The acceptor in front of TLS: how many connections, and how long one may be silent.
//!
//! hyper's own time-outs begin with the first byte of a request; a client that connects and says
//! nothing would stay for ever. So the stream itself has one.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower_http::add_extension::AddExtension;

use super::proxied::{self, Source};
use super::receive::Reception;

/// Lets a bounded number of connections in; the others wait for their turn.
#[derive(Clone)]
pub(crate) struct Guard {
    connections: Arc<Semaphore>,
    longest_wait: Duration,
    longest_silence: Duration,
    reception: Arc<Reception>,
}

impl Guard {
    /// `connections` at once; one that waits longer than `longest_wait` is closed, and so is one where
    /// nothing moves for `longest_silence`. A trusted proxy may say whom it speaks for.
    pub(crate) fn new(
        connections: usize,
        longest_wait: Duration,
        longest_silence: Duration,
        reception: Arc<Reception>,
    ) -> Self {
        let connections = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Self { connections, longest_wait, longest_silence, reception }
    }

    /// Whom the connection was passed on for.
    async fn source(&self, stream: &mut TcpStream) -> io::Result<Source> {
        if !self.reception.table.load().trusted_proxies.contains(stream.peer_addr()?.ip()) {
            return Ok(Source(None));
        }
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the PROXY protocol's header did not arrive");
        tokio::time::timeout(self.longest_wait, proxied::source(stream)).await.map_err(late)?
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Guard {
    type Stream = GuardedStream;
    type Service = AddExtension<S, Source>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, mut stream: TcpStream, service: S) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            // Without it, small answers wait for the client's delayed acknowledgement.
            stream.set_nodelay(true)?;
            let permit = tokio::time::timeout(guard.longest_wait, Arc::clone(&guard.connections).acquire_owned())
                .await
                .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "too many connections"))?
                .map_err(io::Error::other)?;
            let source = guard.source(&mut stream).await.inspect_err(|error| {
                tracing::warn!(%error, "a connection from a trusted proxy was closed");
            })?;
            let mut stream = TimeoutStream::new(stream);
            stream.set_read_timeout(Some(guard.longest_silence));
            stream.set_write_timeout(Some(guard.longest_silence));
            Ok((GuardedStream { stream: Box::pin(stream), _permit: permit }, AddExtension::new(service, source)))
        })
    }
}

/// A connection with its time-out and its place among the bounded number.
pub(crate) struct GuardedStream {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for GuardedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
