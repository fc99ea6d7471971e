//! The keys that an issuer publishes (JWK set, RFC 7517), and the check of a signature with them.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;

use super::token::{Thumbprints, Token};

/// Several keys of one id are tried up to this number,
const MOST_OF_ONE_ID: usize = 4;
/// and so many if the token does not say by which one it is. No issuer publishes more at a time.
const MOST_WITHOUT_ID: usize = 16;

/// The keys of an issuer that signatures can be checked with.
pub(super) struct Keys {
    usable: Vec<Key>,
    /// What the keys in the set are called that are for something else, or of a kind that is not known here.
    others: Vec<String>,
}

struct Key {
    id: Option<String>,
    thumbprints: Thumbprints,
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
    /// None of these signed it, and it does not say that it is by another one.
    ByNone,
    /// By a key that is not among these; a newer set may have it.
    ByUnknown,
}

/// The members that name a key.
const NAMES: [&str; 3] = ["kid", "x5t", "x5t#S256"];

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
        let mut keys = Self { usable: Vec::new(), others: Vec::new() };
        for json in set.keys {
            match Key::read(&json) {
                Some(key) => keys.usable.push(key),
                None => keys.others.extend(NAMES.iter().filter_map(|name| json.get(name)?.as_str().map(str::to_owned))),
            }
        }
        if keys.usable.is_empty() {
            return Err("has no key that access tokens could be checked with".to_owned());
        }
        Ok(keys)
    }

    /// The ids of the keys, for the log.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.usable.iter().map(|key| key.id.as_deref().unwrap_or("(no id)")).collect()
    }

    /// Whether one of the keys signed the token: the one whose id it names; or else one of all of them, of which
    /// those come first whose thumbprint it names.
    pub(super) fn signed(&self, token: &Token<'_>) -> Signed {
        let suiting = self.usable.iter().filter(|key| key.algorithms.contains(&token.algorithm));
        let Some(id) = &token.key_id else {
            let (named, others): (Vec<_>, Vec<_>) = suiting.partition(|key| key.is_named(&token.thumbprints));
            return if named.into_iter().chain(others).take(MOST_WITHOUT_ID).any(|key| key.signed(token)) {
                Signed::Yes
            } else if token.key_name().is_none_or(|_| self.has_thumbprint(&token.thumbprints)) {
                Signed::ByNone
            } else {
                Signed::ByUnknown
            };
        };
        if !self.usable.iter().any(|key| key.id.as_ref() == Some(id)) {
            return if self.others.contains(id) { Signed::ByNone } else { Signed::ByUnknown };
        }
        let mut named = suiting.filter(|key| key.id.as_ref() == Some(id)).take(MOST_OF_ONE_ID);
        if named.any(|key| key.signed(token)) { Signed::Yes } else { Signed::No }
    }

    /// Whether one of the keys in the set has that thumbprint, whatever it is for.
    fn has_thumbprint(&self, thumbprints: &Thumbprints) -> bool {
        let mut wanted = thumbprints.sha1.iter().chain(&thumbprints.sha256);
        self.usable.iter().any(|key| key.is_named(thumbprints)) || wanted.any(|name| self.others.contains(name))
    }
}

impl Key {
    fn read(json: &serde_json::Value) -> Option<Self> {
        let jwk = Jwk::deserialize(json).ok()?;
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
        let (sha1, sha256) = (common.x509_sha1_fingerprint.clone(), common.x509_sha256_fingerprint.clone());
        let thumbprints = Thumbprints { sha1, sha256 };
        let public = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: common.key_id.clone(), thumbprints, algorithms, public })
    }

    /// Whether a token with these thumbprints names this key. For some issuers the thumbprint is the id.
    fn is_named(&self, by: &Thumbprints) -> bool {
        let is_same = |wanted: &Option<String>, own: &Option<String>| wanted.is_some() && wanted == own;
        is_same(&by.sha1, &self.thumbprints.sha1)
            || is_same(&by.sha1, &self.id)
            || is_same(&by.sha256, &self.thumbprints.sha256)
            || is_same(&by.sha256, &self.id)
    }

    fn signed(&self, token: &Token<'_>) -> bool {
        crypto::verify(token.signature, token.message.as_bytes(), &self.public, token.algorithm).unwrap_or(false)
    }
}
