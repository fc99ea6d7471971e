//! Events: some, one, its body, and all that name a number.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::query::Asked;
use super::{Api, Refused, answer, flow, list as listed};
use crate::desk::{Desk, Within};
use crate::event::rfc3339;
use crate::inbox::{EventView, Filter};
use crate::respond::{self, Declined};

/// What a body is allowed where somebody opens it in a browser all the same.
const NOTHING: &str = "sandbox; default-src 'none'";

/// A key in an address.
pub(super) type Key = Result<Path<String>, PathRejection>;

/// The newest first.
pub(super) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let (filter, within) = filter(&uri).map_err(|what| Refused::because(&what))?;
    let Some(within) = within else {
        let (page, next) = desk.window(&filter).await?;
        return answer_with_unread(desk, &filter, listed(&page, next)).await;
    };
    // It holds a body in memory.
    let _turn = flow::turn(&api.flows).await?;
    let found = desk.inside(&filter, &within).await?;
    let mut list = listed(&found.page, found.next);
    if let Some(time) = found.looked_back_to {
        list["looked_back_to"] = json!(rfc3339(time));
    }
    answer_with_unread(desk, &filter, list).await
}

fn filter(uri: &Uri) -> Result<(Filter, Option<Within>), String> {
    let asked = Asked::read(uri, &["limit", "after", "partner", "item"])?;
    let filter = Filter { before: asked.after()?, ..asked.filter(asked.limit()?)? };
    Ok((filter, asked.within()?))
}

/// Everything that names a number, the oldest first.
pub(super) async fn order(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let read = || -> Result<_, String> {
        let asked = Asked::read(&uri, &["limit", "after"])?;
        Ok((asked.filter(0)?, asked.limit()?, asked.after()?))
    };
    let (filter, limit, after) = read().map_err(|what| Refused::because(&what))?;
    if filter.number.is_none() {
        return Err(Refused::because(
            "number is missing: that of a purchase order, shipment, or whatever is looked for",
        ));
    }
    let mut sequences = desk.sequences(&filter).await?;
    sequences.retain(|sequence| after.is_none_or(|after| *sequence > after));
    let more = sequences.len() > limit;
    sequences.truncate(limit);
    let next = sequences.last().copied().filter(|_| more);
    let page = desk.page(&sequences).await?;
    answer_with_unread(desk, &filter, listed(&page, next)).await
}

/// Where somebody looks for a number, with how far numbers have been read.
async fn answer_with_unread(desk: &Desk, filter: &Filter, mut list: Value) -> Result<Response, Refused> {
    if filter.number.is_some()
        && let Some(unread) = desk.unread().await?
    {
        list["unread"] = json!(unread);
    }
    Ok(answer(&list))
}

/// One.
pub(super) async fn one(State(api): State<Arc<Api>>, key: Key) -> Result<Response, Refused> {
    let event = find(api.desk()?, &key).await?;
    Ok(answer(&json!(event)))
}

/// The bytes that came, to be kept: nothing opens them by itself.
pub(super) async fn body(State(api): State<Arc<Api>>, key: Key) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let event = find(desk, &key).await?;
    if event.erased.is_some() {
        return Err(Refused::new(respond::declined(Declined::Gone, "somebody has erased this body")));
    }
    bytes(&api, &event).await
}

/// The same of an event that is there, and was not erased.
pub(in crate::admin) async fn bytes(api: &Api, event: &EventView) -> Result<Response, Refused> {
    let desk = api.desk()?;
    let turn = flow::turn(&api.flows).await?;
    let body = desk.body(event).await?;
    let length = body.len();
    let mut response = flow::of(body, turn);
    let named = format!("attachment; filename=\"{}.{}\"", event.key, ending(event));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
    if let Ok(named) = HeaderValue::from_str(&named) {
        headers.insert(CONTENT_DISPOSITION, named);
    }
    Ok(response)
}

/// What a file of it is called by; nothing that a double click runs.
fn ending(event: &EventView) -> &'static str {
    let media_type = event.content_type.as_deref().unwrap_or_default();
    let is = |kind| media_type.split(';').next().is_some_and(|essence| essence.trim().ends_with(kind));
    if is("json") {
        "json"
    } else if is("xml") {
        "xml"
    } else {
        "bin"
    }
}

/// The event of a key. A refused body that has become one leads to that.
pub(super) async fn find(desk: &Desk, key: &Key) -> Result<EventView, Refused> {
    let id = key_of(key)?;
    if let Some(event) = desk.show(&id).await? {
        return Ok(event);
    }
    let Some(became) = desk.became(&id).await? else { return Err(no_such_key()) };
    let key = desk.show(&became).await?.map(|event| json!(event.key));
    let more = Map::from_iter([("became".to_owned(), json!(became)), ("key".to_owned(), json!(key))]);
    Err(Refused::new(respond::declined_with(Declined::NotThere, "this refused body has become an event", more)))
}

/// A key in the form in which it is an id.
pub(super) fn key_of(key: &Key) -> Result<String, Refused> {
    let Ok(Path(text)) = key else { return Err(no_such_key()) };
    // Of many forms only the one that it is shown in.
    let key = Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string().eq_ignore_ascii_case(text));
    key.map(|key| key.to_string()).ok_or_else(no_such_key)
}

fn no_such_key() -> Refused {
    Refused::new(respond::declined(Declined::NotThere, "no event has that key, which is a UUID"))
}
