//! The keys that an issuer publishes (JWK set, RFC 7517), and the check of a signature with them.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;

use super::token::Token;

/// Several keys of one id are tried up to this number.
const MOST_OF_ONE_ID: usize = 4;

/// The keys of an issuer that signatures can be checked with.
pub(super) struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

/// What the keys say about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// The issuer signed it.
    Yes,
    /// Nobody who has the key signed it.
    No,
    /// By a key that is not among these; a newer set may have it.
    ByUnknown,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Reads a key set. Keys for other purposes, and such that cannot be read, are left out.
    ///
    /// # Errors
    /// If it is no key set, or has no key of use.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let set: Set = serde_json::from_slice(json).map_err(|_| "is no set of keys (JWKS)".to_owned())?;
        let keys: Vec<_> = set.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err("has no key that access tokens could be checked with".to_owned());
        }
        Ok(Self(keys))
    }

    /// The ids of the keys, for the log.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.0.iter().map(|key| key.id.as_deref().unwrap_or("(no id)")).collect()
    }

    /// Whether one of the keys signed the token: the one it names, or, if it names none, the only one that
    /// could have.
    pub(super) fn signed(&self, token: &Token<'_>) -> Signed {
        let suiting = self.0.iter().filter(|key| key.algorithms.contains(&token.algorithm));
        let Some(id) = &token.key_id else {
            let mut suiting = suiting;
            return match (suiting.next(), suiting.next()) {
                (Some(key), None) if key.signed(token) => Signed::Yes,
                // The issuer may have another key by now.
                _ => Signed::ByUnknown,
            };
        };
        if !self.0.iter().any(|key| key.id.as_ref() == Some(id)) {
            return Signed::ByUnknown;
        }
        let mut named = suiting.filter(|key| key.id.as_ref() == Some(id)).take(MOST_OF_ONE_ID);
        if named.any(|key| key.signed(token)) { Signed::Yes } else { Signed::No }
    }
}

impl Key {
    fn read(json: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
                && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => {
                vec![Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256]
            }
            AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
                EllipticCurve::P256 => vec![Algorithm::ES256],
                EllipticCurve::P384 => vec![Algorithm::ES384],
                _ => return None,
            },
            _ => return None,
        };
        // A key that says what it is for is for nothing else.
        if let Some(only) = common.key_algorithm {
            algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == only);
        }
        if !is_for_signatures || algorithms.is_empty() {
            return None;
        }
        Some(Self { id: common.key_id.clone(), algorithms, public: DecodingKey::from_jwk(&jwk).ok()? })
    }

    fn signed(&self, token: &Token<'_>) -> bool {
        crypto::verify(token.signature, token.message.as_bytes(), &self.public, token.algorithm).unwrap_or(false)
    }
}
