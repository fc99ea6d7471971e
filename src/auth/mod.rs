//! Who is calling? Credentials and source addresses, checked before a byte of the body is read.
//!
//! A credential kind is one file with one type that implements [`Credential`], and one line in
//! [`KINDS`]. Every configured credential is live at once, so that a password is changed without a gap.

mod address;
mod basic;
mod bearer;
mod gate;

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};

pub use address::AddressList;
pub use gate::{Caller, Denied, Gate, Verified};

use crate::config::Section;

/// One thing a caller can prove to know.
pub trait Credential: Send + Sync + std::fmt::Debug {
    /// The `WWW-Authenticate` challenge (RFC 9110, §11.6.1) that asks for it.
    fn challenge(&self) -> &'static str;

    /// Whether `authorization` proves it. Takes the same time whatever is wrong with it.
    fn accepts(&self, authorization: &Authorization<'_>) -> bool;
}

/// A credential as the rest of the program holds it.
pub type SharedCredential = Arc<dyn Credential>;

type Read = fn(&Section) -> Option<SharedCredential>;

/// The kinds of credential, by the `type` in the configuration.
pub const KINDS: &[(&str, Read)] = &[("basic", basic::read), ("bearer", bearer::read)];

/// An `Authorization` header (RFC 9110, §11.6.2): the scheme and what follows it.
pub struct Authorization<'a> {
    scheme: &'a str,
    credentials: &'a str,
}

impl<'a> Authorization<'a> {
    /// Splits the value of the header. `None` if it has no scheme or characters that no scheme uses.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (scheme, credentials) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        Some(Self { scheme, credentials: credentials.trim() })
    }

    /// What follows the scheme, if the scheme is `scheme` (in any case).
    pub fn of_scheme(&self, scheme: &str) -> Option<&'a str> {
        self.scheme.eq_ignore_ascii_case(scheme).then_some(self.credentials)
    }
}

/// What is kept of a secret: enough to recognise it, not enough to use it.
///
/// Comparing digests takes the same time for any input, of any length.
struct Fingerprint(digest::Digest);

impl Fingerprint {
    fn of(secret: &[u8]) -> Self {
        Self(digest::digest(&digest::SHA256, secret))
    }

    fn matches(&self, presented: &[u8]) -> bool {
        let presented = digest::digest(&digest::SHA256, presented);
        constant_time::verify_slices_are_equal(self.0.as_ref(), presented.as_ref()).is_ok()
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}
