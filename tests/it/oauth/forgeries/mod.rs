//! Tokens that are forged or wrong, each with a name: what an attacker, a slip in a configuration or another
//! program would come with.

mod claims;
mod forms;
mod headers;
mod signatures;

use crate::support::issuer::{Issuer, Key};

/// Who signs in these tests: three keys of the issuer, and some of nobody's.
pub(super) struct Signers {
    pub(super) rsa: Key,
    pub(super) p256: Key,
    pub(super) p384: Key,
    strange_rsa: Key,
    strange_p256: Key,
    /// Where the stranger's keys are published.
    jku: String,
}

/// What is tried, with a name each.
pub(super) type Attempts = Vec<(String, String)>;

impl Signers {
    /// New keys for everybody; the strangers claim the names of the issuer's, and publish theirs at `jku`.
    pub(super) fn new(jku: String) -> Self {
        Self {
            rsa: Key::rsa("rsa"),
            p256: Key::p256("p256"),
            p384: Key::p384("p384"),
            strange_rsa: Key::rsa("rsa"),
            strange_p256: Key::p256("p256"),
            jku,
        }
    }

    /// The keys of the issuer.
    pub(super) fn published(&self) -> [&Key; 3] {
        [&self.rsa, &self.p256, &self.p384]
    }

    /// The keys of the strangers.
    pub(super) fn strange(&self) -> [&Key; 2] {
        [&self.strange_rsa, &self.strange_p256]
    }

    /// Everything there is to try.
    pub(super) fn attempts(&self, issuer: &Issuer) -> Attempts {
        let claims = issuer.claims();
        [
            headers::headers(self, &claims),
            signatures::signatures(self, &claims),
            claims::claims(self, issuer),
            forms::forms(self, &claims),
        ]
        .concat()
    }
}
