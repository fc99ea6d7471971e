//! Connections to the admin address: with or without TLS, few at a time, none that is silent for long. What watches the
//! receiver comes here too, and nobody's business here is worth an open file that an event needs.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::accept::{Accept, DefaultAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::add_extension::AddExtension;

/// Connections at a time.
const MOST: usize = 256;
/// Time for the head of a request, from the end of the one before; and for a handshake.
const SILENCE: Duration = Duration::from_secs(10);
const LARGEST_HEAD: usize = 32 << 10;

/// Serves whoever comes, until `handle` ends it.
pub(crate) fn serve(
    socket: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    handle: Handle<SocketAddr>,
) -> impl Future<Output = io::Result<()>> + Send + use<> {
    let server = Server::from_listener(socket).handle(handle);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    async move {
        let places = Arc::new(Semaphore::new(MOST));
        match tls {
            None => speaking(server.acceptor(Few { places, then: DefaultAcceptor::new() })).serve(service).await,
            Some(config) => {
                let then = RustlsAcceptor::new(RustlsConfig::from_config(config)).handshake_timeout(SILENCE);
                speaking(server.acceptor(Few { places, then })).serve(service).await
            }
        }
    }
}

fn speaking<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .half_close(true)
        .max_buf_size(LARGEST_HEAD);
    server
}

/// Lets in as many as there are places.
#[derive(Clone)]
struct Few<A> {
    places: Arc<Semaphore>,
    then: A,
}

/// What goes with a connection to its end.
#[derive(Clone)]
#[expect(dead_code, reason = "it is there to be dropped")]
struct Place(Arc<OwnedSemaphorePermit>);

impl<A, S> Accept<TcpStream, S> for Few<A>
where
    A: Accept<TcpStream, S> + Clone + Send + Sync + 'static,
    A::Stream: Send,
    A::Service: Send,
    A::Future: Send,
    S: Send + 'static,
{
    type Stream = A::Stream;
    type Service = AddExtension<A::Service, Place>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Box::pin(async { Err(io::Error::other("too many connections to the admin address")) });
        };
        let accepted = self.then.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((stream, AddExtension::new(service, Place(Arc::new(place)))))
        })
    }
}
