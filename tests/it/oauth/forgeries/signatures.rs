//! Signatures of somebody else, of something else, or mangled.

use serde_json::{Value, json};

use super::super::{header, with};
use super::{Attempts, Signers};
use crate::support::issuer::{Key, decode, encode};

/// Signatures of somebody else, of something else, or mangled.
pub(super) fn signatures(signers: &Signers, claims: &Value) -> Attempts {
    let Signers { rsa, p256, p384, strange_rsa, strange_p256, .. } = signers;
    let (good, other) = (rsa.token(&header(rsa, "RS256"), claims), {
        let richer = with(claims.clone(), &json!({"sub": "somebody else"}));
        rsa.token(&header(rsa, "RS256"), &richer)
    });
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, signature_of_other) = other.rsplit_once('.').unwrap();
    let curve = p256.token(&header(p256, "ES256"), claims);
    let (curve_message, curve_signature) = curve.rsplit_once('.').unwrap();
    let header_of_384 = encode(header(rsa, "RS384").to_string());
    let flipped = |signature: &str, at: usize| {
        let mut bytes = signature.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let mut attempts: Attempts = [
        ("a stranger's RSA key", strange_rsa.token(&header(strange_rsa, "RS256"), claims)),
        ("a stranger's RSA key, PSS", strange_rsa.token(&header(strange_rsa, "PS256"), claims)),
        ("a stranger's curve", strange_p256.token(&header(strange_p256, "ES256"), claims)),
        ("the signature of another token", format!("{message}.{signature_of_other}")),
        ("another token's message", format!("{}.{signature}", other.rsplit_once('.').unwrap().0)),
        ("no signature", format!("{message}.")),
        ("zeros for RSA", format!("{message}.{}", encode([0; 256]))),
        ("zeros for a curve", format!("{curve_message}.{}", encode([0; 64]))),
        ("ones for a curve", format!("{curve_message}.{}", encode([0xff; 64]))),
        ("half a signature", format!("{message}.{}", &signature[..signature.len() / 2])),
        ("a longer signature", format!("{message}.{signature}AAAA")),
        ("a signature twice", format!("{message}.{signature}{signature}")),
        ("a longer curve signature", format!("{curve_message}.{curve_signature}AA")),
        (
            "a curve signature as certificates have it (DER)",
            format!("{curve_message}.{}", encode(der(curve_signature))),
        ),
        ("the halves of a curve signature swapped", format!("{curve_message}.{}", encode(swapped(curve_signature)))),
        ("the header of another token", format!("{}.{}", header_of_384, good.split_once('.').unwrap().1)),
        ("a claim taken out", format!("{}.{signature}", without_exp(rsa, claims))),
        ("a shorter curve signature", format!("{curve_message}.{}", &curve_signature[..84])),
        ("signed as RS384, said RS256", rsa.token_of("RS384", &header(rsa, "RS256").to_string(), &claims.to_string())),
        ("signed as PS256, said RS256", rsa.token_of("PS256", &header(rsa, "RS256").to_string(), &claims.to_string())),
        ("signed as RS256, said PS256", rsa.token_of("RS256", &header(rsa, "PS256").to_string(), &claims.to_string())),
        ("signed as PS384, said PS256", rsa.token_of("PS384", &header(rsa, "PS256").to_string(), &claims.to_string())),
        ("signed as RS256, said RS512", rsa.token_of("RS256", &header(rsa, "RS512").to_string(), &claims.to_string())),
        ("the curve's signature under RSA's message", format!("{message}.{curve_signature}")),
        ("P-384 under the name of P-256", p384.token(&json!({"alg": "ES256", "kid": "p256"}), claims)),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .to_vec();
    for at in [0, 1, 100, 300, 340] {
        attempts.push((format!("a bit of the signature at {at}"), format!("{message}.{}", flipped(signature, at))));
    }
    attempts
}

/// The two numbers of a curve's signature as the ASN.1 that certificates have.
fn der(signature: &str) -> Vec<u8> {
    let raw = decode(signature);
    let numbers = raw.chunks(raw.len() / 2).flat_map(|number| {
        // A leading zero keeps it positive.
        let mut encoded = vec![2, u8::try_from(number.len() + 1).unwrap(), 0];
        encoded.extend(number);
        encoded
    });
    let numbers: Vec<_> = numbers.collect();
    [vec![0x30, u8::try_from(numbers.len()).unwrap()], numbers].concat()
}

fn swapped(signature: &str) -> Vec<u8> {
    let raw = decode(signature);
    let (r, s) = raw.split_at(raw.len() / 2);
    [s, r].concat()
}

fn without_exp(key: &Key, claims: &Value) -> String {
    let claims = with(claims.clone(), &json!({"exp": null}));
    format!("{}.{}", encode(header(key, "RS256").to_string()), encode(claims.to_string()))
}
