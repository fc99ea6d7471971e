//! For tests: what happened, and what shall happen now. No part of what Tradecloud has.

use std::sync::Arc;

use axum::http::Method;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::reply;
use crate::simulate::forms::time;
use crate::simulate::{Simulation, lock};

/// Answers `/simulate/…`:
///
/// | request | does |
/// |---|---|
/// | `GET state` | says what there is, what happened, and what was asked |
/// | `POST change?orders=N` | changes so many orders at once |
/// | `POST change?shipments=N` | the same with so many shipments, one after the other |
/// | `POST change?echoes=N` | asks so many suppliers to reopen what was agreed, of which no webhook tells |
/// | `POST change?document=BYTES` | attaches a file of that size to an order |
/// | `POST expire` | ends the life of the access token; with `?all` that of the refresh token, too |
pub(super) fn answer(simulation: &Arc<Simulation>, method: &Method, asked: &str, query: &str) -> Response {
    match (method.as_str(), asked) {
        ("GET", "state") => reply::json(&state(simulation)),
        ("POST", "change") => match change(simulation, query) {
            Some(events) => reply::json(&json!({ "events": events })),
            None => reply::text(400, "orders=N, shipments=N, echoes=N or document=BYTES"),
        },
        ("POST", "expire") => {
            lock(&simulation.accounts).expire(query == "all");
            reply::json(&json!({}))
        }
        _ => reply::not_found(),
    }
}

fn change(simulation: &Arc<Simulation>, query: &str) -> Option<usize> {
    let (what, number) = query.split_once('=')?;
    let size: u64 = number.parse().ok()?;
    let count = usize::try_from(size).ok()?;
    let now = Timestamp::now();
    let events = match what {
        "orders" => simulation.happen(|world| world.change_orders(count, now)),
        "shipments" => simulation.happen(|world| world.change_shipments(count, now)),
        "echoes" => simulation.happen(|world| world.ask_to_reopen(count, now)),
        "document" => simulation.happen(|world| world.attach_large(size, now).into_iter().collect()),
        _ => return None,
    };
    Some(events)
}

fn state(simulation: &Simulation) -> Value {
    let (orders, shipments, legacy, strangers, documents) = {
        let living = lock(&simulation.living);
        let world = &living.world;
        let orders = world.orders.iter().map(|of| (of.id.clone(), Value::from(time(of.updated))));
        let shipments = world.shipments.iter().map(|of| (of.id.clone(), Value::from(time(of.updated))));
        let legacy = world.orders.iter().filter_map(|of| Some((of.legacy.clone()?, Value::from(of.id.clone()))));
        let documents = world.objects.iter().filter(|(_, object)| object.ours).map(|(id, _)| id.to_string());
        let maps = (orders.collect::<Map<_, _>>(), shipments.collect::<Map<_, _>>(), legacy.collect::<Map<_, _>>());
        let strangers: Vec<String> = world.strangers.iter().cloned().collect();
        (maps.0, maps.1, maps.2, strangers, documents.collect::<Vec<_>>())
    };
    let events = lock(&simulation.journal).told();
    let (logins, turned_away, refreshes) = {
        let accounts = lock(&simulation.accounts);
        (accounts.logins, accounts.turned_away, accounts.refreshes)
    };
    let gate = lock(&simulation.gate);
    json!({
        "seed": simulation.options.seed,
        "orders": orders,
        "shipments": shipments,
        "legacyOrders": legacy,
        "strangers": strangers,
        "documents": documents,
        "events": events,
        "requests": gate.counts,
        "mostInASecond": gate.most,
        "tooMany": gate.turned_away,
        "logins": logins,
        "loginsRefused": turned_away,
        "refreshes": refreshes,
    })
}
