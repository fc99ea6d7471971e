//! `inbox.store = "postgres"`: what holds for several receivers on one database, and for that database.

#[cfg(target_os = "linux")]
mod clock;
mod database;
mod receivers;
mod standby;
mod under_load;

use serde_json::Value;

use crate::support::erp::{Erp, Received};
use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;

/// Pauses that a test can wait for.
const QUICK: &str = "delivery = { first_retry = '50ms', max_retry = '200ms', lanes = 4 }";

/// So many receivers with their inbox in the same database, which deliver to `erp`. They are not started.
fn prepared(count: usize, url: &str, erp: &Erp) -> Vec<Receiver> {
    let configuration = format!("{QUICK}\nhandlers.erp = {{ type = 'http', url = '{}' }}", erp.url("/"));
    (0..count).map(|_| Receiver::prepared(&configuration).inbox_at(url)).collect()
}

/// The same, at work on a new database of the shared server.
fn at_work(count: usize, erp: &Erp) -> Vec<Receiver> {
    let server = Postgres::shared();
    let mut receivers = prepared(count, &server.url(&server.database()), erp);
    receivers.iter_mut().for_each(Receiver::restart);
    receivers
}

/// How often one of them was taken for dead while it lived, as the machine had too much to do for it to be heard of: what
/// it was at then may come twice.
fn stalls(receivers: &[Receiver]) -> usize {
    let told = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("not heard of for too long"));
    receivers.iter().flat_map(Receiver::log).filter(told).count()
}

/// The ids of the requests, in the order they came.
fn ids(received: &[Received]) -> Vec<String> {
    received.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect()
}
