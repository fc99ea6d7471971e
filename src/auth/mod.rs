//! Who is calling? Credentials and source addresses, checked before a byte of the body is read.
//!
//! A credential kind is one file with one type that implements [`Credential`], and one line in
//! [`KINDS`]. Every configured credential is live at once, so that a password is changed without a gap.
//!
//! `gate` stands before each endpoint, and `address` has lists of addresses, such as those it lets through. `kept` is
//! what `basic` and `bearer` keep of a secret; a digest that takes long to compare with is computed by `argon2id`, for
//! one caller after the other as `turns` has it. `password` is that of somebody who looks, not of a sender.
//! `presented` is what the log is told of who was turned away, and
//! `settings` reads `[auth]`.

mod address;
mod argon2id;
mod basic;
mod bearer;
mod gate;
mod kept;
mod oauth;
mod password;
mod presented;
mod settings;
mod turns;

use std::net::IpAddr;
use std::sync::Arc;

pub use address::AddressList;
pub use gate::{Caller, Denied, Gate, Verified};
pub(crate) use password::{Password, basic_of};
pub use presented::Presented;
pub(crate) use settings::{Credentials, read};
pub(crate) use turns::whole as party_of;

use crate::config::Section;

/// One thing a caller can prove to know.
///
/// What a caller presents is first compared with all credentials by [`Credential::accepts`], quickly and in
/// the same time for any input. Only if none of them knows it is it examined.
#[async_trait::async_trait]
pub trait Credential: Send + Sync + std::fmt::Debug {
    /// The `WWW-Authenticate` challenge (RFC 9110, §11.6.1) that asks for it.
    fn challenge(&self) -> &'static str;

    /// Whether `authorization` proves it. Takes the same time whatever is wrong with it.
    fn accepts(&self, authorization: &Authorization<'_>) -> bool;

    /// Looks closer at what no credential accepted, with what is known at the moment.
    fn examine(&self, _authorization: &Authorization<'_>) -> Finding {
        Finding::Wrong(None)
    }

    /// Finds out what was missing for [`Finding::Unsure`], for a caller at that address. Whoever gets tired of
    /// waiting may leave.
    ///
    /// # Errors
    /// If it could not be found out now: why, to be told to the caller. The next examination may still have
    /// changed.
    async fn learn(&self, _authorization: &Authorization<'_>, _from: IpAddr) -> Result<(), &'static str> {
        Ok(())
    }

    /// Its kind, and what it goes by, for people. Nothing that is secret.
    fn describe(&self) -> String;

    /// The name of the user that it is for. No name is a secret.
    fn user(&self) -> Option<&str> {
        None
    }

    /// Whether that is the secret of it, as far as that is found out in the same time for any input.
    fn is_secret(&self, _text: &[u8]) -> bool {
        false
    }

    /// Called once before the first request, in the runtime: gets ready, without waiting for others.
    async fn start(&self) {}

    /// Tells the log what it has counted and not told yet, because the receiver ends.
    fn tell_rest(&self) {}

    /// Tries what it depends on, and changes nothing: what it found, or what is wrong; `None` if it depends on
    /// nothing.
    async fn probe(&self) -> Option<Result<String, String>> {
        None
    }
}

/// What a closer look at an `Authorization` header says.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// It proves who the caller is, and that one may call.
    Right,
    /// It proves who the caller is, and that one may not call; why, to be told to it.
    Forbidden(String),
    /// It would prove it, but only in so many seconds: our clock is slow, or the issuer's is fast.
    TooEarly(f64),
    /// Something is to be learnt first. If that changes nothing, this is what is wrong.
    Unsure(&'static str),
    /// It proves nothing; what is wrong, if it was meant for this credential, with details for the log.
    Wrong(Option<(&'static str, String)>),
}

/// A credential as the rest of the program holds it.
pub type SharedCredential = Arc<dyn Credential>;

type Read = fn(&Section) -> Option<SharedCredential>;

/// The kinds of credential, by the `type` in the configuration.
pub const KINDS: &[(&str, Read)] = &[("basic", basic::read), ("bearer", bearer::read), ("oauth", oauth::read)];

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
