//! From the inbox to the ERP: in the order received, until it arrives or somebody decides otherwise.

mod down;
mod drain;
mod ends;
mod letters;
mod memory;
mod order;
mod pace;

use serde_json::Value;

use crate::support::erp::{Erp, Received};
use crate::support::receiver::Receiver;
use crate::support::sender::message_id;
use crate::support::store::Store;

/// Pauses that a test can wait for.
const QUICK: &str = "delivery = { first_retry = '30ms', max_retry = '120ms', lanes = 4 }";

/// A receiver that delivers to `erp`, with quick retries.
fn receiver_for(store: Store, erp: &Erp) -> Receiver {
    receiver_with(store, erp, "timeout = '20s'")
}

/// The same, with more to say about the handler.
fn receiver_with(store: Store, erp: &Erp, handler: &str) -> Receiver {
    store.with(&format!("{QUICK}\nhandlers.erp = {{ type = 'http', url = '{}', {handler} }}", erp.url("/")))
}

/// Sends events one after the other; each must be stored.
async fn send_all(receiver: &Receiver, events: &[Value]) {
    let sender = receiver.sender();
    for event in events {
        let answer = sender.send(event.clone()).await;
        assert_eq!(answer.status, Some(202), "{answer:?}");
    }
}

/// The ids of the requests, in the order they came.
fn ids(received: &[Received]) -> Vec<String> {
    received.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect()
}

/// The id of an event's order or shipment, as the handler gets it.
fn subject(request: &Received) -> String {
    request.json()["subject"].as_str().unwrap_or_default().to_owned()
}

/// The only delivery of an event.
fn delivery(receiver: &Receiver, event: &Value) -> Value {
    receiver.events(&["show", "--json", &message_id(event)])[0]["deliveries"][0].clone()
}
