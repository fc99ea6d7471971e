//! The certificate of a running receiver: given to the handshakes, exchanged, and renewed if that is
//! ours to do.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use jiff::Timestamp;
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::acme;
use super::certificate_slot::{CHALLENGE, Slot};
use super::guard::{Guard, GuardedStream};
use super::handshake_turns::Turns;
use super::lease::{Lease, Leased};
use super::tls::Settings;

use crate::telemetry::events;

/// Nobody counts the days of a certificate that ends so much later, such as the one for development. No public CA gives
/// one for so long.
pub(crate) const FAR_OFF_DAYS: i64 = 3 * 365;

/// What the handshakes of a receiver are made with. Clones belong to the same receiver.
#[derive(Clone)]
pub(crate) struct Certificates {
    tls: RustlsConfig,
    held: Arc<Mutex<Held>>,
}

struct Held {
    slot: Arc<Slot>,
    renewal: Option<AbortHandle>,
}

impl Certificates {
    /// Works with these settings; if the certificate comes from a CA by ACME, begins to see to it.
    /// Needs a Tokio runtime.
    pub(crate) fn start(settings: &Settings) -> Self {
        let held = Held { slot: Arc::clone(&settings.slot), renewal: None };
        let tls = RustlsConfig::from_config(Arc::clone(&settings.config));
        let certificates = Self { tls, held: Arc::new(Mutex::new(held)) };
        certificates.exchange(settings);
        certificates
    }

    /// Goes on with other settings. Connections that are there stay. If they bring no certificate yet,
    /// or one of a CA that has expired, the old one serves on until the next comes.
    pub(crate) fn exchange(&self, settings: &Settings) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let brought = settings.slot.get();
        // Where a CA is to give one anyway, the old one may be the better until then.
        let waits = brought.is_none() || settings.acme.is_some() && !brought.as_deref().is_some_and(is_good);
        let stays = held.slot.get().filter(|old| waits && (brought.is_none() || is_good(old)));
        let expires = settings.expires.filter(|_| stays.is_none());
        if let Some(old) = stays {
            settings.slot.put(old);
        }
        if let Some(renewal) = held.renewal.take() {
            renewal.abort();
        }
        held.slot = Arc::clone(&settings.slot);
        self.tls.reload_from_config(Arc::clone(&settings.config));
        if let Some(expires) = expires {
            let days_left = Some(super::tls::days_until(expires)).filter(|days| *days < FAR_OFF_DAYS);
            events::certificates::in_use(expires, days_left);
        }
        if let Some(acme) = &settings.acme {
            let renewal = tokio::spawn(acme::keep(acme.clone(), Arc::clone(&settings.slot)));
            held.renewal = Some(renewal.abort_handle());
        }
    }

    /// When the certificate in use ends.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        let slot = Arc::clone(&self.held.lock().unwrap_or_else(PoisonError::into_inner).slot);
        super::tls::end(slot.get()?.cert.first()?)
    }

    /// Whether nobody can connect yet, because a CA is still to give the first certificate.
    pub(crate) fn are_missing(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).slot.get().is_none()
    }

    /// Whether the certificate in use is one that has not expired.
    pub(crate) fn are_good(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.slot.get().as_deref().is_some_and(is_good)
    }

    /// Renews no more. Handshakes go on.
    pub(crate) fn stop(&self) {
        if let Some(renewal) = self.held.lock().unwrap_or_else(PoisonError::into_inner).renewal.take() {
            renewal.abort();
        }
    }

    /// Makes handshakes on what `guard` lets in, each within `limit`.
    pub(crate) fn acceptor(&self, limit: Duration, guard: Guard) -> Handshakes {
        let tls = RustlsAcceptor::new(self.tls.clone()).handshake_timeout(limit);
        Handshakes { guard, tls, limit, turns: Turns::new() }
    }
}

/// Whether it has not expired.
fn is_good(key: &CertifiedKey) -> bool {
    let end = key.cert.first().and_then(super::tls::end);
    end.is_some_and(|end| end > Timestamp::now())
}

/// Makes handshakes in turns, and ends connections that were made for a challenge: nothing may be sent over
/// them.
#[derive(Clone)]
pub(crate) struct Handshakes {
    guard: Guard,
    tls: RustlsAcceptor,
    limit: Duration,
    turns: Turns,
}

impl<T: Leased> Leased for TlsStream<T> {
    fn lease(&self) -> &Lease {
        self.get_ref().0.lease()
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Handshakes {
    type Stream = TlsStream<GuardedStream>;
    type Service = <Guard as Accept<TcpStream, S>>::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // Whoever waits to be let in needs no turn.
        let entered = self.guard.accept(stream, service);
        let (tls, limit, turns) = (self.tls.clone(), self.limit, self.turns.clone());
        Box::pin(async move {
            let (stream, service) = entered.await?;
            let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"));
            // With the time that it waits for its turns.
            let made = timeout(limit, turns.take(tls.accept(stream, service))).await.unwrap_or_else(late);
            let (mut stream, service) = made.inspect_err(|error| tracing::debug!(%error, "a handshake failed"))?;
            if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE) {
                tracing::debug!("a CA has looked at the answer to a challenge");
                // It is over for both sides, however the goodbye goes.
                let _ = stream.shutdown().await;
                return Err(io::Error::other("the connection was for a challenge"));
            }
            Ok((stream, service))
        })
    }
}
