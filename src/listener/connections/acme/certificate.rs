//! A certificate with its key, and how long it has.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::listener::connections::tls::days_until;

const DAMAGED: &str = "the certificate is damaged";

/// A certificate of a CA.
pub(crate) struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) expires: Timestamp,
    life: SignedDuration,
    names: BTreeSet<String>,
}

impl Certificate {
    /// Reads private key and chain.
    pub(super) fn parse(pem: &[u8]) -> anyhow::Result<Self> {
        let key = PrivateKeyDer::from_pem_slice(pem).ok().context("there is no private key in it")?;
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok().context(DAMAGED)?;
        let own = chain.first().context("there is no certificate in it")?;
        let (_, parsed) = X509Certificate::from_der(own).ok().context(DAMAGED)?;
        let begins = Timestamp::from_second(parsed.validity().not_before.timestamp())?;
        let expires = Timestamp::from_second(parsed.validity().not_after.timestamp())?;
        let alternatives = parsed.subject_alternative_name().ok().context(DAMAGED)?.context("it is for no name")?;
        let names = alternatives.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let (names, life) = (names.collect(), expires.duration_since(begins));
        ensure!(life.is_positive(), "it ends before it begins");
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .ok()
            .context("key and certificate do not belong together")?;
        Ok(Self { key: Arc::new(key), expires, life, names })
    }

    /// Whether it is for these names and no others.
    pub(super) fn is_for(&self, domains: &[String]) -> bool {
        self.names.iter().eq(domains.iter().collect::<BTreeSet<_>>())
    }

    /// What it is for, for people.
    pub(super) fn names(&self) -> String {
        self.names.iter().cloned().collect::<Vec<_>>().join(", ")
    }

    /// When it has a third of its life left. `chance`, from 0 to 1, makes that up to a twentieth of its life later, so
    /// that not everybody who got one at the same time comes back at the same time.
    pub(super) fn renew_at(&self, chance: f64) -> Timestamp {
        let left = self.life.as_secs_f64() * (1.0 / 3.0 - chance / 20.0);
        self.expires.saturating_sub(SignedDuration::from_secs_f64(left)).unwrap_or(self.expires)
    }

    /// Whether half of the time for renewing it is over.
    pub(super) fn is_late(&self) -> bool {
        Timestamp::now() + self.life / 6 > self.expires
    }

    /// How long it has, for people.
    pub(super) fn expiry(&self) -> String {
        let expires = self.expires.strftime("%F %H:%M UTC");
        match days_until(self.expires) {
            _ if self.expires < Timestamp::now() => format!("expired on {expires}"),
            1 => format!("expires in 1 day, on {expires}"),
            days => format!("expires in {days} days, on {expires}"),
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
