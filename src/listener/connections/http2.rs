//! HTTP/2 (RFC 9113). hyper has it too, but does not let a server say `100 Continue`: a client that asks whether to
//! send its body (`Expect`, RFC 9110, §10.1.1) would wait for that, some without end. So connections that begin with
//! HTTP/2 are served here, by the library that hyper itself is built on, and hyper gets the others.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, DATE, EXPECT};
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use axum_server::accept::Accept;
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Ping, PingPong, RecvStream};
use http_body::Frame;
use http_body_util::{BodyExt as _, Collected};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::half_closed::{Exchanges, HalfClosed, Opened};
use super::lease::Leased;
use super::peeked::Begun;
use crate::listener::requests::lingering::Invitation;
use crate::respond;

/// What every connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests at once on one connection.
const STREAMS: u32 = 100;
/// How much a client may send ahead on a stream and on a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// So often a connection is tried, and so long the client has to answer.
const PING: Duration = Duration::from_secs(20);

/// Serves the connections that begin with HTTP/2, and hands on the others.
#[derive(Clone)]
pub(crate) struct Versions<A> {
    inner: A,
    largest_head: u32,
    stop: watch::Receiver<bool>,
}

impl<A> Versions<A> {
    /// On what `inner` accepts, until `stop`; then what has begun is finished.
    pub(crate) fn new(inner: A, largest_head: u32, stop: watch::Receiver<bool>) -> Self {
        Self { inner, largest_head, stop }
    }
}

impl<A, S> Accept<TcpStream, S> for Versions<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
    A::Stream: AsyncRead + AsyncWrite + Leased + Unpin + Send + 'static,
    A::Service: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    <A::Service as Service<Request>>::Future: Send,
{
    type Stream = Begun<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = self.inner.accept(stream, service);
        let (largest_head, stop) = (self.largest_head, self.stop.clone());
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let stream = begin(stream).await?;
            if stream.first() != PREFACE {
                return Ok((stream, service));
            }
            if let Err(error) = serve(stream, service, largest_head, stop).await {
                tracing::debug!(%error, "an HTTP/2 connection broke off");
            }
            Err(io::Error::other("the connection has been served"))
        })
    }
}

/// Reads as far as it takes to see whether it is HTTP/2.
async fn begin<T: AsyncRead + Unpin>(mut stream: T) -> io::Result<Begun<T>> {
    let (mut first, mut count) = ([0; PREFACE.len()], 0);
    while count < first.len() && PREFACE.starts_with(&first[..count]) {
        match stream.read(&mut first[count..]).await? {
            0 => break,
            more => count += more,
        }
    }
    Ok(Begun::new(Bytes::copy_from_slice(&first[..count]), stream))
}

/// Answers requests until the client leaves, or until `stop` or the end of the lease and no more than has begun by
/// then.
async fn serve<T, S>(stream: T, service: S, largest_head: u32, mut stop: watch::Receiver<bool>) -> Result<(), h2::Error>
where
    T: AsyncRead + AsyncWrite + Leased + Unpin,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let (lease, exchanges) = (stream.lease().clone(), Exchanges::new());
    let mut connection = Builder::new()
        .max_concurrent_streams(STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(largest_head)
        .handshake(HalfClosed::new(stream, exchanges.clone()))
        .await?;
    let mut gone = std::pin::pin!(gone(connection.ping_pong(), exchanges.clone()));
    let mut ending = std::pin::pin!(lease.ending());
    let (answers, mut answered) = mpsc::unbounded_channel();
    let mut stopping = false;
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(accepted) = accepted else { return Ok(()) };
                let (request, respond) = accepted?;
                let (reply, service, exchanges) = (Reply::new(respond), service.clone(), exchanges.clone());
                let (answers, opened) = (answers.clone(), exchanges.open());
                tokio::spawn(async move {
                    if let Some((head, body)) = answer(request, &reply, service, &exchanges).await {
                        // Where nobody takes it, the connection is no more.
                        let _ = answers.send((reply, head, body, opened));
                    }
                });
            }
            // Here, where the connection does nothing meanwhile: head and body go out together. A client that sees a
            // refusal in the head may end its own body early, for which the stream would be reset before ours.
            Some((reply, head, body, _opened)) = answered.recv() => reply.send(head, body),
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.graceful_shutdown();
            }
            // The client is to know that what it sends from now on comes too late, rather than lose it.
            () = &mut ending, if !stopping => {
                stopping = true;
                connection.graceful_shutdown();
            }
            () = &mut gone => return Ok(()),
        }
    }
}

