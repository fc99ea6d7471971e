//! An issuer of access tokens: a real server with keys of its own, which it publishes as OpenID
//! Connect has it, and which can misbehave.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::erp::{Answer, Erp};

/// A key to sign tokens with.
pub struct Key {
    pub id: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

impl Key {
    /// A new RSA key of 2048 bits.
    pub fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    /// A new key on the curve P-256.
    pub fn p256(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { id: id.to_owned(), pair: Pair::P256(pair) }
    }

    /// A new key on the curve P-384.
    pub fn p384(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self { id: id.to_owned(), pair: Pair::P384(pair) }
    }

    /// Signs by the algorithm if the key can, else by what it can.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signed).unwrap();
                signed
            }
            Pair::P256(pair) | Pair::P384(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    /// The public half, in DER.
    pub fn public_der(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Pair::P256(pair) | Pair::P384(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// The public half as Entra ID publishes it: without `alg`, with what else it has.
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({
                    "kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id, "x5c": ["MIIDBTCCAe2gAwIBAgIQ"],
                    "n": encode(n.big_endian_without_leading_zero()),
                    "e": encode(e.big_endian_without_leading_zero()),
                })
            }
            Pair::P256(pair) | Pair::P384(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if matches!(self.pair, Pair::P256(_)) { "P-256" } else { "P-384" };
                json!({"kty": "EC", "use": "sig", "kid": self.id, "crv": curve, "x": encode(x), "y": encode(y)})
            }
        }
    }

    /// A token of this key with that header (`alg` says how it is signed) and those claims.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let algorithm = header["alg"].as_str().unwrap_or_default().to_owned();
        self.token_of(&algorithm, &header.to_string(), &claims.to_string())
    }

    /// The same of any texts.
    pub fn token_of(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signed = self.sign(algorithm, message.as_bytes());
        format!("{message}.{}", encode(signed))
    }
}

/// Base64 as tokens have it.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes again.
pub fn decode(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Seconds of Unix time.
pub fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// What the issuer answers.
#[derive(Clone)]
struct Published {
    document: Answer,
    keys: Answer,
}

/// The server.
pub struct Issuer {
    server: Erp,
    published: Arc<Mutex<Published>>,
}

impl Issuer {
    /// One that publishes these keys.
    pub fn start(keys: &[&Key]) -> Self {
        let server = Erp::start();
        let nothing = Answer::status(404);
        let published = Arc::new(Mutex::new(Published { document: nothing.clone(), keys: nothing }));
        let answers = Arc::clone(&published);
        server.answer_by(move |request| {
            let published = answers.lock().unwrap();
            match request.uri.path() {
                "/.well-known/openid-configuration" => published.document.clone(),
                "/keys" => published.keys.clone(),
                _ => Answer::status(404),
            }
        });
        let issuer = Self { server, published };
        issuer.describe(&issuer.document());
        issuer.publish(keys);
        issuer
    }

    /// Its name, which is where it is.
    pub fn name(&self) -> String {
        self.server.url("")
    }

    /// Where it publishes its keys.
    pub fn keys_at(&self) -> String {
        self.server.url("/keys")
    }

    /// Its discovery document, as it should be.
    pub fn document(&self) -> Value {
        json!({"issuer": self.name(), "jwks_uri": self.keys_at(), "response_types_supported": ["code"]})
    }

    /// Has another discovery document from now on.
    pub fn describe(&self, document: &Value) {
        self.describe_by(Answer::status(200).body("application/json", document.to_string()));
    }

    /// The same with any answer.
    pub fn describe_by(&self, answer: Answer) {
        self.published.lock().unwrap().document = answer;
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.publish_by(Answer::status(200).body("application/json", json!({"keys": keys}).to_string()));
    }

    /// The same with any answer.
    pub fn publish_by(&self, answer: Answer) {
        self.published.lock().unwrap().keys = answer;
    }

    /// How often it was asked for its keys.
    pub fn asked(&self) -> usize {
        self.server.received().iter().filter(|request| request.uri.path() == "/keys").count()
    }

    /// Nobody listens any more.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// It is back.
    pub fn restart(&mut self) {
        self.server.restart();
    }

    /// The claims of a good token.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.name(), "aud": "api://webhook", "iat": now(), "nbf": now(), "exp": now() + 3600,
            "azp": "tradecloud", "roles": ["Orders.Send", "Another"], "sub": "someone", "ver": "2.0",
        })
    }

    /// A good token by that key.
    pub fn token(&self, key: &Key, algorithm: &str) -> String {
        key.token(&json!({"typ": "JWT", "alg": algorithm, "kid": key.id}), &self.claims())
    }
}
