//! User name and password (RFC 7617).

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::constant_time;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::kept::Kept;
use super::{Authorization, Credential, Finding, SharedCredential};
use crate::config::Section;

/// Base64 as RFC 7617 has it, with or without the padding that some clients leave out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Debug)]
struct Basic {
    /// No secret: whether it is right may show in the time that an answer takes.
    username: String,
    password: Kept,
}

/// Reads `username` and `password` (or `password_digest`).
pub(super) fn read(section: &Section) -> Option<SharedCredential> {
    let username = section.required_text("username", "\"tradecloud\"");
    let password = Kept::read(section, "password", |_| Ok(()));
    if username.as_ref().is_some_and(|username| username.contains(':')) {
        section.error("username", "must not contain a colon (RFC 7617 ends it there)");
        return None;
    }
    Some(Arc::new(Basic { username: username?, password: password? }))
}

impl Basic {
    /// What is asked of the password that was presented; no if there is none for this user.
    fn ask(&self, authorization: &Authorization<'_>, ask: impl Fn(&Kept, &[u8]) -> bool) -> bool {
        let pair = presented(authorization);
        pair.as_ref().and_then(|pair| self.password_of(pair)).is_some_and(|password| ask(&self.password, password))
    }

    /// The password in `pair`, if it is presented for this user.
    fn password_of<'a>(&self, pair: &'a [u8]) -> Option<&'a [u8]> {
        let (username, password) = parts(pair)?;
        constant_time::verify_slices_are_equal(username, self.username.as_bytes()).is_ok().then_some(password)
    }
}

/// User name, colon, password; wiped after use.
pub(super) fn presented(authorization: &Authorization<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = authorization.of_scheme("Basic")?;
    // In one piece from the beginning: a vector that grows leaves copies behind.
    let mut pair = Zeroizing::new(Vec::with_capacity(base64::decoded_len_estimate(encoded.len())));
    BASE64.decode_vec(encoded, &mut pair).ok()?;
    Some(pair)
}

/// User name and password of a pair.
pub(super) fn parts(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', pair)?;
    Some((&pair[..colon], &pair[colon + 1..]))
}

#[async_trait::async_trait]
impl Credential for Basic {
    fn challenge(&self) -> &'static str {
        r#"Basic realm="tradecloud-webhook", charset="UTF-8""#
    }

    fn describe(&self) -> String {
        format!("basic, user {}", self.username)
    }

    fn accepts(&self, authorization: &Authorization<'_>) -> bool {
        self.ask(authorization, Kept::recognises)
    }

    fn examine(&self, authorization: &Authorization<'_>) -> Finding {
        if self.accepts(authorization) {
            Finding::Right
        } else if self.ask(authorization, Kept::can_check) {
            Finding::Unsure("the password is wrong")
        } else {
            Finding::Wrong(None)
        }
    }

    async fn learn(&self, authorization: &Authorization<'_>, from: IpAddr) -> Result<(), &'static str> {
        let pair = presented(authorization);
        match pair.as_ref().and_then(|pair| self.password_of(pair)) {
            Some(password) => self.password.check(password, from).await,
            None => Ok(()),
        }
    }

    fn user(&self) -> Option<&str> {
        Some(&self.username)
    }

    fn is_secret(&self, text: &[u8]) -> bool {
        self.password.recognises(text)
    }
}