/// Until the client does not answer any more, although the connection stands.
async fn gone(pings: Option<PingPong>, exchanges: Exchanges) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(PING).await;
        exchanges.heard();
        let mut pong = std::pin::pin!(pings.ping(Ping::opaque()));
        loop {
            match timeout(PING, &mut pong).await {
                Ok(Ok(_)) => break,
                // Whoever serves the connection sees what is wrong with it.
                Ok(Err(_)) => std::future::pending().await,
                // It has said that it says nothing more, and waits for its answers.
                Err(_) if exchanges.have_ended() => std::future::pending().await,
                // Over a slow line, the answer stands behind the body that the client has handed over before.
                Err(_) if exchanges.heard() => {}
                Err(_) => {
                    tracing::debug!("an HTTP/2 client does not answer: its connection is closed");
                    return;
                }
            }
        }
    }
}

/// One request; nothing if its client does not want an answer any more.
async fn answer<S>(
    request: axum::http::Request<RecvStream>,
    reply: &Reply,
    mut service: S,
    exchanges: &Exchanges,
) -> Option<(Response<()>, Bytes)>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let (mut head, body) = request.into_parts();
    let bodiless = head.method == Method::HEAD;
    if head.headers.contains_key(EXPECT) && !body.is_end_stream() {
        let reply = reply.clone();
        head.extensions.insert(Invitation::new(move || reply.invite()));
    }
    let request = Request::from_parts(head, Body::new(Incoming::new(body, exchanges)));
    let response = tokio::select! {
        Ok(response) = service.call(request) => response,
        // The client does not want it any more. What has begun of it is not its own (see `receive`).
        () = reply.reset() => return None,
    };
    let (mut head, body) = response.into_parts();
    let body = if bodiless { Bytes::new() } else { body.collect().await.map(Collected::to_bytes).unwrap_or_default() };
    if !bodiless {
        head.headers.insert(CONTENT_LENGTH, body.len().into());
    }
    let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now());
    if let Some(now) = now.ok().and_then(|now| HeaderValue::try_from(now).ok()) {
        head.headers.insert(DATE, now);
    }
    Some((Response::from_parts(head, ()), body))
}

/// The way back on a stream.
#[derive(Clone)]
struct Reply(Arc<Mutex<Way>>);

struct Way {
    respond: SendResponse<Bytes>,
    /// Nothing may be said any more.
    answered: bool,
}

impl Reply {
    fn new(respond: SendResponse<Bytes>) -> Self {
        Self(Arc::new(Mutex::new(Way { respond, answered: false })))
    }

    /// Tells the client to send the body.
    fn invite(&self) {
        let mut way = self.way();
        if !way.answered {
            // If the stream is no more, its body says so.
            let _ = way.respond.send_informational(respond::go_on());
        }
    }

    /// Until the client resets the stream.
    async fn reset(&self) {
        let _ = std::future::poll_fn(|cx| self.way().respond.poll_reset(cx)).await;
    }

    /// Answers. What the client has no room for yet, the connection sends when it has.
    fn send(&self, head: Response<()>, body: Bytes) {
        let mut way = self.way();
        way.answered = true;
        let sent = way.respond.send_response(head, body.is_empty());
        let sent = sent.and_then(|mut stream| if body.is_empty() { Ok(()) } else { stream.send_data(body, true) });
        if let Err(error) = sent {
            tracing::debug!(%error, "an answer cannot be given any more");
        }
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a request.
struct Incoming {
    body: RecvStream,
    /// There may still be trailers.
    complete: bool,
    /// Nothing more of it comes than has.
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    has_ended: bool,
    _opened: Opened,
}

impl Incoming {
    fn new(body: RecvStream, exchanges: &Exchanges) -> Self {
        let (ended, opened) = (Box::pin(exchanges.ended()), exchanges.open());
        Self { body, complete: false, ended, has_ended: false, _opened: opened }
    }

    /// What of it was waited for; an error if that does not come any more.
    fn in_time<T>(&self, polled: Poll<T>) -> Poll<Result<T, BoxError>> {
        match polled {
            Poll::Pending if self.has_ended => Poll::Ready(Err("the client has closed the connection".into())),
            polled => polled.map(Ok),
        }
    }
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // Asked first: by the end, all that has come can be read.
        self.has_ended = self.has_ended || self.ended.as_mut().poll(cx).is_ready();
        if !self.complete {
            let polled = self.body.poll_data(cx);
            if let Some(data) = ready!(self.in_time(polled))? {
                let data = data?;
                // The client may send as much again.
                self.body.flow_control().release_capacity(data.len())?;
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            self.complete = true;
        }
        let polled = self.body.poll_trailers(cx);
        let trailers = ready!(self.in_time(polled))??;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
