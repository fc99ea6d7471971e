//! `/events`: what has come, the newest first, by the filters of the command line.

use askama::Template;
use axum::response::Response;
use clap::ValueEnum as _;

use super::acting::Many;
use super::address::Query;
use super::marks::{Badge, When};
use super::rows::Rows;
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::admin::api::{Asked, cursor, flow};
use crate::desk::ORIGINS;
use crate::inbox::{Count, Filter, State};
use crate::model::Kind;
use crate::wording::numbers::{counted, events, with_commas};

/// So many pages back the way is known.
const STEPS: usize = 20;
/// So many that want attention are shown.
const WANTING: usize = 200;
/// What pages are turned by.
const TURNS: [&str; 3] = ["after", "back", "limit"];

#[derive(Template)]
#[template(path = "events.html", config = "src/admin/pages/askama.toml")]
struct Events {
    frame: Frame,
    form: Form,
    chips: Vec<Chip>,
    how_many: String,
    rows: Rows,
    newest: Option<String>,
    newer: Option<String>,
    older: Option<String>,
    many: Many,
    json: String,
    csv: String,
    /// The key of the newest event that is shown, and by what to look for newer ones.
    live: Option<(String, String)>,
    wrong: Option<String>,
    unread: Option<String>,
    /// Where a look into bodies has ended, as its time was over.
    looked_back_to: Option<When>,
}

