//! From an address to answers: what a connection passes, one after the other, with its limits.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use super::connections::certificates::Certificates;
use super::connections::guard::Guard;
use super::connections::http2::Versions;
use super::connections::lease::Terms;
use super::requests::lingering::LONGEST;
use super::requests::reception::Reception;
use super::requests::router::router;
use super::settings::Limits;
use crate::telemetry::events;

/// Connections that wait in the kernel to be accepted.
const LISTEN_BACKLOG: u32 = 1024;
/// Largest head of a request, in bytes. Strangers get so much memory, too.
const LARGEST_HEAD: u16 = 32 << 10;
/// Headers of a request.
const MOST_HEADERS: usize = 100;
/// The part of its time after which a stranger's connection is closed, so that it is gone when the time is over
/// although a busy machine is late.
const ON_TIME: f64 = 0.95;

/// Why nobody listens at an address, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}{}", hint(.error))]
pub(crate) struct NotBound {
    address: SocketAddr,
    error: io::Error,
}

impl NotBound {
    /// Whether somebody listens there already.
    pub(crate) fn is_taken(&self) -> bool {
        self.error.kind() == ErrorKind::AddrInUse
    }
}

/// Listens at that address.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, NotBound> {
    let listen = || {
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        // On Windows this would let two programs share the port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(LISTEN_BACKLOG)
    };
    listen().map_err(|error| NotBound { address, error })
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => ". Another program (another receiver?) listens there: stop it, or choose another port",
        ErrorKind::AddrNotAvailable => ". This machine has no such address: `0.0.0.0` stands for all it has",
        ErrorKind::PermissionDenied => ". Ports below 1024 need a privilege: listen on 8443 and have 443 forwarded",
        _ => "",
    }
}

/// Serves whoever comes to the public address, until `handle` ends it. After `stopped`, connections over HTTP/2 take
/// no more requests.
pub(crate) fn serve(
    socket: TcpListener,
    reception: Arc<Reception>,
    certificates: Option<&Certificates>,
    stopped: watch::Receiver<bool>,
    handle: Handle<SocketAddr>,
) -> impl Future<Output = io::Result<()>> + Send + use<> {
    let limits = reception.server.limits.clone();
    let guard = guard(&reception);
    let handshakes = certificates.map(|certificates| certificates.acceptor(limits.tls_handshake, guard.clone()));
    if handshakes.is_none() {
        events::receiver::tls_is_off();
    }
    let server = Server::from_listener(socket).handle(handle);
    let service = router(reception).into_make_service_with_connect_info::<SocketAddr>();
    async move {
        let largest = LARGEST_HEAD.into();
        if let Some(handshakes) = handshakes {
            let acceptor = Versions::new(handshakes, largest, stopped);
            speaking(server.acceptor(acceptor), &limits).serve(service).await
        } else {
            let acceptor = Versions::new(guard, largest, stopped);
            speaking(server.acceptor(acceptor), &limits).serve(service).await
        }
    }
}

/// What stands before TLS: limits on connections.
fn guard(reception: &Reception) -> Guard {
    let (settings, limits) = (&reception.server, &reception.server.limits);
    let terms = Terms {
        unknown: limits.header_read.max(limits.tls_handshake).mul_f64(ON_TIME),
        // What is answered before its body is here is taken in for so long.
        checking: settings.answer_within.max(LONGEST),
        idle: limits.header_read,
    };
    Guard::new(limits.connections, limits.tls_handshake, terms, Arc::clone(&reception.table))
}

/// HTTP/1.1 with its limits: HTTP/2 does not get so far (see [`Versions`]).
fn speaking<A>(server: Server<SocketAddr, A>, limits: &Limits) -> Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server
        .http_builder()
        .http1()
        // Without a timer the time-out would not work.
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        // A client may have closed its side right behind the request, and still wants the answer (RFC 9112, §9.6).
        .half_close(true)
        .max_buf_size(LARGEST_HEAD.into())
        .max_headers(MOST_HEADERS);
    server
}
