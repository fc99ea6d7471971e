//! An access token (JWT, RFC 7519) in its compact form, taken apart. Nothing here is proven yet: a
//! signature is checked in `keys`, what the claims say in the parent module.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// No issuer makes longer ones, and nobody should have us read them.
const LONGEST: usize = 32 << 10;

/// The algorithms that tokens may be signed with. What is not here is refused, `none` and the ones with
/// a shared secret before all.
const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
];

/// What `typ` may say, in any case. An issuer signs other things too, such as notes of a logout.
const TYPES: &[&str] = &["jwt", "at+jwt", "application/at+jwt", "application/jwt"];

/// A token as it was presented.
pub(super) struct Token<'a> {
    /// The algorithm its header names.
    pub(super) algorithm: Algorithm,
    /// The key its header names.
    pub(super) key_id: Option<String>,
    /// The certificates of the key its header names, by their thumbprints: ADFS names keys by nothing else.
    pub(super) thumbprints: Thumbprints,
    /// What was signed.
    pub(super) message: &'a str,
    /// The signature, in base64.
    pub(super) signature: &'a str,
    /// What it claims.
    pub(super) claims: Claims,
}

/// The SHA-1 and the SHA-256 digest of a certificate, in base64 (`x5t` and `x5t#S256`).
#[derive(Debug, Default)]
pub(super) struct Thumbprints {
    /// `x5t`
    pub(super) sha1: Option<String>,
    /// `x5t#S256`
    pub(super) sha256: Option<String>,
}

/// The members of the header that mean something here. Keys in it (`jwk`, `jku`, `x5c`, `x5u`) are
/// whatever the sender wanted, and are not looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    x5t: Option<String>,
    #[serde(rename = "x5t#S256", default, deserialize_with = "lenient")]
    x5t_s256: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood. None is.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// The claims that mean something here. A claim that is there twice, or is of another type, is refused.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    /// Who issued it.
    pub(super) iss: String,
    /// Whom it is for.
    pub(super) aud: OneOrMany,
    /// Until when it is good, in seconds of Unix time.
    pub(super) exp: f64,
    /// From when on.
    pub(super) nbf: Option<f64>,
    /// When it was issued, if it says so.
    #[serde(default, deserialize_with = "lenient_number")]
    pub(super) iat: Option<f64>,
    /// The application that called: Entra ID v2.0 and B2C.
    pub(super) azp: Option<String>,
    /// The same of Entra ID v1.0 and ADFS.
    pub(super) appid: Option<String>,
    /// What the application may do.
    pub(super) roles: Option<OneOrMany>,
}

/// A text, or a list of texts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts.
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("the access token is too long");
        }
        let (message, signature) = text.rsplit_once('.').ok_or(NO_JWT)?;
        let (header, claims) = message.split_once('.').ok_or(NO_JWT)?;
        // A further dot would be no base64.
        let header: Header = part(header)?;
        if header.crit {
            return Err("the access token wants extensions (crit) that nobody understands");
        }
        if header.typ.is_some_and(|typ| !TYPES.contains(&typ.to_ascii_lowercase().as_str())) {
            return Err("the token is no access token (typ)");
        }
        let algorithm = ALGORITHMS.iter().find(|(name, _)| *name == header.alg).map(|(_, algorithm)| *algorithm);
        let algorithm = algorithm.ok_or("the access token is signed by an algorithm that is not taken")?;
        let thumbprints = Thumbprints { sha1: header.x5t, sha256: header.x5t_s256 };
        Ok(Self { algorithm, key_id: header.kid, thumbprints, message, signature, claims: part(claims)? })
    }

    /// What its header calls the key, if anything.
    pub(super) fn key_name(&self) -> Option<&str> {
        let Thumbprints { sha1, sha256 } = &self.thumbprints;
        self.key_id.as_deref().or(sha1.as_deref()).or(sha256.as_deref())
    }
}

const NO_JWT: &str = "the bearer token is neither a known one nor a readable access token";

fn part<T: for<'de> Deserialize<'de>>(base64: &str) -> Result<T, &'static str> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(base64).map_err(|_| NO_JWT)?;
    serde_json::from_slice(&json)
        .map_err(|_| "the access token lacks a claim (iss, aud, exp), or has one of a wrong form")
}

/// A text; what is none is as good as nothing.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A number; what is none is as good as nothing.
fn lenient_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_f64())
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
