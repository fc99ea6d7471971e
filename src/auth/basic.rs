//! User name and password (RFC 7617).

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::ExposeSecret as _;

use super::{Authorization, Credential, Fingerprint, SharedCredential};
use crate::config::Section;

/// Base64 as RFC 7617 has it, with or without the padding that some clients leave out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Debug)]
struct Basic(Fingerprint);

/// Reads `username` and `password`.
pub(super) fn read(section: &Section) -> Option<SharedCredential> {
    let username = section.required_text("username", "\"tradecloud\"");
    let password = section.secret("password");
    if username.as_ref().is_some_and(|username| username.contains(':')) {
        section.error("username", "must not contain a colon (RFC 7617 ends it there)");
        return None;
    }
    let (username, password) = (username?, password?);
    let pair = secrecy::SecretString::from(format!("{username}:{}", password.expose_secret()));
    Some(Arc::new(Basic(Fingerprint::of(pair.expose_secret().as_bytes()))))
}

impl Credential for Basic {
    fn challenge(&self) -> &'static str {
        r#"Basic realm="tradecloud-webhook", charset="UTF-8""#
    }

    fn accepts(&self, authorization: &Authorization<'_>) -> bool {
        let Some(encoded) = authorization.of_scheme("Basic") else { return false };
        BASE64.decode(encoded).is_ok_and(|pair| self.0.matches(&pair))
    }
}
