//! OAuth: access tokens of an issuer, good and forged, and an issuer that does not always answer.

mod forged;
mod forgeries;
mod good;
mod keys;
mod late;
mod settings;
mod unnamed;

use serde_json::{Value, json};

use crate::support::issuer::{Issuer, Key};
use crate::support::receiver::Receiver;
use crate::support::sender::{Answer, order_event};

/// The lines of configuration for an issuer, beside Basic and a static token.
fn configuration(issuer: &Issuer) -> String {
    format!(
        "auth.entra = {{ type = \"oauth\", issuer = \"{}\", audience = [\"other\", \"api://webhook\"], \
         clients = [\"someone\", \"tradecloud\"], roles = [\"Orders.Send\"] }}",
        issuer.name()
    )
}

/// With time enough to ask an issuer, however busy the machine is.
const PATIENT: &str = "server.answer_within = \"60s\"\n";

/// A receiver that takes the tokens of an issuer, and has asked it for its keys.
async fn receiver_of(issuer: &Issuer) -> Receiver {
    let receiver = Receiver::with(&format!("{PATIENT}{}", configuration(issuer)));
    receiver.logged("the keys of an issuer are known").await;
    receiver
}

/// What an order with this token is answered.
async fn answer(receiver: &Receiver, token: &str) -> Answer {
    receiver.sender().bearer(token).send(order_event("1")).await
}

/// The status of that.
async fn status(receiver: &Receiver, token: &str) -> u16 {
    answer(receiver, token).await.status.unwrap()
}

/// The header of a token by that key.
fn header(key: &Key, algorithm: &str) -> Value {
    json!({"typ": "JWT", "alg": algorithm, "kid": key.id})
}

/// The claims with some of them replaced; `null` takes one out.
fn with(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}
