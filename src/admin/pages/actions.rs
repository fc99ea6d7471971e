//! `/actions`: what people did, the newest first, from wherever. What was done to an event also stands in its story.

use askama::Template;
use axum::response::Response;
use uuid::Uuid;

use super::marks::{Icon, When};
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::admin::api::Asked;
use crate::admin::api::actions::{cursor, place};
use crate::desk::{DeedSeen, Progress, Stage};
use crate::inbox::Deed;
use crate::wording::numbers::{events, with_commas};

/// So many on a page.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "actions.html", config = "src/admin/pages/askama.toml")]
struct Actions {
    frame: Frame,
    list: Vec<Action>,
    older: Option<String>,
    is_first: bool,
}

/// What somebody did.
struct Action {
    id: Uuid,
    icon: Icon,
    what: &'static str,
    at: When,
    who: String,
    from: String,
    events: String,
    /// For which handler, and what was asked for.
    of: String,
    reason: String,
}

pub(super) async fn show(visit: Visit) -> Response {
    let page = page(&visit).await;
    visit.answer(page)
}

async fn page(visit: &Visit) -> Result<Actions, Trouble> {
    let desk = visit.desk()?;
    let asked = Asked::only(&visit.uri, &["after"]).map_err(Trouble::NoSense)?;
    let after = asked.get("after");
    let before = match after.map(place) {
        Some(None) => return Err(Trouble::NoSense("This is no page of the list.".to_owned())),
        before => before.flatten(),
    };
    let (deeds, next) = desk.deeds(before, SHOWN).await?;
    Ok(Actions {
        frame: visit.frame("Actions", "actions"),
        list: deeds.into_iter().map(|deed| Action::of(deed, visit)).collect(),
        older: next.map(|(at, id)| format!("actions?after={}", cursor(at, id))),
        is_first: after.is_none(),
    })
}

impl Action {
    fn of(DeedSeen { deed, progress }: DeedSeen, visit: &Visit) -> Self {
        let (icon, what) = match deed.what {
            Deed::Deliver => (Icon::Came, "delivered"),
            Deed::Discard => (Icon::Aside, "set aside"),
            Deed::Accept => (Icon::Good, "taken as events"),
            Deed::Erase => (Icon::Bad, "erased"),
        };
        let from = deed.address.map(|address| format!(", from {address}")).unwrap_or_default();
        let handler = deed.handler.map(|handler| format!("for handler {handler}"));
        let filter = deed.filter.filter(|filter| !filter.is_empty()).map(|filter| format!("asked for with {filter}"));
        Self {
            id: deed.id,
            icon,
            what,
            at: visit.when(deed.at),
            from: format!("{}{from}", deed.via),
            who: deed.who,
            events: progress.map_or_else(|| events(usize::try_from(deed.events).unwrap_or(usize::MAX)), so_far),
            of: [handler, filter].into_iter().flatten().collect::<Vec<_>>().join(", "),
            reason: deed.reason.unwrap_or_default(),
        }
    }
}

/// `500 of 1,200 events, going on`.
fn so_far(Progress { state, count, done }: Progress) -> String {
    let how = match state {
        Stage::Running => "going on",
        Stage::Stopped => "stopped",
        Stage::Finished => "finished",
    };
    format!("{} of {}, {how}", with_commas(usize::try_from(done).unwrap_or(usize::MAX)), events(count))
}
