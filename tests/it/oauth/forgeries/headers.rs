//! Headers that say something else than how the token was signed, bring their own key, or want too much.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::super::header;
use super::{Attempts, Signers};
use crate::support::issuer::encode;

/// Headers that say something else than how the token was signed, or want too much.
pub(super) fn headers(signers: &Signers, claims: &Value) -> Attempts {
    let Signers { rsa, p256, strange_rsa, jku, .. } = signers;
    let mut attempts = Attempts::new();
    let mut add = |what: &str, token: String| attempts.push((what.to_owned(), token));
    for algorithm in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "PS384",
        "PS512",
        "ES512",
        "EdDSA",
        "ES256K",
        "rs256",
        "RS256 ",
        "RSA-OAEP",
        "dir",
        "RS1",
        "\u{ff32}S256",
    ] {
        add(&format!("alg {algorithm}"), rsa.token(&header(rsa, algorithm), claims));
        let message = format!("{}.{}", encode(header(rsa, algorithm).to_string()), encode(claims.to_string()));
        add(&format!("alg {algorithm} without signature"), format!("{message}."));
    }
    for alg in [json!(null), json!(256), json!(["RS256"]), json!({"RS256": 1}), json!(true)] {
        let token = rsa.token_of("RS256", &json!({"alg": alg, "kid": "rsa"}).to_string(), &claims.to_string());
        add(&format!("alg is {alg}"), token);
    }
    add("no alg", rsa.token_of("RS256", r#"{"kid":"rsa"}"#, &claims.to_string()));
    add("alg twice", rsa.token_of("RS256", r#"{"alg":"none","kid":"rsa","alg":"RS256"}"#, &claims.to_string()));
    add(
        "alg twice, once escaped",
        rsa.token_of("RS256", r#"{"alg":"RS256","kid":"rsa","\u0061lg":"none"}"#, &claims.to_string()),
    );
    add("kid twice", rsa.token_of("RS256", r#"{"alg":"RS256","kid":"p256","kid":"rsa"}"#, &claims.to_string()));
    // The public key as the secret of a HMAC, in all the forms somebody might have it.
    for (form, secret) in [
        ("DER", rsa.public_der()),
        (
            "PEM",
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", encode(rsa.public_der()))
                .into_bytes(),
        ),
        ("JWK", rsa.jwk().to_string().into_bytes()),
        ("n", rsa.jwk()["n"].as_str().unwrap().as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ] {
        let message = format!("{}.{}", encode(header(rsa, "HS256").to_string()), encode(claims.to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        add(&format!("HS256 with the public key as {form}"), format!("{message}.{}", encode(tag)));
    }
    for crit in [json!(["exp"]), json!([]), json!(["b64"]), json!(null), json!("exp")] {
        add(&format!("crit {crit}"), rsa.token(&with_member(header(rsa, "RS256"), "crit", &crit), claims));
    }
    add("b64 and crit", rsa.token(&json!({"alg": "RS256", "kid": "rsa", "b64": false, "crit": ["b64"]}), claims));
    for typ in ["logout+jwt", "JWE", "secevent+jwt", "dpop+jwt", ""] {
        add(&format!("typ {typ}"), rsa.token(&with_member(header(rsa, "RS256"), "typ", &json!(typ)), claims));
    }
    for kid in [json!(1), json!(["rsa"]), json!({}), json!(true)] {
        add(&format!("kid {kid}"), rsa.token(&with_member(header(rsa, "RS256"), "kid", &kid), claims));
    }
    // A key that the token brings along, and one that is not of the algorithm.
    for (member, value) in [
        ("jwk", strange_rsa.jwk()),
        ("jku", json!(jku)),
        ("x5u", json!(jku)),
        ("x5c", json!([encode(strange_rsa.public_der())])),
    ] {
        let header = with_member(header(strange_rsa, "RS256"), member, &value);
        add(&format!("its own key in {member}"), strange_rsa.token(&header, claims));
    }
    let everything =
        json!({"alg": "RS256", "kid": "rsa", "jku": jku, "x5u": jku, "jwk": strange_rsa.jwk(), "x5t": "rsa"});
    add("its own key in everything", strange_rsa.token(&everything, claims));
    for header in ["{}", "[]", "null", "\"RS256\"", "{\"alg\":\"RS256\",}", "alg=RS256", ""] {
        add(&format!("header {header}"), rsa.token_of("RS256", header, &claims.to_string()));
    }
    add("an RSA key named for ES256", p256.token(&json!({"alg": "ES256", "kid": "rsa"}), claims));
    add("a curve named for RS256", rsa.token(&json!({"alg": "RS256", "kid": "p256"}), claims));
    add("the other curve", p256.token(&json!({"alg": "ES256", "kid": "p384"}), claims));
    add("ES384 of a key for ES256", p256.token(&json!({"alg": "ES384", "kid": "p256"}), claims));
    attempts
}

fn with_member(mut object: Value, name: &str, value: &Value) -> Value {
    object[name] = value.clone();
    object
}
