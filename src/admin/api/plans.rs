//! What is done to many events: a plan, which says how many and is fixed by that, and its run.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::acts::id_of;
use super::events::Key;
use super::once::{self, Ids};
use super::query::Asked;
use super::sent::{Sent, given, required};
use super::{Api, Refused, counted};
use crate::admin::access::{Visitor, Way};
use crate::desk::{Configured, Desk, Frozen, RunError};
use crate::event::rfc3339;
use crate::inbox::{Deed, Filter, InboxError};
use crate::respond::{self, Declined, Done};
use crate::shown;

/// By what many events are acted on. What takes a look into bodies is not among it.
const FILTERS: [&str; 8] = ["state", "kind", "event", "handler", "number", "since", "until", "origin"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    action: Acting,
    filter: BTreeMap<String, Value>,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Acting {
    Deliver,
    Discard,
}

/// Nothing has to be said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Makes a plan. Nothing is done.
pub(super) async fn make(
    State(api): State<Arc<Api>>,
    Extension(visitor): Extension<Visitor>,
    Extension(way): Extension<Way>,
    request: Request,
) -> Result<Response, Refused> {
    let Sent { person, body: Plan { action, filter, reason }, once } = Sent::read(&visitor, way, request).await?;
    let desk = api.desk()?;
    let filter = filter_of(&filter)?;
    let deed = match action {
        Acting::Deliver => Deed::Deliver,
        Acting::Discard => Deed::Discard,
    };
    let reason = if deed == Deed::Discard { Some(required(reason.as_deref())?) } else { given(reason.as_deref())? };
    if let Some(what) = not_meant(desk, deed, &filter).await? {
        return Err(Refused::unfit(&what));
    }
    let work = async |ids: Ids| {
        for id in &ids.before {
            if let Some(plan) = desk.frozen(*id) {
                return Ok((Done::Made, shown_plan(&plan)));
            }
            if desk.was_run(*id).await? {
                return Err(once::another());
            }
        }
        let plan = desk.freeze_as(ids.new, &person, deed, &filter, reason).await?;
        Ok((Done::Made, shown_plan(&plan)))
    };
    api.answers.once(once, work).await
}

/// Has a plan carried out.
pub(super) async fn run(
    State(api): State<Arc<Api>>,
    Extension(visitor): Extension<Visitor>,
    Extension(way): Extension<Way>,
    key: Key,
    request: Request,
) -> Result<Response, Refused> {
    let Sent { person, body: Nothing {}, once } = Sent::read(&visitor, way, request).await?;
    let (desk, id) = (api.desk()?, id_of(&key, "plan")?);
    let work = async |_: Ids| {
        let action = desk.run(id, &person).await.map_err(|error| match error {
            RunError::Store(error) => error.into(),
            error => Refused::new(respond::declined(Declined::Conflict, &error.to_string())),
        })?;
        Ok((Done::Begun, json!({"action": action})))
    };
    api.answers.once(once, work).await
}

/// The filter of an object, whose values are texts; of the states there may be a list.
fn filter_of(filter: &BTreeMap<String, Value>) -> Result<Filter, Refused> {
    let mut pairs = Vec::new();
    for (name, value) in filter {
        match value {
            Value::Null => {}
            Value::String(text) => pairs.push((name.clone(), text.clone())),
            Value::Array(all) if name == "state" && all.iter().all(Value::is_string) => {
                let states: Vec<_> = all.iter().filter_map(Value::as_str).collect();
                pairs.push((name.clone(), states.join(",")));
            }
            _ => return Err(Refused::unfit(&format!("{} in filter is no text", shown::quoted(name, 40)))),
        }
    }
    let asked = Asked::of(pairs, &FILTERS).and_then(|asked| asked.filter(0));
    asked.map_err(|what| Refused::unfit(&what))
}

/// Why that is not asked for many events: nothing is set aside by mistake, nor for a handler that there is not.
pub(in crate::admin) async fn not_meant(
    desk: &Desk,
    deed: Deed,
    filter: &Filter,
) -> Result<Option<String>, InboxError> {
    if deed == Deed::Discard && filter.states.is_empty() {
        return Ok(Some("to set many events aside, `state` has to be in the filter".to_owned()));
    }
    if let Some(name) = &filter.handler
        && desk.configured(name) == Configured::No
        && (deed == Deed::Deliver || !desk.had_any(name).await?)
    {
        return Ok(Some(format!("there is no handler {}", shown::quoted(name, 100))));
    }
    Ok(None)
}

fn shown_plan(plan: &Frozen) -> Value {
    let count = counted(plan.count);
    let states: Map<_, _> =
        plan.states.iter().map(|(state, count)| (state.as_str().to_owned(), json!(count))).collect();
    let kinds = plan.kinds.iter().filter_map(|(kind, count)| Some(((*kind)?.to_string(), json!(count))));
    json!({
        "id": plan.id,
        "action": plan.deed,
        "count": count["count"],
        "more": count["more"],
        "frozen": {"sequence": plan.sequence, "at": rfc3339(plan.at)},
        "expires": rfc3339(plan.expires),
        "overtakes": plan.overtakes.events,
        "overtakesOf": plan.overtakes.looked,
        "states": states,
        "kinds": kinds.collect::<Map<_, _>>(),
        "handlers": plan.handlers,
        "oldest": plan.oldest.map(rfc3339),
        "newest": plan.newest.map(rfc3339),
        "others": plan.others,
        "beyond": plan.beyond,
        "reason": plan.reason,
    })
}