/// The form with what was asked for.
struct Form {
    states: Vec<(Badge, &'static str, bool)>,
    kinds: Vec<(&'static str, bool)>,
    handlers: Vec<(String, bool)>,
    origins: Vec<(&'static str, bool)>,
    number: String,
    partner: String,
    item: String,
    event: String,
    since: String,
    until: String,
    attention: bool,
}

/// A filter, and the list without it.
struct Chip {
    what: String,
    link: String,
}

pub(super) async fn show(visit: Visit) -> Response {
    let page = list(&visit).await;
    visit.answer(page)
}

async fn list(visit: &Visit) -> Result<Events, Trouble> {
    let desk = visit.desk()?;
    let read = Asked::read(&visit.uri, &["limit", "after", "back", "attention", "partner", "item"]);
    let asked = read.map_err(Trouble::NoSense)?;
    let query = Query::of(asked.pairs());
    let read = || -> Result<_, String> {
        let filter = Filter { before: asked.after()?, ..asked.filter(asked.limit()?)? };
        Ok((filter, asked.within()?))
    };
    let wants_attention = asked.get("attention").is_some();
    let handlers = desk.routes().iter().map(|route| route.name.clone()).collect();
    let mut frame = visit.frame("Events", "events");
    frame.sought = asked.get("number").unwrap_or_default().to_owned();
    let filters = query.without(&TURNS);
    let mut page = Events {
        form: Form::of(&asked, handlers),
        chips: chips(&filters),
        how_many: String::new(),
        rows: Rows::of("Events", &crate::desk::Page::default(), None, visit, desk, &frame.root),
        newest: None,
        newer: None,
        older: None,
        many: Many::default(),
        json: filters.without(&["attention"]).link("api/v1/export"),
        csv: filters.without(&["attention"]).with("format", "csv").link("api/v1/export"),
        live: None,
        wrong: None,
        unread: None,
        looked_back_to: None,
        frame,
    };
    let (filter, within) = match read() {
        Ok(read) => read,
        Err(what) => {
            page.wrong = Some(what);
            return Ok(page);
        }
    };
    let is_live = asked.get("after").is_none() && !wants_attention && within.is_none() && filter.until.is_none();
    let (found, next) = if let Some(within) = &within {
        // It holds a body in memory.
        let _turn = flow::turn(&visit.pages.api.flows).await.map_err(|_| Trouble::Busy)?;
        let inside = desk.inside(&filter, within).await?;
        page.how_many = events(inside.page.events.len());
        page.looked_back_to = inside.looked_back_to.map(|at| visit.when(at));
        (inside.page, inside.next)
    } else if wants_attention {
        let (found, count) = desk.attention(&Filter { limit: WANTING, ..filter.clone() }).await?;
        page.how_many = how_many(found.events.len(), Some(count));
        (found, None)
    } else {
        let (found, next) = desk.window(&filter).await?;
        let count = match desk.count(&Filter { before: None, ..filter.clone() }).await {
            Err(crate::inbox::InboxError::TooLong) => None,
            count => Some(count?),
        };
        page.how_many = how_many(found.events.len(), count);
        (found, next)
    };
    page.rows = Rows::of("Events, the newest first", &found, filter.handler.as_deref(), visit, desk, &page.frame.root);
    if !page.rows.list.is_empty() {
        page.many = Many::of(visit, &filters, &filter);
    }
    turns(&mut page, &query, next);
    if is_live {
        let key = found.events.first().map(|event| event.key.to_string()).unwrap_or_default();
        page.live = Some((key, filters.encoded()));
    }
    if filter.number.is_some() {
        page.unread = desk.unread().await?.map(|unread| {
            let at = crate::shown::time(unread.newest, &visit.zone);
            format!("Numbers in events that came until {at} are still being read: more may be found later.")
        });
    }
    Ok(page)
}

/// `50 of more than 10,000`.
fn how_many(shown: usize, count: Option<Count>) -> String {
    match count {
        Some(Count::Exactly(all)) if all <= shown => events(shown),
        Some(count) => format!("{} of {}", with_commas(shown), counted(count)),
        None => format!("{} of very many", with_commas(shown)),
    }
}

/// The links to the pages before and after.
fn turns(page: &mut Events, query: &Query, next: Option<i64>) {
    let filters = query.without(&["after", "back"]);
    let value = |name: &str| query.pairs().iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (after, back) = (value("after"), value("back").unwrap_or_default());
    let steps: Vec<&str> = back.split('.').filter(|step| !step.is_empty()).collect();
    if let Some(next) = next {
        let mut steps = steps.clone();
        steps.extend(after);
        let from = steps.len().saturating_sub(STEPS);
        let older = filters.with("after", &cursor(next));
        let way = steps[from..].join(".");
        page.older = Some(if way.is_empty() { older } else { older.with("back", &way) }.link("events"));
    }
    if after.is_some() {
        page.newest = Some(filters.link("events"));
        page.newer = match steps.split_last() {
            Some((last, [])) => Some(filters.with("after", last).link("events")),
            Some((last, rest)) => Some(filters.with("after", last).with("back", &rest.join(".")).link("events")),
            None => page.newest.clone(),
        };
    }
}

fn chips(filters: &Query) -> Vec<Chip> {
    let mut chips = Vec::new();
    for (name, value) in filters.pairs() {
        let what = match name.as_str() {
            "attention" => "wants attention".to_owned(),
            "since" => format!("since {value}"),
            "until" => format!("until {value}"),
            "state" => format!("state {}", value.replace(',', " or ")),
            name => format!("{name} {value}"),
        };
        let others: Vec<_> =
            filters.pairs().iter().filter(|(known, other)| (known, other) != (name, value)).cloned().collect();
        chips.push(Chip { what, link: Query::of(&others).link("events") });
    }
    chips
}

impl Form {
    fn of(asked: &Asked, handlers: Vec<String>) -> Self {
        let text = |name: &str| asked.get(name).unwrap_or_default().to_owned();
        let states: Vec<&str> =
            asked.pairs().iter().filter(|(name, _)| name == "state").map(|(_, v)| v.as_str()).collect();
        let is_asked = |state: &str| states.iter().any(|given| given.split(',').any(|one| one.trim() == state));
        let (handler, kind, origin) = (text("handler"), text("kind"), text("origin"));
        let mut handlers: Vec<_> = handlers.into_iter().map(|name| (name == handler, name)).collect();
        if !handler.is_empty() && !handlers.iter().any(|(is, _)| *is) {
            handlers.push((true, handler));
        }
        Self {
            states: State::value_variants()
                .iter()
                .map(|one| (Badge(*one), one.as_str(), is_asked(one.as_str())))
                .collect(),
            kinds: Kind::ALL.iter().map(|one| (one.as_str(), one.as_str() == kind)).collect(),
            handlers: handlers.into_iter().map(|(is, name)| (name, is)).collect(),
            origins: ORIGINS.into_iter().map(|one| (one, one == origin)).collect(),
            number: text("number"),
            partner: text("partner"),
            item: text("item"),
            event: text("event"),
            since: text("since"),
            until: text("until"),
            attention: asked.get("attention").is_some(),
        }
    }

    /// Whether anything is asked for.
    fn is_empty(&self) -> bool {
        !self.attention
            && self.states.iter().all(|(.., is)| !is)
            && self.kinds.iter().chain(&self.origins).all(|(_, is)| !is)
            && self.handlers.iter().all(|(_, is)| !is)
            && [&self.number, &self.partner, &self.item, &self.event, &self.since, &self.until]
                .iter()
                .all(|text| text.is_empty())
    }
}
