//! A NATS server that knows its users by signed tokens, as operators of many accounts run it, and the
//! `.creds` file of one user.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::nats::Nats;

/// A server with one account that may use JetStream, and the `.creds` text of a user of it.
pub fn server_and_user() -> (Nats, String) {
    let (operator, account, system, user) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_user());
    let account_token = |account: &KeyPair, storage: i64| {
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
            "leaf": -1, "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage,
        });
        token(&operator, account, &json!({ "type": "account", "version": 2, "limits": limits }))
    };
    let nats = Nats::with(&format!(
        "operator: {}\nsystem_account: {system_key}\nresolver: MEMORY\n\
         resolver_preload {{ {}: {}, {system_key}: {} }}",
        token(&operator, &operator, &json!({ "type": "operator", "version": 2 })),
        account.public_key(),
        account_token(&account, -1),
        account_token(&system, 0),
        system_key = system.public_key(),
    ));
    (nats, credentials(&account, &user))
}

/// The `.creds` text of a user whom nobody's account has signed for.
pub fn stranger() -> String {
    credentials(&KeyPair::new_account(), &KeyPair::new_user())
}

fn credentials(account: &KeyPair, user: &KeyPair) -> String {
    let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {} });
    format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        token(account, user, &claims),
        user.seed().unwrap()
    )
}

/// What `issuer` says of `subject`, signed.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let (iss, sub) = (issuer.public_key(), subject.public_key());
    let body =
        encode(&json!({ "jti": sub, "iat": 1_700_000_000, "iss": iss, "sub": sub, "name": "tests", "nats": claims }));
    let signed = format!("{header}.{body}");
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}
