//! Forged and wrong tokens: all are refused, and nothing of them is kept.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{header, receiver_of, status, with};
use crate::support::issuer::{Issuer, Key, encode, now};
use crate::support::receiver::Receiver;

/// Who signs in these tests: three keys of the issuer, and some of nobody's.
struct Signers {
    rsa: Key,
    p256: Key,
    p384: Key,
    strange_rsa: Key,
    strange_p256: Key,
}

/// What is tried, with a name each.
type Attempts = Vec<(String, String)>;

#[tokio::test]
async fn no_forged_or_wrong_token_gets_through() {
    // The strangers claim the names of the issuer's keys.
    let signers = Signers {
        rsa: Key::rsa("rsa"),
        p256: Key::p256("p256"),
        p384: Key::p384("p384"),
        strange_rsa: Key::rsa("rsa"),
        strange_p256: Key::p256("p256"),
    };
    let issuer = Issuer::start(&[&signers.rsa, &signers.p256, &signers.p384]);
    let receiver = receiver_of(&issuer).await;
    let attempts: Attempts = [
        headers(&signers, &issuer.claims()),
        signatures(&signers, &issuer.claims()),
        claims(&signers, &issuer),
        forms(&signers, &issuer.claims()),
    ]
    .concat();
    assert!(attempts.len() >= 100, "only {} attempts", attempts.len());

    for (what, token) in &attempts {
        assert_eq!(status(&receiver, token).await, 401, "{what}: {token}");
    }

    assert!(receiver.inbox().is_empty());
    for key in [&signers.rsa, &signers.p256] {
        let algorithm = if key.id == "rsa" { "RS256" } else { "ES256" };
        assert_eq!(status(&receiver, &issuer.token(key, algorithm)).await, 202, "and the good ones still do");
    }
    assert_eq!(issuer.asked(), 1, "none of them made us ask the issuer");
    still_well(&receiver);
}

#[tokio::test]
async fn a_token_by_a_key_that_nobody_has_is_refused_after_a_look_at_the_issuer() {
    let (known, unknown) = (Key::rsa("rsa"), Key::rsa("another"));
    let issuer = Issuer::start(&[&known, &Key::rsa("second")]);
    let receiver = receiver_of(&issuer).await;
    let without_id = known.token(&json!({"alg": "RS256"}), &issuer.claims());

    assert_eq!(status(&receiver, &issuer.token(&unknown, "RS256")).await, 401);
    assert_eq!(issuer.asked(), 2);
    // Until the issuer may be asked again, nobody knows: the token may be by a key of this second.
    for _ in 0..5 {
        assert_eq!(status(&receiver, &issuer.token(&unknown, "RS256")).await, 503);
        assert_eq!(status(&receiver, &without_id).await, 503, "which of the two keys?");
    }
    let expired = with(issuer.claims(), &json!({"exp": now() - 100}));
    assert_eq!(status(&receiver, &unknown.token(&header(&unknown, "RS256"), &expired)).await, 401, "wrong anyway");
    assert_eq!(issuer.asked(), 2, "anybody can invent a key");
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn a_key_is_used_for_what_it_is_published_for_only() {
    let (key, other) = (Key::rsa("k"), Key::p256("other"));
    let issuer = Issuer::start(&[&key]);
    let publish = |changes: &Value| {
        let keys = json!({"keys": [with(key.jwk(), changes), other.jwk()]});
        issuer.publish_by(crate::support::erp::Answer::status(200).body("application/json", keys.to_string()));
    };
    let cases = [
        (json!({"use": "enc"}), "RS256", false),
        (json!({"use": null, "key_ops": ["encrypt"]}), "RS256", false),
        (json!({"use": null, "key_ops": ["verify"]}), "RS256", true),
        (json!({"alg": "RS512"}), "RS256", false),
        (json!({"alg": "RS256"}), "RS256", true),
        (json!({"alg": "RS256"}), "PS256", false),
        (json!({"alg": "RSA-OAEP"}), "RS256", false),
        (json!({"alg": "HS256"}), "HS256", false),
        (json!({"kty": "oct", "k": encode("secret")}), "HS256", false),
        (json!({"kid": "K"}), "RS256", false),
        (json!({"kid": null}), "RS256", false),
        (json!({"x5t": null, "x5c": null, "use": null}), "RS256", true),
    ];

    for (changes, algorithm, is_taken) in cases {
        publish(&changes);
        let receiver = receiver_of(&issuer).await;

        let taken = status(&receiver, &issuer.token(&key, algorithm)).await;

        assert_eq!(taken == 202, is_taken, "{changes} for {algorithm}: {taken}");
        assert!(taken == 202 || taken == 401, "{changes} for {algorithm}: {taken}");
    }
}

/// Headers that say something else than how the token was signed, or want too much.
fn headers(signers: &Signers, claims: &Value) -> Attempts {
    let Signers { rsa, p256, strange_rsa, .. } = signers;
    let mut attempts = Attempts::new();
    let mut add = |what: &str, token: String| attempts.push((what.to_owned(), token));
    for algorithm in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "PS384", "PS512", "ES512", "EdDSA", "ES256K",
        "rs256", "RS256 ", "RSA-OAEP",
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
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!([encode(strange_rsa.public_der())])),
    ] {
        let header = with_member(header(strange_rsa, "RS256"), member, &value);
        add(&format!("its own key in {member}"), strange_rsa.token(&header, claims));
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

/// Signatures of somebody else, of something else, or mangled.
fn signatures(signers: &Signers, claims: &Value) -> Attempts {
    let Signers { rsa, p256, p384, strange_rsa, strange_p256 } = signers;
    let (good, other) = (rsa.token(&header(rsa, "RS256"), claims), {
        let richer = with(claims.clone(), &json!({"sub": "somebody else"}));
        rsa.token(&header(rsa, "RS256"), &richer)
    });
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, signature_of_other) = other.rsplit_once('.').unwrap();
    let curve = p256.token(&header(p256, "ES256"), claims);
    let (curve_message, curve_signature) = curve.rsplit_once('.').unwrap();
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
    for at in [0, 100, 300] {
        attempts.push((format!("a bit of the signature at {at}"), format!("{message}.{}", flipped(signature, at))));
    }
    attempts
}

