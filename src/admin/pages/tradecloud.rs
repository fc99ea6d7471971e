//! `/tradecloud`: whom this receiver asks, and what came of it.

use askama::Template;
use axum::response::Response;

use super::marks::When;
use super::rows::Rows;
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::desk::Desk;
use crate::inbox::{Count, Filter, State};
use crate::wording::numbers::counted;

/// So many are shown of what was missed.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "tradecloud.html", config = "src/admin/pages/askama.toml")]
struct Tradecloud {
    frame: Frame,
    /// Whom it asks; `None` if nobody.
    place: Option<String>,
    has_legacy: bool,
    poll: Option<Poll>,
    ways: Vec<Way>,
    fetching: Rows,
    missed: Rows,
    missed_count: String,
}

struct Poll {
    every: String,
    missed_after: Option<String>,
    /// What is polled, and until when it has been read.
    of: Vec<(&'static str, Option<When>)>,
}

/// How events came, and when the last one did.
struct Way {
    origin: &'static str,
    what: &'static str,
    last: Option<When>,
}

pub(super) async fn show(visit: Visit) -> Response {
    let page = page(&visit).await;
    visit.answer(page)
}

async fn page(visit: &Visit) -> Result<Tradecloud, Trouble> {
    let desk = visit.desk()?;
    let told = visit.pages.told.load_full();
    let mut poll = None;
    if let Some(polled) = told.tradecloud.as_ref().and_then(|told| told.poll.as_ref()) {
        let mut of = Vec::new();
        for (name, cursor) in &polled.of {
            let until = desk.polled_until(cursor).await?;
            let until = until.as_deref().and_then(crate::model::instant::instant);
            of.push((*name, until.map(|at| visit.when(at))));
        }
        let words = |time| humantime::format_duration(time).to_string();
        poll = Some(Poll { every: words(polled.every), missed_after: polled.missed_after.map(words), of });
    }
    let of = |states: &[State], origin: Option<&str>, limit| Filter {
        states: states.to_vec(),
        origin: origin.map(str::to_owned),
        limit,
        ..Filter::default()
    };
    let frame = visit.frame("Tradecloud", "tradecloud");
    let (fetching, _) = desk.window(&of(&[State::Fetching], None, SHOWN)).await?;
    let missed = of(&[], Some("missed"), SHOWN);
    let (latest, _) = desk.window(&missed).await?;
    let missed_count = match desk.count(&missed).await {
        Ok(Count::Exactly(0)) => String::new(),
        Ok(count) => counted(count),
        Err(crate::inbox::InboxError::TooLong) => "very many".to_owned(),
        Err(error) => return Err(error.into()),
    };
    Ok(Tradecloud {
        place: told.tradecloud.as_ref().map(|told| told.place.clone()),
        has_legacy: told.tradecloud.as_ref().is_some_and(|told| told.has_legacy),
        poll,
        ways: ways(desk, visit).await?,
        fetching: Rows::of("What is still to be fetched", &fetching, None, visit, desk, &frame.root),
        missed: Rows::of("What the webhook has not brought", &latest, None, visit, desk, &frame.root),
        missed_count,
        frame,
    })
}

async fn ways(desk: &Desk, visit: &Visit) -> Result<Vec<Way>, Trouble> {
    let known = [
        ("webhook", "sent by Tradecloud's webhook"),
        ("get", "fetched after a GET webhook"),
        ("poll", "found by a poll"),
        ("missed", "found by a poll, and the webhook had not brought it"),
        ("fetch", "fetched by hand"),
        ("backfill", "fetched by hand, as the inbox did not have it"),
    ];
    let mut ways = Vec::with_capacity(known.len());
    for (origin, what) in known {
        let filter = Filter { origin: Some(origin.to_owned()), limit: 1, ..Filter::default() };
        let (page, _) = desk.window(&filter).await?;
        ways.push(Way { origin, what, last: page.events.first().map(|event| visit.when(event.received)) });
    }
    Ok(ways)
}
