//! The handlers of the configuration: what each is, what it wants, and how much waits for it.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Api, Refused, answer, counted_if};
use crate::desk::Desk;
use crate::dispatch::Route;
use crate::inbox::{Filter, InboxError, State as Standing};
use crate::respond::{self, Declined};

/// What failed last that is told of one handler.
const LAST: usize = 20;

/// All of them.
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let mut items = Vec::new();
    for route in desk.routes().iter() {
        items.push(api.handler(desk, route).await?);
    }
    Ok(answer(&json!({"items": items, "next": null})))
}

/// One of them, with the dead letters that came last.
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let routes = desk.routes();
    let route = name.ok().and_then(|Path(name)| routes.iter().find(|route| route.name == name));
    let Some(route) = route else {
        return Err(Refused::new(respond::declined(
            Declined::NotThere,
            "the configuration has no handler of that name",
        )));
    };
    let mut handler = api.handler(desk, route).await?;
    let filter =
        Filter { handler: Some(route.name.clone()), states: vec![Standing::Dead], limit: LAST, ..Filter::default() };
    handler["deadLetters"] = json!(desk.window(&filter).await?.0.events);
    Ok(answer(&handler))
}

impl Api {
    async fn handler(&self, desk: &Desk, route: &Route) -> Result<Value, InboxError> {
        let said = self.handlers.load();
        let (kind, target) = said.get(&route.name).map_or((None, None), |said| described(said));
        let (kinds, events) = route.wanted();
        let count = async |state| {
            let filter = Filter { handler: Some(route.name.clone()), states: vec![state], ..Filter::default() };
            counted_if(desk.count(&filter).await)
        };
        Ok(json!({
            "name": route.name,
            "type": kind,
            "target": target,
            "paused": route.paused,
            "kinds": kinds,
            "events": events,
            "documents": route.documents,
            "waiting": count(Standing::Pending).await?,
            "dead": count(Standing::Dead).await?,
        }))
    }
}

/// Type and target. Of a program only its name: where programs are is nobody's business here.
pub(in crate::admin) fn described(said: &str) -> (Option<&str>, Option<&str>) {
    match said.split_once(", ") {
        Some(("exec", program)) => (Some("exec"), FilePath::new(program).file_name().and_then(|name| name.to_str())),
        Some((kind, target)) => (Some(kind), Some(target)),
        None => (Some(said), None),
    }
}
