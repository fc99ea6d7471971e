//! `/actions/<id>`: one thing that somebody did: how far it is, to stop it, to which events it was done, and to undo it.

use askama::Template;
use axum::Extension;
use axum::extract::Request;
use axum::response::Response;
use uuid::Uuid;

use super::sent::operator;
use crate::admin::access::{Role, Way};
use crate::admin::pages::event::Key;
use crate::admin::pages::marks::When;
use crate::admin::pages::rows::Rows;
use crate::admin::pages::trouble::Trouble;
use crate::admin::pages::visit::{Frame, Visit};
use crate::desk::{DeedSeen, Stage};
use crate::inbox::Deed;
use crate::respond;
use crate::wording::numbers::{events, with_commas};

/// So many of its events are shown.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "action.html", config = "src/admin/pages/askama.toml")]
struct Action {
    frame: Frame,
    id: Uuid,
    at: When,
    who: String,
    from: String,
    handler: Option<String>,
    filter: Option<String>,
    reason: Option<String>,
    events: String,
    progress: Option<Progress>,
    may_stop: bool,
    may_undo: bool,
    rows: Rows,
}

struct Progress {
    words: String,
    done: u64,
    count: u64,
    runs: bool,
}

pub(super) async fn show(visit: Visit, key: Key) -> Response {
    let page = page(&visit, &key).await;
    visit.answer(page)
}

/// Stops what goes on. What was done stays; what has come to its end is told so.
pub(super) async fn stop(visit: Visit, Extension(way): Extension<Way>, key: Key, _: Request) -> Response {
    let stopped = async {
        operator(&visit, way)?;
        let (desk, id) = (visit.desk()?, id_of(&key)?);
        if !desk.stop(id).await? && desk.deed(id).await?.is_none() {
            return Err(not_there());
        }
        Ok(id)
    };
    match stopped.await {
        Ok(id) => respond::elsewhere(&format!("../{id}")),
        Err(trouble) => visit.answer::<Action>(Err(trouble)),
    }
}

async fn page(visit: &Visit, key: &Key) -> Result<Action, Trouble> {
    let (desk, id) = (visit.desk()?, id_of(key)?);
    let DeedSeen { deed, progress } = desk.deed(id).await?.ok_or_else(not_there)?;
    let page = desk.acted(id, SHOWN).await?;
    let title = match deed.what {
        Deed::Deliver => "Delivered",
        Deed::Discard => "Set aside",
        Deed::Accept => "Taken as events",
        Deed::Erase => "Erased",
    };
    let may = visit.visitor.role == Role::Operator;
    let runs = progress.is_some_and(|progress| progress.state == Stage::Running);
    let frame = visit.frame(title, "actions");
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Action {
        id,
        at: visit.when(deed.at),
        from: deed.address.map_or(deed.via.clone(), |address| format!("{}, from {address}", deed.via)),
        who: deed.who,
        handler: deed.handler,
        filter: deed.filter.filter(|filter| !filter.is_empty()),
        reason: deed.reason,
        events: events(number(deed.events)),
        progress: progress.map(|now| Progress {
            words: words(now.state, number(now.done), now.count),
            done: now.done.min(now.count as u64),
            count: now.count as u64,
            runs: now.state == Stage::Running,
        }),
        may_stop: may && runs,
        may_undo: may && !runs && deed.what == Deed::Discard && deed.events > 0,
        rows: Rows::of("Events of it", &page, None, visit, desk, &frame.root),
        frame,
    })
}

/// How far it is.
fn words(state: Stage, done: usize, count: usize) -> String {
    let (done_is, all) = (with_commas(done), events(count));
    match state {
        Stage::Running => format!("{done_is} of {all} so far. It goes on, also after a restart of the receiver."),
        Stage::Stopped => format!("Stopped after {done_is} of {all}. What was done stays."),
        Stage::Finished if done < count => {
            format!(
                "Finished: {done_is} of {all}. The others were not any more as they had been when it was asked for."
            )
        }
        Stage::Finished => format!("Finished: {done_is} of {all}."),
    }
}

fn id_of(key: &Key) -> Result<Uuid, Trouble> {
    let Ok(axum::extract::Path(text)) = key else { return Err(not_there()) };
    Uuid::try_parse(text).ok().filter(|id| id.to_string().eq_ignore_ascii_case(text)).ok_or_else(not_there)
}

fn not_there() -> Trouble {
    Trouble::NotThere("There is no action of that id.".to_owned())
}
