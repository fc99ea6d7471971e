//! A stream whose first bytes have been looked at, and are still to be read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::lease::{Lease, Leased};

/// The stream, and what was read of it.
pub(crate) struct Begun<T> {
    first: Bytes,
    stream: T,
}

impl<T> Begun<T> {
    /// `first` comes before what is left in `stream`.
    pub(crate) fn new(first: Bytes, stream: T) -> Self {
        Self { first, stream }
    }

    /// What has been looked at, and not been read again.
    pub(crate) fn first(&self) -> &[u8] {
        &self.first
    }
}

impl<T: Leased> Leased for Begun<T> {
    fn lease(&self) -> &Lease {
        self.stream.lease()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Begun<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..count]);
        self.first.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Begun<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::Begun;

    #[tokio::test]
    async fn what_was_looked_at_comes_first() {
        for size in 1..8 {
            let mut stream = Begun::new("looked at,".into(), &b" and the rest"[..]);
            let (mut read, mut bytes) = (Vec::new(), vec![0; size]);
            loop {
                match stream.read(&mut bytes).await.unwrap() {
                    0 => break,
                    count => read.extend_from_slice(&bytes[..count]),
                }
            }
            assert_eq!(read, b"looked at, and the rest", "{size} at a time");
        }
    }
}
