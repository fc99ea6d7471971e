//! Not the compact form of a token.

use serde_json::{Value, json};

use super::super::{header, with};
use super::{Attempts, Signers};
use crate::support::issuer::encode;

pub(super) fn forms(signers: &Signers, claims: &Value) -> Attempts {
    let rsa = &signers.rsa;
    let good = rsa.token(&header(rsa, "RS256"), claims);
    let [header_part, claims_part, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let large = with(claims.clone(), &json!({"groups": "g".repeat(40_000)}));
    [
        ("a dot more", format!("{good}.")),
        ("a dot before", format!(".{good}")),
        ("two dots between", format!("{header_part}..{claims_part}.{signature}")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts, as when encrypted", format!("{good}.{signature}.{signature}")),
        ("encrypted", format!("{}.{claims_part}.{claims_part}.{signature}.{signature}", encode(JWE))),
        ("encrypted, with three parts", format!("{}.{claims_part}.{signature}", encode(JWE))),
        (
            "a token as the claims of another",
            rsa.token_of("RS256", &json!({"alg": "RS256", "kid": "rsa", "cty": "JWT"}).to_string(), &good),
        ),
        ("a line break inside", format!("{header_part}.{claims_part}%0A.{signature}")),
        ("two parts", format!("{header_part}.{claims_part}")),
        ("one part", header_part.to_owned()),
        ("only dots", "..".to_owned()),
        ("a space inside", format!("{header_part}. {claims_part}.{signature}")),
        ("a tab inside", format!("{header_part}.\t{claims_part}.{signature}")),
        ("a second token after a space", format!("{good} {good}")),
        ("a comma", format!("{good},")),
        ("in quotes", format!("\"{good}\"")),
        ("the scheme twice", format!("Bearer {good}")),
        ("padding", format!("{header_part}.{claims_part}=.{signature}")),
        ("padding of the signature", format!("{good}=")),
        ("plus and slash", format!("{header_part}.{claims_part}.{}", signature.replace(['-', '_'], "+/"))),
        ("spare bits", format!("{header_part}.{claims_part}.{}", spare_bits(signature))),
        ("percent", good.replace('.', "%2E")),
        ("parts swapped", format!("{claims_part}.{header_part}.{signature}")),
        ("header twice", format!("{header_part}.{header_part}.{signature}")),
        ("an unsigned suffix of the claims", format!("{header_part}.{claims_part}AAAA.{signature}")),
        ("a huge one", rsa.token(&header(rsa, "RS256"), &large)),
        ("a huge nothing", ".".repeat(40_000)),
        ("no token", "garbage".to_owned()),
        ("as JSON", json!({"protected": header_part, "payload": claims_part, "signature": signature}).to_string()),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .to_vec()
}

const JWE: &str = r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":"rsa"}"#;

/// The same bytes, with a last letter that no encoder writes. 256 bytes leave four spare bits.
fn spare_bits(signature: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    format!("{}{}", &signature[..signature.len() - 1], &alphabet[last + 1..last + 2])
}
