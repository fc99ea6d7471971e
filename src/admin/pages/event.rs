//! `/events/<key>`: one event: what happens next, what it is, what happened to it, what is in it, and what has changed.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;

use super::acting::Buttons;
use super::body::{Shown, View, shown};
use super::documents::{self, Document};
use super::facts::{Fact, facts, names};
use super::marks::{Badge, Icon, When};
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::admin::api::bytes;
use crate::desk::Desk;
use crate::event::Event;
use crate::inbox::EventView;
use crate::model::references::MOST;
use crate::respond;
use crate::shown::printable;
use crate::wording::changes::{Change, changes};
use crate::wording::contents::{Contents, Of, contents};
use crate::wording::headline::{Reader, sentences};
use crate::wording::names::{capitalised, number, title};
use crate::wording::timeline::{Tone, moments};

/// A larger body is not looked into for a page: it is there to be downloaded.
const LARGE: u64 = 4 << 20;
/// So many moments are shown at once; the others are behind a click.
const MOMENTS: usize = 20;
/// So many lines of it,
const LINES: usize = 200;
/// and so many changes.
const CHANGES: usize = 60;

#[derive(Template)]
#[template(path = "event.html", config = "src/admin/pages/askama.toml")]
struct OfEvent {
    frame: Frame,
    title: String,
    number: Option<String>,
    badge: Badge,
    tone: &'static str,
    headline: Vec<String>,
    facts: Vec<(&'static str, Fact)>,
    names: Vec<(String, Vec<String>)>,
    names_more: bool,
    not_wanted: Vec<String>,
    earlier: Vec<Line>,
    latest: Vec<Line>,
    table: Option<Table>,
    unshown: Option<String>,
    changed: Option<Changed>,
    documents: Vec<Document>,
    before: Option<Beside>,
    after: Option<Beside>,
    key: String,
    buttons: Buttons,
    has_body: bool,
    view: View,
    is_event: bool,
    body: Option<Shown>,
}

/// Something that happened.
struct Line {
    icon: Icon,
    at: When,
    what: String,
    more: String,
}

struct Table {
    of_order: bool,
    rows: Vec<Vec<String>>,
    more: usize,
}

/// What is otherwise than with the event before.
struct Changed {
    before: Beside,
    rows: Vec<Change>,
    more: usize,
}

/// Another event.
struct Beside {
    key: String,
    title: String,
    received: When,
}

/// What an address names.
pub(super) type Key = Result<Path<String>, PathRejection>;

pub(super) async fn show(visit: Visit, key: Key) -> Response {
    match find(&visit, key).await {
        Ok(Found::Event(event)) => {
            let page = page(&visit, &event).await;
            visit.answer(page)
        }
        Ok(Found::Became(key)) => respond::elsewhere(&key),
        Err(trouble) => visit.answer::<OfEvent>(Err(trouble)),
    }
}

/// The bytes that came, to be kept.
pub(super) async fn body(visit: Visit, key: Key) -> Response {
    let event = match find(&visit, key).await {
        Ok(Found::Event(event)) => event,
        Ok(Found::Became(key)) => return respond::elsewhere(&format!("../{key}/body")),
        Err(trouble) => return visit.answer::<OfEvent>(Err(trouble)),
    };
    if event.erased.is_some() {
        return visit.answer::<OfEvent>(Err(Trouble::Gone("Somebody has erased this body.".to_owned())));
    }
    match bytes(&visit.pages.api, &event).await {
        Ok(body) => body,
        Err(_) => visit.answer::<OfEvent>(Err(Trouble::Busy)),
    }
}

/// What is found by a key.
pub(super) enum Found {
    Event(Box<EventView>),
    /// The key of what a refused body has become.
    Became(String),
}

/// The event of a key.
pub(super) async fn find(visit: &Visit, key: Key) -> Result<Found, Trouble> {
    let none =
        || Trouble::NotThere("There is no event of that key. Events are removed when their time is over.".to_owned());
    let desk = visit.desk()?;
    let Ok(Path(key)) = key else { return Err(none()) };
    let key = Uuid::try_parse(&key).ok().filter(|uuid| uuid.to_string().eq_ignore_ascii_case(&key)).ok_or_else(none)?;
    let id = key.to_string();
    if let Some(event) = desk.show(&id).await? {
        return Ok(Found::Event(Box::new(event)));
    }
    let Some(became) = desk.became(&id).await? else { return Err(none()) };
    let event = desk.show(&became).await?.ok_or_else(none)?;
    Ok(Found::Became(event.key.to_string()))
}

async fn page(visit: &Visit, event: &EventView) -> Result<OfEvent, Trouble> {
    let desk = visit.desk()?;
    let name = capitalised(&title(event));
    let number = number(event).map(str::to_owned);
    let heading = number.as_ref().map_or_else(|| name.clone(), |number| format!("{name} {number}"));
    let view = View::of(visit, event);
    let is_small = event.size <= LARGE;
    let read = if is_small { desk.event(event).await? } else { None };
    let (table, unshown) = table(read.as_ref(), is_small);
    let neighbours = desk.neighbours(event).await?;
    let beside = |one: Option<EventView>| one.map(|one| Beside::of(&one, visit));
    let mut lines: Vec<_> = moments(event)
        .into_iter()
        .map(|moment| Line {
            icon: icon(moment.tone),
            at: visit.when(moment.at),
            what: capitalised(&moment.what),
            more: moment.more.join("\n"),
        })
        .collect();
    let latest = lines.split_off(lines.len().saturating_sub(MOMENTS));
    let has_body = event.erased.is_none() && event.size > 0;
    let body = if has_body { shown(desk, event, read.as_ref(), view).await? } else { None };
    Ok(OfEvent {
        frame: visit.frame(heading, "events"),
        badge: Badge(event.state),
        tone: Icon::of(event.state).tone(),
        headline: sentences(event, desk, &visit.zone, Reader::Page),
        facts: facts(event, visit),
        names: names(event),
        names_more: event.references.as_ref().is_some_and(|all| all.len() >= MOST),
        not_wanted: if is_small { not_wanted(desk, event).await? } else { Vec::new() },
        earlier: lines,
        latest,
        table,
        unshown,
        changed: changed(desk, event, read.as_ref(), visit).await?,
        documents: documents::of(desk, read.as_ref()).await,
        before: beside(neighbours.before),
        after: beside(neighbours.after),
        key: event.key.to_string(),
        buttons: Buttons::of(visit, event, desk),
        has_body,
        view,
        is_event: event.kind.is_some(),
        body,
        title: name,
        number,
    })
}

const fn icon(tone: Tone) -> Icon {
    match tone {
        Tone::Came => Icon::Came,
        Tone::Good => Icon::Good,
        Tone::Again => Icon::Waits,
        Tone::Bad => Icon::Bad,
        Tone::Person => Icon::Person,
    }
}

async fn not_wanted(desk: &Desk, event: &EventView) -> Result<Vec<String>, Trouble> {
    let handlers = desk.not_wanted(event).await?;
    let words = handlers.into_iter().map(|one| match one.filter {
        Some(filter) => {
            format!("Handler {} has not got it: its filter \u{201c}{filter}\u{201d} leaves it out.", one.handler)
        }
        None => format!("Handler {} has not got it: it did not want it, or was not there, when it came.", one.handler),
    });
    Ok(words.collect())
}

fn table(event: Option<&Event>, is_small: bool) -> (Option<Table>, Option<String>) {
    if !is_small {
        return (None, Some("It is too large to be looked into here. Download it.".to_owned()));
    }
    let Some(event) = event else { return (None, None) };
    match event.message() {
        Ok(message) => (contents(&message).map(Table::of), None),
        Err(error) => (None, Some(format!("It cannot be shown as a table: {}", printable(&error.to_string())))),
    }
}

async fn changed(
    desk: &Desk,
    event: &EventView,
    new: Option<&Event>,
    visit: &Visit,
) -> Result<Option<Changed>, Trouble> {
    let Some(new) = new else { return Ok(None) };
    let Some(before) = desk.before(event).await?.filter(|before| before.size <= LARGE) else { return Ok(None) };
    let Some(old) = desk.event(&before).await? else { return Ok(None) };
    let read = |event: &Event| serde_json::from_slice::<Value>(&event.data().ok()?).ok();
    let Some((old, new)) = read(&old).zip(read(new)) else { return Ok(None) };
    let mut rows = changes(&old, &new);
    let more = rows.len().saturating_sub(CHANGES);
    rows.truncate(CHANGES);
    Ok(Some(Changed { before: Beside::of(&before, visit), rows, more }))
}

impl Table {
    fn of(Contents { of, mut rows }: Contents) -> Self {
        let more = rows.len().saturating_sub(LINES);
        rows.truncate(LINES);
        Self { of_order: of == Of::Order, rows, more }
    }

    /// Its columns, and which of them are numbers.
    fn columns(&self) -> &'static [(&'static str, bool)] {
        const OF_ORDER: [(&str, bool); 7] = [
            ("Line", false),
            ("Item", false),
            ("Name", false),
            ("Quantity", true),
            ("Unit", false),
            ("Date", false),
            ("Price", true),
        ];
        const OF_SHIPMENT: [(&str, bool); 6] =
            [("Order", false), ("Line", false), ("Item", false), ("Name", false), ("Shipped", true), ("Unit", false)];
        if self.of_order { &OF_ORDER } else { &OF_SHIPMENT }
    }

    /// The cells of a row, each with its column.
    fn cells<'a>(&'a self, row: &'a [String]) -> impl Iterator<Item = (&'static (&'static str, bool), &'a String)> {
        self.columns().iter().zip(row)
    }
}

impl Beside {
    fn of(event: &EventView, visit: &Visit) -> Self {
        Self { key: event.key.to_string(), title: title(event), received: visit.when(event.received) }
    }
}
