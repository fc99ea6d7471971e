//! What is done to one event: delivered, set aside. Answered with the event as it is after that.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::events::{Key, find, key_of};
use super::once::{self, DAY, Ids};
use super::sent::{Sent, given, required};
use super::{Api, Refused};
use crate::admin::access::{Visitor, Way};
use crate::desk::{Configured, Desk, Errand, Note, Outcome};
use crate::inbox::{Deed, EventView};
use crate::respond::{self, Declined, Done};
use crate::shown;
use crate::wording::notes;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deliver {
    handler: Option<String>,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Discard {
    reason: Option<String>,
}

/// What is asked for: the same under the same key is done once.
struct Asked<'a> {
    what: Deed,
    handler: Option<&'a str>,
    reason: Option<&'a str>,
}

/// Has it delivered.
pub(super) async fn deliver(
    State(api): State<Arc<Api>>,
    Extension(visitor): Extension<Visitor>,
    Extension(way): Extension<Way>,
    key: Key,
    request: Request,
) -> Result<Response, Refused> {
    let Sent { person, body: Deliver { handler, reason }, once } = Sent::read(&visitor, way, request).await?;
    let (desk, reason) = (api.desk()?, given(reason.as_deref())?);
    let handler = handler.as_deref();
    if let Some(name) = handler.filter(|name| desk.configured(name) == Configured::No) {
        return Err(Refused::unfit(&format!("there is no handler {}", shown::quoted(name, 100))));
    }
    let work = async |ids: Ids| {
        let asked = Asked { what: Deed::Deliver, handler, reason: reason.as_deref() };
        if let Some(event) = before(desk, &ids, &key, &asked).await? {
            return Ok((Done::Here, event));
        }
        let event = find(desk, &key).await?;
        let errand = Errand::known_as(ids.new, person, reason.clone());
        let id = match desk.deliver_one(&event, handler, &errand).await? {
            Outcome::Accepted(Ok(accepted)) => accepted.id,
            Outcome::Accepted(Err(unreadable)) => {
                let detail = format!("it still cannot be read as an event: {}", shown::line(&unreadable.to_string()));
                return Err(Refused::unfit(&detail));
            }
            Outcome::Delivered(delivered) if delivered.done => event.id,
            Outcome::Delivered(delivered) => {
                let why: Vec<_> = delivered.notes.iter().map(why).collect();
                return Err(Refused::new(respond::declined(Declined::Conflict, &why.join("; "))));
            }
        };
        Ok((Done::Here, shown_now(desk, &id).await?))
    };
    api.answers.once(once, work).await
}

/// Sets it aside.
pub(super) async fn discard(
    State(api): State<Arc<Api>>,
    Extension(visitor): Extension<Visitor>,
    Extension(way): Extension<Way>,
    key: Key,
    request: Request,
) -> Result<Response, Refused> {
    let Sent { person, body: Discard { reason }, once } = Sent::read(&visitor, way, request).await?;
    let (desk, reason) = (api.desk()?, required(reason.as_deref())?);
    let work = async |ids: Ids| {
        let asked = Asked { what: Deed::Discard, handler: None, reason: Some(&reason) };
        if let Some(event) = before(desk, &ids, &key, &asked).await? {
            return Ok((Done::Here, event));
        }
        let event = find(desk, &key).await?;
        let errand = Errand::known_as(ids.new, person, Some(reason.clone()));
        if desk.discard_one(&event, None, &errand).await?.discarded == 0 {
            let detail = "there is nothing to set aside: it is done, or was set aside before";
            return Err(Refused::new(respond::declined(Declined::Conflict, detail)));
        }
        Ok((Done::Here, shown_now(desk, &event.id).await?))
    };
    api.answers.once(once, work).await
}

/// The event as it is, if exactly that was done to it under the same key within a day.
async fn before(desk: &Desk, ids: &Ids, key: &Key, asked: &Asked<'_>) -> Result<Option<Value>, Refused> {
    let since = Timestamp::now().saturating_sub(DAY).unwrap_or(Timestamp::MIN);
    for id in &ids.before {
        let [did, accepted] = Errand::ids_of(*id);
        let kept = match desk.deed(did).await? {
            None => desk.deed(accepted).await?,
            kept => kept,
        };
        if kept.is_none_or(|kept| kept.deed.at <= since) {
            continue;
        }
        let actions = desk.actions(&key_of(key)?).await?;
        let on_it = actions.into_iter().find(|action| match action.what {
            Deed::Accept => action.id == accepted && asked.what == Deed::Deliver,
            what => action.id == did && what == asked.what && action.handler.as_deref() == asked.handler,
        });
        let on_it = on_it.filter(|action| action.reason.as_deref() == asked.reason).ok_or_else(once::another)?;
        return shown_now(desk, on_it.became.as_deref().unwrap_or(&on_it.event)).await.map(Some);
    }
    Ok(None)
}

/// The event as it is by now.
async fn shown_now(desk: &Desk, id: &str) -> Result<Value, Refused> {
    let event: Option<EventView> = desk.show(id).await?;
    event.map(|event| json!(event)).ok_or_else(|| {
        Refused::new(respond::declined(Declined::NotThere, "it was done, and the event is not in the inbox any more"))
    })
}

/// Why nothing is delivered now.
fn why(note: &Note) -> String {
    match note {
        Note::Nothing => {
            "there is nothing to deliver: each handler that wanted it, if any, is done. With `handler`, one \
                          gets it once more"
                .to_owned()
        }
        note => notes::in_words(note),
    }
}

/// An id in an address.
pub(super) fn id_of(key: &Key, what: &str) -> Result<Uuid, Refused> {
    let none = || Refused::new(respond::declined(Declined::NotThere, &format!("there is no {what} of that id")));
    let Ok(axum::extract::Path(text)) = key else { return Err(none()) };
    Uuid::try_parse(text).ok().filter(|id| id.to_string().eq_ignore_ascii_case(text)).ok_or_else(none)
}