/// Signed by the issuer, and still not for us, not now, or not to be understood.
fn claims(signers: &Signers, issuer: &Issuer) -> Attempts {
    let (rsa, name) = (&signers.rsa, issuer.name());
    let mut changes = Vec::new();
    for iss in [
        json!(null),
        json!(""),
        json!(format!("{name}/")),
        json!(name.to_uppercase()),
        json!(format!(" {name}")),
        json!(format!("{name}.evil.example")),
        json!(name.replace("http", "https")),
        json!([name]),
        json!([name, "x"]),
        json!({"iss": name}),
        json!(1),
        json!(format!("{name}\u{0}")),
        json!(format!("{name}/../x")),
        json!(true),
    ] {
        changes.push(json!({"iss": if iss.is_null() { json!([]) } else { iss }}));
    }
    for aud in [
        json!(""),
        json!([]),
        json!([""]),
        json!("api://webhook/"),
        json!("API://WEBHOOK"),
        json!("api://webhook "),
        json!("api://web"),
        json!("api://webhook2"),
        json!(["x", "y"]),
        json!({"aud": "api://webhook"}),
        json!(1),
        json!([1, "api://webhook"]),
        json!([["api://webhook"]]),
        json!("other,api://webhook"),
        json!(true),
        json!("00000003-0000-0000-c000-000000000000"),
    ] {
        changes.push(json!({"aud": aud}));
    }
    for exp in [
        json!(0),
        json!(-1),
        json!(now() - 61),
        json!(now() - 3600),
        json!((now() + 3600).to_string()),
        json!([now() + 3600]),
        json!({"exp": now() + 3600}),
        json!(true),
        json!(""),
        json!(-1e300),
        json!("never"),
        json!(1e-300),
    ] {
        changes.push(json!({"exp": exp}));
    }
    for nbf in [json!("now"), json!([0]), json!({}), json!(true), json!(now().to_string())] {
        changes.push(json!({"nbf": nbf}));
    }
    for other in [
        json!({"azp": 1}),
        json!({"azp": ["tradecloud"]}),
        json!({"appid": {}}),
        json!({"roles": 1}),
        json!({"roles": {"Orders.Send": true}}),
        json!({"roles": [1]}),
    ] {
        changes.push(other);
    }
    for absent in ["iss", "aud", "exp"] {
        changes.push(json!({absent: null}));
    }
    let mut attempts: Attempts = changes
        .iter()
        .map(|change| (change.to_string(), rsa.token(&header(rsa, "RS256"), &with(issuer.claims(), change))))
        .collect();
    let (iss, later) = (json!(name), now() + 3600);
    for text in [
        format!(
            r#"{{"iss":"x","iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"x","aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":1,"exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"\u0065xp":1,"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(r#"{{"iss":{iss},"aud":"api://webhook","exp":1e400,"azp":"tradecloud","roles":"Orders.Send"}}"#),
        format!(r#"{{"iss":{iss},"aud":"api://webhook","exp":NaN,"azp":"tradecloud","roles":"Orders.Send"}}"#),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{{"$serde_json::private::Number":"{later}"}},"roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"claims":{{"iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}}}"#
        ),
        format!(r#"[{{"iss":{iss},"aud":"api://webhook","exp":{later}}}]"#),
        format!(r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}} {{}}"#),
        format!("\u{feff}{{\"iss\":{iss},\"aud\":\"api://webhook\",\"exp\":{later},\"azp\":\"tradecloud\"}}"),
        "null".to_owned(),
        "{}".to_owned(),
        String::new(),
        "\"text\"".to_owned(),
        "{".to_owned(),
        "[".repeat(20_000),
    ] {
        let shown: String = text.chars().take(80).collect();
        attempts.push((shown, rsa.token_of("RS256", &header(rsa, "RS256").to_string(), &text)));
    }
    attempts
}

/// Not the compact form of a token.
fn forms(signers: &Signers, claims: &Value) -> Attempts {
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

/// The same bytes, with a last letter that no encoder writes. 256 bytes leave four spare bits.
fn spare_bits(signature: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    format!("{}{}", &signature[..signature.len() - 1], &alphabet[last + 1..last + 2])
}

fn still_well(receiver: &Receiver) {
    let troubles: Vec<_> = receiver.log().into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(troubles.is_empty(), "{troubles:#?}");
}
