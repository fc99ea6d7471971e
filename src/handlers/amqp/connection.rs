//! One connection to RabbitMQ, from the handshake until it breaks.

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::types::FieldTable;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{BasicProperties, Channel, Confirmation, ConnectionProperties, ExchangeKind};
use rustls::ClientConfig;
use socket2::{SockRef, Socket};

use crate::handlers::broker;

/// A connection with the channels that are free.
pub(super) struct Connection {
    inner: lapin::Connection,
    /// A channel has one message under way at a time. lapin gives a returned message to whichever message
    /// of the channel is confirmed next; with two of them, one that was never routed could count as taken.
    free: Mutex<Vec<Channel>>,
    abandoned: AtomicBool,
    socket: Arc<Cut>,
}

/// The way to end a connection that does not answer. lapin reads and writes on a thread of its own, which
/// waits for a broker that hangs in the handshake for ever, unless somebody closes the socket.
#[derive(Default)]
struct Cut(Mutex<Line>);

#[derive(Default)]
enum Line {
    #[default]
    NotYet,
    Open(Socket),
    Cut,
}

/// Cuts when dropped, unless told to keep.
struct CutOnDrop(Option<Arc<Cut>>);

impl broker::Connection for Connection {
    fn is_usable(&self) -> bool {
        !self.abandoned.load(Ordering::Relaxed) && self.inner.status().connected()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // One that works says goodbye by itself.
        if self.abandoned.load(Ordering::Relaxed) {
            self.socket.cut();
        }
    }
}

impl Connection {
    /// Connects. Dropped before it is done, it leaves nothing behind.
    pub(super) async fn open(uri: AMQPUri, tls: ClientConfig) -> Result<Self, lapin::Error> {
        let socket = Arc::new(Cut::default());
        let cut_if_dropped = CutOnDrop(Some(Arc::clone(&socket)));
        let (tls, line) = (RustlsConnector::from(tls), Arc::clone(&socket));
        let inner = lapin::Connection::connector(
            uri,
            lapin::runtime::default_runtime()?,
            async move |uri, runtime| {
                let host = uri.authority.host.trim_start_matches('[').trim_end_matches(']');
                let addresses: Vec<_> = tokio::net::lookup_host((host, uri.authority.port)).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(stream) = &stream {
                    line.set(SockRef::from(stream.get_ref()).try_clone()?)?;
                }
                Ok(match uri.scheme {
                    AMQPScheme::AMQP => stream,
                    AMQPScheme::AMQPS => stream.into_rustls(&tls, host).await?,
                })
            },
            ConnectionProperties::default().with_connection_name("tradecloud-webhook".into()),
        )
        .await?;
        cut_if_dropped.keep();
        Ok(Self { inner, free: Mutex::default(), abandoned: AtomicBool::new(false), socket })
    }

    /// No new delivery uses it; those under way go on.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether the broker takes nothing for now, because it is short of memory or disk.
    pub(super) fn is_blocked(&self) -> bool {
        self.inner.status().blocked()
    }

    /// Publishes and waits for the confirmation. Dropped before it is done, or failed, it takes its
    /// channel with it, and whatever may still come back on that.
    pub(super) async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<Confirmation, lapin::Error> {
        let channel = self.channel().await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirmation =
            channel.basic_publish(exchange.into(), routing_key.into(), options, body, properties).await?.await?;
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
        Ok(confirmation)
    }

    /// Finds out whether there is an exchange of that name; the error is the broker's answer if not.
    pub(super) async fn look_for(&self, exchange: &str) -> Result<(), lapin::Error> {
        if exchange.is_empty() {
            // The default exchange, which always is and may not be asked for.
            return Ok(());
        }
        // With `passive` the kind does not matter.
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let channel = self.inner.create_channel().await?;
        channel.exchange_declare(exchange.into(), ExchangeKind::Topic, options, FieldTable::default()).await
    }

    /// A channel that confirms.
    async fn channel(&self) -> Result<Channel, lapin::Error> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(channel) = free.filter(|channel| channel.status().connected()) {
            return Ok(channel);
        }
        let channel = self.inner.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }
}

impl Cut {
    /// The connection is made; an error if nobody wants it any more.
    fn set(&self, socket: Socket) -> std::io::Result<()> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*line, Line::Cut) {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        *line = Line::Open(socket);
        Ok(())
    }

    fn cut(&self) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Line::Open(socket) = std::mem::replace(&mut *line, Line::Cut) {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl CutOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.cut();
        }
    }
}
