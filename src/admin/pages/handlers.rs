//! `/handlers` and `/handlers/<name>`: what each handler is, how much waits for it, and what failed there.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;

use super::marks::When;
use super::rows::Rows;
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::admin::api::described;
use crate::desk::{Configured, Desk, HandlerNow};
use crate::dispatch::Route;
use crate::inbox::{Count, Filter, State};
use crate::wording::numbers::counted;
use crate::wording::standing::dead;

/// So many dead letters are shown of a handler, and grouped by what was said.
const LAST: usize = 20;

/// A handler in a table.
pub(super) struct HandlerRow {
    pub(super) name: String,
    /// Type and target.
    pub(super) what: String,
    pub(super) standing: &'static str,
    pub(super) is_at_work: bool,
    pub(super) waiting: String,
    pub(super) waits: bool,
    pub(super) dead: String,
    pub(super) has_dead: bool,
    pub(super) oldest: Option<When>,
    pub(super) last: Option<When>,
}

#[derive(Template)]
#[template(path = "handlers.html", config = "src/admin/pages/askama.toml")]
struct All {
    frame: Frame,
    handlers: Vec<HandlerRow>,
}

#[derive(Template)]
#[template(path = "handler.html", config = "src/admin/pages/askama.toml")]
struct One {
    frame: Frame,
    handler: HandlerRow,
    /// Its key in the configuration.
    wants: Vec<String>,
    has_documents: bool,
    takes: Option<String>,
    reasons: Vec<(String, usize)>,
    dead: Rows,
    more_dead: bool,
}

pub(super) async fn all(visit: Visit) -> Response {
    let page = list(&visit).await;
    visit.answer(page)
}

async fn list(visit: &Visit) -> Result<All, Trouble> {
    let desk = visit.desk()?;
    let handlers = handler_rows(&desk.handlers_now().await?, visit, desk).await?;
    Ok(All { frame: visit.frame("Handlers", "handlers"), handlers })
}

pub(super) async fn one(visit: Visit, name: Result<Path<String>, PathRejection>) -> Response {
    let page = handler(&visit, name).await;
    visit.answer(page)
}

async fn handler(visit: &Visit, name: Result<Path<String>, PathRejection>) -> Result<One, Trouble> {
    let none = || Trouble::NotThere("There is no handler of that name, and nothing waits for one.".to_owned());
    let desk = visit.desk()?;
    let Ok(Path(name)) = name else { return Err(none()) };
    let routes = desk.routes();
    let route = routes.iter().find(|route| route.name == name);
    if name.contains('\0') || route.is_none() && !desk.had_any(&name).await? {
        return Err(none());
    }
    let mut rows = handler_rows(&[desk.handler_now(&name).await?], visit, desk).await?;
    let Some(handler) = rows.pop() else { return Err(none()) };
    let filter = Filter { handler: Some(name.clone()), states: vec![State::Dead], limit: LAST, ..Filter::default() };
    let (page, more) = desk.window(&filter).await?;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for event in &page.events {
        let delivery = event.deliveries.iter().find(|delivery| delivery.handler == name);
        if let Some(delivery) = delivery {
            *reasons.entry(dead(delivery, &event.attempts)).or_default() += 1;
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let frame = visit.frame(format!("Handler {name}"), "handlers");
    let takes = desk.pace(&name).await?.map(|pace| {
        let of =
            if pace.events == 1 { "the last event".to_owned() } else { format!("the last {} events", pace.events) };
        format!("half within {}, 95 of 100 within {}, of {of}", took(pace.half), took(pace.most))
    });
    Ok(One {
        dead: Rows::of("Dead letters of this handler", &page, Some(&name), visit, desk, &frame.root),
        more_dead: more.is_some(),
        wants: route.map(wants).unwrap_or_default(),
        has_documents: route.is_some_and(|route| route.documents),
        frame,
        handler,
        takes,
        reasons,
    })
}

fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..10_000 => format!("{milliseconds} ms"),
        _ => format!("{} s", milliseconds / 1000),
    }
}

fn wants(route: &Route) -> Vec<String> {
    let (kinds, events) = route.wanted();
    kinds.iter().map(|kind| kind.as_str().to_owned()).chain(events).collect()
}

/// The handlers as they stand in a table.
pub(super) async fn handler_rows(
    handlers: &[HandlerNow],
    visit: &Visit,
    desk: &Arc<Desk>,
) -> Result<Vec<HandlerRow>, Trouble> {
    let said = visit.pages.api.handlers.load();
    let mut rows = Vec::with_capacity(handlers.len());
    for handler in handlers {
        let what = said.get(&handler.name).map(|said| match described(said) {
            (Some(kind), Some(target)) => format!("{kind}, {target}"),
            (kind, _) => kind.unwrap_or_default().to_owned(),
        });
        let count = |count: Option<Count>| count.map_or_else(|| "very many".to_owned(), counted);
        let last = desk.last_done(&handler.name).await?.and_then(|event| {
            let delivery = event.deliveries.iter().find(|delivery| delivery.handler == handler.name)?;
            Some(visit.when(delivery.changed))
        });
        rows.push(HandlerRow {
            name: handler.name.clone(),
            what: what.unwrap_or_default(),
            standing: match handler.configured {
                Configured::Yes => "at work",
                Configured::Paused => "paused",
                Configured::No => "not in the configuration",
            },
            is_at_work: handler.configured == Configured::Yes,
            waiting: count(handler.waiting.count),
            waits: !handler.waiting.is_none(),
            dead: count(handler.dead.count),
            has_dead: !handler.dead.is_none(),
            oldest: handler.waiting.oldest.map(|at| visit.when(at)),
            last,
        });
    }
    Ok(rows)
}
