//! A static token (RFC 6750).

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use super::{Authorization, Credential, Fingerprint, SharedCredential};
use crate::config::Section;

#[derive(Debug)]
struct Bearer(Fingerprint);

/// Reads `token`.
pub(super) fn read(section: &Section) -> Option<SharedCredential> {
    let token = section.secret("token")?;
    if token.expose_secret().contains(|character: char| character.is_whitespace() || character.is_control()) {
        section.error("token", "contains white space or control characters, which a header cannot carry");
        return None;
    }
    Some(Arc::new(Bearer(Fingerprint::of(token.expose_secret().as_bytes()))))
}

impl Credential for Bearer {
    fn challenge(&self) -> &'static str {
        r#"Bearer realm="tradecloud-webhook""#
    }

    fn accepts(&self, authorization: &Authorization<'_>) -> bool {
        authorization.of_scheme("Bearer").is_some_and(|token| self.0.matches(token.as_bytes()))
    }
}
