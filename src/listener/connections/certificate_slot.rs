//! What a handshake is made with: the certificate in use, and for moments those of challenges.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The protocol that a CA speaks to see whether a name is ours (TLS-ALPN-01, RFC 8737). It ends with
/// the handshake.
pub(crate) const CHALLENGE: &[u8] = b"acme-tls/1";
/// What everybody else speaks.
pub(crate) const HTTP: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate that can be exchanged while connections are made.
#[derive(Default)]
pub(crate) struct Slot {
    current: RwLock<Option<Arc<CertifiedKey>>>,
    challenges: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

impl Slot {
    /// With a certificate from the start.
    pub(crate) fn with(key: Arc<CertifiedKey>) -> Self {
        Self { current: RwLock::new(Some(key)), challenges: RwLock::default() }
    }

    /// From the next handshake on, this one.
    pub(crate) fn put(&self, key: Arc<CertifiedKey>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }

    /// The one in use; without one, every handshake fails.
    pub(crate) fn get(&self) -> Option<Arc<CertifiedKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers challenges for these names until what is returned is dropped.
    pub(crate) fn answer(&self, challenges: HashMap<String, Arc<CertifiedKey>>) -> Answering<'_> {
        self.set_challenges(challenges);
        Answering(self)
    }

    fn set_challenges(&self, challenges: HashMap<String, Arc<CertifiedKey>>) {
        *self.challenges.write().unwrap_or_else(PoisonError::into_inner) = challenges;
    }
}

/// Challenges are answered as long as this is there.
pub(crate) struct Answering<'a>(&'a Slot);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.set_challenges(HashMap::new());
    }
}

impl ResolvesServerCert for Slot {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offers = |protocol: &[u8]| hello.alpn().is_some_and(|mut offered| offered.any(|name| name == protocol));
        if !offers(CHALLENGE) || HTTP.into_iter().any(offers) {
            return self.get();
        }
        let name = hello.server_name()?.to_ascii_lowercase();
        self.challenges.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("filled", &self.get().is_some()).finish_non_exhaustive()
    }
}
