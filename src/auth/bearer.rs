//! A static token (RFC 6750).

use std::net::IpAddr;
use std::sync::Arc;

use super::kept::Kept;
use super::{Authorization, Credential, Finding, SharedCredential};
use crate::config::Section;

#[derive(Debug)]
struct Bearer(Kept);

/// Reads `token` (or `token_digest`).
pub(super) fn read(section: &Section) -> Option<SharedCredential> {
    let token = Kept::read(section, "token", |token| {
        if token.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err("contains white space or control characters, which a header cannot carry");
        }
        Ok(())
    });
    Some(Arc::new(Bearer(token?)))
}

#[async_trait::async_trait]
impl Credential for Bearer {
    fn challenge(&self) -> &'static str {
        r#"Bearer realm="tradecloud-webhook""#
    }

    fn describe(&self) -> String {
        "bearer".to_owned()
    }

    fn accepts(&self, authorization: &Authorization<'_>) -> bool {
        authorization.of_scheme("Bearer").is_some_and(|token| self.0.recognises(token.as_bytes()))
    }

    fn examine(&self, authorization: &Authorization<'_>) -> Finding {
        match authorization.of_scheme("Bearer") {
            Some(token) if self.0.recognises(token.as_bytes()) => Finding::Right,
            Some(token) if self.0.can_check(token.as_bytes()) => Finding::Unsure("the token is wrong"),
            _ => Finding::Wrong(None),
        }
    }

    async fn learn(&self, authorization: &Authorization<'_>, from: IpAddr) -> Result<(), &'static str> {
        match authorization.of_scheme("Bearer") {
            Some(token) => self.0.check(token.as_bytes(), from).await,
            None => Ok(()),
        }
    }

    fn is_secret(&self, text: &[u8]) -> bool {
        self.0.recognises(text)
    }
}
